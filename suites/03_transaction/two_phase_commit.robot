*** Settings ***
Documentation    Two-phase commit under crashes, losses, doubles and delays: all or nothing, told truly, nothing left.

Library          PhantomLibrary
Resource         ../../resources/transactions.resource

Test Tags        transaction


*** Test Cases ***
Coordinator Crashes At Every Message
    [Documentation]    The coordinator crashes before and after each message and effect of a transfer.
    [Tags]    priority-1
    Crash At Every Message    n1    Transfer Is Whole Whatever Happens

Shard Of The Record Crashes At Every Message
    [Documentation]    The leader of the shard that decides crashes before and after each message and effect.
    [Tags]    priority-1
    Crash At Every Message    n2    Transfer Is Whole Whatever Happens

Other Participant Crashes At Every Message
    [Documentation]    The leader of the other shard crashes before and after each message and effect.
    [Tags]    priority-1
    Crash At Every Message    n3    Transfer Is Whole Whatever Happens

Coordinator Crashes Between Two Prepares
    [Documentation]    One shard has been asked to prepare, the other one never is: nothing happens.
    [Tags]    priority-1
    [Setup]    Start Bank
    Arm Fault    prepare sent    crash node    occurrence=2    phase=before
    Transfer Ten    outcome=unknown
    Transaction Should Be    transfer    aborted    within=10s
    Balances Should Be    100    100
    Nothing Should Be Locked

Coordinator Crashes Before It Decides
    [Documentation]    Both shards have prepared and wait: whoever asks has the transfer aborted.
    [Tags]    priority-1
    [Setup]    Start Bank
    Arm Fault    commit sent    crash node    phase=before
    Transfer Ten    outcome=unknown
    Transaction Should Be    transfer    prepared
    Transaction Should Be    transfer    aborted    within=10s
    Balances Should Be    100    100
    Nothing Should Be Locked

Coordinator Crashes Before It Learns Of Its Commit
    [Documentation]    The commit is decided: its client learns nothing, but the transfer is done on both shards.
    [Tags]    priority-1
    [Setup]    Start Bank
    Arm Fault    transaction decided    crash node    node=n1    phase=before
    Transfer Ten    outcome=unknown
    Transaction Should Be    transfer    committed    within=10s
    Balances Should Be    90    110
    Nothing Should Be Locked

Shard Of The Record Loses Its Leader After Deciding
    [Documentation]    The decision is replicated, and its leader is gone before it tells anybody: the next one does.
    [Tags]    priority-1
    [Setup]    Start Bank
    Arm Fault    transaction decided    crash node    phase=before    duration=20s
    ${ended} =    Transfer Ten
    Transaction Should Be    transfer    committed    within=10s
    Balances Should Be    90    110
    Transfer Should Be Whole    ${ended}

Leader Crashes Between Telling And Being Told
    [Documentation]    The record's leader crashes as it takes the decision to the other shard, which is told again.
    [Tags]    priority-1
    [Setup]    Start Bank
    Arm Fault    decision sent    crash node    phase=before    duration=20s
    ${ended} =    Transfer Ten
    Transaction Should Be    transfer    committed    within=10s
    Balances Should Be    90    110
    Transfer Should Be Whole    ${ended}

Recovery Runs Beside A Live Coordinator
    [Documentation]    The coordinator sleeps until others have had the transfer aborted; when it wakes and learns that
    ...                all have prepared, its commit comes too late.
    [Tags]    priority-1
    [Setup]    Start Bank
    Arm Fault    transaction prepared    pause node    node=n1    occurrence=2    duration=6s
    Transfer Ten    outcome=unknown
    Transaction Should Be    transfer    aborted    within=5s
    Run For    6s
    Transaction Should Be    transfer    aborted
    Balances Should Be    100    100
    Nothing Should Be Locked

Lost Prepares Are Sent Again
    [Documentation]    For a second no prepare comes through, and no answer to one.
    [Tags]    priority-2
    [Setup]    Start Bank
    Drop Messages    prepare    duration=500 ms
    Drop Messages    prepared    duration=1s
    Transfer Ten    outcome=done
    Balances Should Be    90    110

Lost Commit Is Unknown And Then Aborted
    [Documentation]    No commit reaches the record: the client does not know, and in the end nothing has happened.
    [Tags]    priority-1
    [Setup]    Start Bank
    Drop Messages    commit    duration=4s
    Transfer Ten    outcome=unknown
    Transaction Should Be    transfer    prepared
    Transaction Should Be    transfer    aborted    within=10s
    Balances Should Be    100    100
    Nothing Should Be Locked

Lost Decision Is Asked For
    [Documentation]    The other shard is not told for three seconds; whoever reads there waits, and sees all of it.
    [Tags]    priority-1
    [Setup]    Start Bank
    Drop Messages    resolve    duration=3s
    Drop Messages    inquire    duration=3s
    Transfer Ten    outcome=done
    Begin Transaction    reader    isolation=snapshot    gateway=n3
    Read Key    reader    zoe    outcome=blocked
    Get Value    zoe    ==    110    within=5s
    Balances Should Be    90    110

Prepare Arrives Long After The Abort
    [Documentation]    A prepare is under way for five seconds: by then the transfer is aborted on both shards, so it
    ...                locks nothing.
    [Tags]    priority-1
    [Setup]    Start Bank
    Begin Transaction    late    gateway=n1
    Write Key    late    alice    90
    Write Key    late    zoe    110
    Set Link    n1    n3    latency=5s    duration=300 ms
    Commit Transaction    late    outcome=aborted
    Run For    3100 ms
    Locks Should Be Released
    Balances Should Be    100    100
    Nothing Should Be Locked

Messages That Come Seconds Late Change Nothing
    [Documentation]    Prepares, commits and aborts take up to three seconds, half of them come twice, and many arrive
    ...                when their transfer has ended one way or the other.
    [Tags]    priority-1
    [Setup]    Start Bank
    Repeat Keyword    6    Move Ten More Over Slow Links
    Run For    10s
    Accounts Should Add Up

Lost Answer Of One Shard Is No Second Commit
    [Documentation]    One shard commits at once, and its answers are lost: the prepare comes again and changes nothing.
    [Tags]    priority-1
    [Setup]    Start Bank
    Begin Transaction    once    isolation=read committed    gateway=n1
    Write Key    once    alice    90
    Drop Messages    ended    duration=500 ms
    Commit Transaction    once    outcome=done
    Balances Should Be    90    100

Doubled And Overtaken Messages Happen Once
    [Documentation]    Every third message comes twice, and many overtake each other: ten transfers are ten.
    [Tags]    priority-1
    [Setup]    Start Bank
    Set Link    all    all    jitter=8 ms    duplicate=30%    reorder=40%
    Repeat Keyword    10    Move Ten More
    Balances Should Be    0    200
    Nothing Should Be Locked


*** Keywords ***
Move Ten More Over Slow Links
    [Documentation]    Moves 10 from alice to zoe, whatever becomes of it; links turn slow when it is to be committed.
    Begin Transaction    more    isolation=read committed    gateway=n1
    Update Keys    more    alice    end=alice.    change=add    value=-10    outcome=any
    Update Keys    more    zoe    end=zoe.    change=add    value=10    outcome=any
    Set Link    n1    n2, n3    jitter=3s    duplicate=50%    reorder=50%    duration=2500 ms
    Commit Transaction    more    outcome=any
    Run For    2s

Accounts Should Add Up
    [Documentation]    Reads back both accounts, and writes both, as nothing is locked any more.
    ${alice} =    Get Value    alice    within=10s
    ${zoe} =    Get Value    zoe    within=10s
    Should Be Equal As Integers    ${${alice} + ${zoe}}    200
    Nothing Should Be Locked

Transfer Is Whole Whatever Happens
    [Documentation]    One transfer on a cluster of its own.
    Start Bank
    ${ended} =    Transfer Ten
    Transfer Should Be Whole    ${ended}

Move Ten More
    [Documentation]    Moves 10 from alice to zoe, as they stand.
    Begin Transaction    more    gateway=n1
    ${alice} =    Read Key    more    alice
    ${zoe} =    Read Key    more    zoe
    Write Key    more    alice    ${${alice} - 10}
    Write Key    more    zoe    ${${zoe} + 10}
    Commit Transaction    more
