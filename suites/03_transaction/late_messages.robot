*** Settings ***
Documentation    Each message of two-phase commit comes seconds after the end of its transfer, alone: all others come in
...              time. By then another transaction has locked what the transfer had, and nothing of it may change.

Library          PhantomLibrary
Resource         ../../resources/transactions.resource

Test Template    Late Message Changes Nothing

Test Tags        priority-1    transaction


*** Variables ***
@{MOVED}             90    110
@{AS_BEFORE}         100    100
# What alice and zoe have when all know how the transfer ended, by what its client was told.
&{BALANCES_AFTER}    done=${MOVED}    aborted=${AS_BEFORE}    unknown=${AS_BEFORE}


*** Test Cases ***
Prepare Of The Record Comes Late
    [Documentation]    The shard that would decide is asked to prepare when the coordinator has given up.
    prepare    n2    aborted
Prepare Of The Other Shard Comes Late
    [Documentation]    The other shard is asked to prepare when the record is aborted.
    prepare    n3    aborted
Commit Comes Late
    [Documentation]    The coordinator has the record commit when those in doubt have had it aborted.
    commit    n2    unknown
Abort Comes Late
    [Documentation]    The coordinator has the record abort when those in doubt have had that done.
    abort    n2    aborted    stale=zed
Decision To Commit Comes Late
    [Documentation]    The other shard is told of the commit when it has asked for that.
    resolve    n3    done
Decision To Abort Comes Late
    [Documentation]    The other shard is told of the rollback when it has asked for that.
    resolve    n3    aborted    stale=abe
Double Of A Prepare Of The Record Comes Late
    [Documentation]    The transfer is done; then the shard that decided is asked to prepare it again.
    prepare    n2    done    doubled=yes
Double Of A Prepare Of The Other Shard Comes Late
    [Documentation]    The transfer is done; then the other shard is asked to prepare it again.
    prepare    n3    done    doubled=yes
Double Of A Commit Comes Late
    [Documentation]    The transfer is done; then its record is asked to commit again.
    commit    n2    done    doubled=yes
Double Of An Abort Comes Late
    [Documentation]    The transfer is rolled back; then its record is asked to abort again.
    abort    n2    aborted    stale=zed    doubled=yes
Double Of A Decision To Commit Comes Late
    [Documentation]    The transfer is done; then the other shard is told again.
    resolve    n3    done    doubled=yes
Double Of A Decision To Abort Comes Late
    [Documentation]    The transfer is rolled back; then the other shard is told again.
    resolve    n3    aborted    stale=abe    doubled=yes


*** Keywords ***
Late Message Changes Nothing
    [Documentation]    Moves 10 from alice to zoe while one kind of message to one node takes six seconds, or comes once
    ...                more by then; looks at what became of that, and again when all has come.
    [Arguments]    ${kind}    ${target}    ${told}    ${stale}=${EMPTY}    ${doubled}=no
    Start Bank
    Begin Transfer That May Have Read What Is Stale    ${stale}
    Delay Messages    ${kind}    by=6s    doubled=${doubled}    target=${target}    duration=3s
    Commit Transaction    transfer    outcome=${told}
    Run For    4500 ms
    Balances Should Be    @{BALANCES_AFTER}[${told}]
    Locks Should Be Released
    Next Transfer Should Not Be Disturbed
    Replicas Should Agree
    History Should Be    snapshot    workload=transactions    confirmed=3

Begin Transfer That May Have Read What Is Stale
    [Documentation]    Writes both accounts, but does not commit. With a stale key, the shard of that will refuse.
    [Arguments]    ${stale}
    Begin Transaction    transfer    gateway=n1
    IF    $stale    Read Key    transfer    ${stale}
    Write Key    transfer    alice    90
    Write Key    transfer    zoe    110
    IF    $stale    Put Value    ${stale}    1

Next Transfer Should Not Be Disturbed
    [Documentation]    Moves all that alice has to zoe, slowly: what is late comes while both accounts are locked.
    Begin Transaction    next    gateway=n3
    Write Key    next    alice    0
    Write Key    next    zoe    200
    Run For    6s
    Transaction Should Be    next    active
    Commit Transaction    next
    Balances Should Be    0    200
    Locks Should Be Released    within=50 ms
