*** Settings ***
Documentation    Transactions that are open at once: what they see of each other, and what is left of them.

Library          PhantomLibrary
Resource         ../../resources/transactions.resource

Test Tags        transaction


*** Test Cases ***
One Of Two Doctors Stays On Call
    [Documentation]    Two doctors, each on a shard of its own, cannot both leave because each saw the other on call.
    [Tags]    priority-1    smoke
    [Setup]    Start Hospital
    Begin Transaction    t1    isolation=serializable
    Begin Transaction    t2    isolation=serializable
    Read Key    t1    zoe    ==    on call
    Read Key    t2    alice    ==    on call
    Write Key    t1    alice    at home
    Write Key    t2    zoe    at home
    Commit Transaction    t1
    Commit Transaction    t2    outcome=aborted
    Balances Should Be    at home    on call
    History Should Be    serializable    confirmed=4

Both Doctors May Leave At Snapshot
    [Documentation]    The same at snapshot, which allows it: each has written what nobody else has.
    [Tags]    priority-1
    [Setup]    Start Hospital
    Begin Transaction    t1    isolation=snapshot
    Begin Transaction    t2    isolation=snapshot
    Read Key    t1    zoe    ==    on call
    Read Key    t2    alice    ==    on call
    Write Key    t1    alice    at home
    Write Key    t2    zoe    at home
    Commit Transaction    t1
    Commit Transaction    t2
    Balances Should Be    at home    at home
    Data Should Be Intact

Transfer Is Seen As A Whole
    [Documentation]    A snapshot from before the transfer stays as it is on both shards; the next one has all of it.
    [Tags]    priority-1    smoke
    [Setup]    Start Bank
    Begin Transaction    before    isolation=snapshot
    Read Keys    before    a    ==    alice=100, zoe=100
    Transfer Ten    outcome=done
    Read Key    before    alice    ==    100
    Read Key    before    zoe    ==    100
    Commit Transaction    before
    Balances Should Be    90    110

Reader Never Mixes Two States
    [Documentation]    A reader that comes to the other shard when a transfer has been there sees both accounts as they
    ...                were; it has met the clocks of all leaders when it began.
    [Tags]    priority-1
    [Setup]    Start Bank
    Begin Transaction    reader    isolation=snapshot    gateway=n2
    Read Key    reader    alice    ==    100
    Transfer Ten    outcome=done
    Read Key    reader    zoe    ==    100
    Commit Transaction    reader
    Balances Should Be    90    110

Reader That Met Nobody Mixes No States Either
    [Documentation]    Clocks may be apart: a reader that knows no clock of the other shard may have to begin anew, but
    ...                never sees one account from before the transfer and the other from after it.
    [Tags]    priority-1
    [Setup]    Start Bank
    Drop Messages    met    duration=1s
    Begin Transaction    reader    isolation=snapshot    gateway=n2
    Read Key    reader    alice    ==    100
    Transfer Ten    outcome=done
    ${zoe} =    Read Key    reader    zoe    outcome=any
    Should Contain Any    100 or nothing    ${zoe}    ${{$zoe or 'nothing'}}
    Balances Should Be    90    110

Rolled Back Transfer Leaves Nothing
    [Documentation]    What was written is seen by nobody, and locks nobody out.
    [Tags]    priority-1
    [Setup]    Start Bank
    Begin Transaction    t1
    Write Key    t1    alice    90
    Write Key    t1    zoe    110
    Read Key    t1    zoe    ==    110
    Rollback Transaction    t1
    Transaction Should Be    t1    aborted
    Balances Should Be    100    100
    Nothing Should Be Locked

Second Writer Of A Snapshot Is Rolled Back
    [Documentation]    The first updater wins; the other one has written nothing, on either shard.
    [Tags]    priority-1
    [Setup]    Start Bank
    Begin Transaction    t1    isolation=snapshot
    Begin Transaction    t2    isolation=snapshot
    Read Key    t2    alice    ==    100
    Write Key    t2    zoe    0
    Write Key    t1    alice    90
    Write Key    t2    alice    0    outcome=blocked
    Commit Transaction    t1
    Transaction Should Be    t2    aborted    within=100 ms
    Balances Should Be    90    100
    Nothing Should Be Locked

Deadlock Over Two Shards Has One Victim
    [Documentation]    Each waits for what the other has locked: within half a second the younger one is rolled
    ...                back, and the other goes on.
    [Tags]    priority-1
    [Setup]    Start Bank
    Begin Transaction    t1    isolation=read committed    gateway=n2
    Run For    1s
    Begin Transaction    t2    isolation=read committed    gateway=n3
    Write Key    t1    alice    1
    Write Key    t2    zoe    2
    Write Key    t1    zoe    1    outcome=blocked
    Write Key    t2    alice    2    outcome=blocked
    Transaction Should Be    t2    aborted    within=500 ms
    Commit Transaction    t1
    Balances Should Be    1    1

Deadlock Over Three Shards Has One Victim
    [Documentation]    Three wait in a circle; the youngest is rolled back, and the two others commit.
    [Tags]    priority-1
    [Setup]    Start Three Shards With Open Transactions
    Write Key    t1    k5    1    outcome=blocked
    Write Key    t2    k8    2    outcome=blocked
    Write Key    t3    k1    3    outcome=blocked
    Transaction Should Be    t3    aborted    within=500 ms
    Commit Transaction    t2
    Commit Transaction    t1
    Begin Transaction    audit
    Read Keys    audit    k1    ==    k1=1, k5=1, k8=2
    Commit Transaction    audit

Rollback Wakes All Who Wait
    [Documentation]    Two wait for one lock: each has it as soon as the one before it is rolled back.
    [Tags]    priority-1
    [Setup]    Start Bank
    Have Three Transactions Want To Write Alice
    Rollback Transaction    t1
    Transaction Should Be    t2    active    within=50 ms
    Transaction Should Be    t3    blocked
    Rollback Transaction    t2
    Transaction Should Be    t3    active    within=50 ms
    Commit Transaction    t3
    Balances Should Be    3    100
    Locks Should Be Released    within=50 ms

Who Waits Too Long For A Lock Is Rolled Back
    [Documentation]    Nobody waits for ever: the one that holds the lock is left alone.
    [Tags]    priority-2
    [Setup]    Start Bank
    Begin Transaction    holder    isolation=read committed
    Begin Transaction    waiting    isolation=read committed
    Write Key    holder    alice    1
    Write Key    waiting    alice    2    outcome=aborted
    Transaction Should Be    holder    active
    Commit Transaction    holder
    Balances Should Be    1    100

Transaction That Stays Open Too Long Is Rolled Back
    [Documentation]    Its client has gone to lunch: after eight seconds its locks are free again.
    [Tags]    priority-1
    [Setup]    Start Bank
    Begin Transaction    forgotten
    Write Key    forgotten    alice    0
    Write Key    forgotten    zoe    0
    Run For    9s
    Balances Should Be    100    100
    Commit Transaction    forgotten    outcome=aborted
    Nothing Should Be Locked

Lost Client Leaves No Lock
    [Documentation]    The node of the client and its gateway crash together: what was locked is free before long.
    [Tags]    priority-1
    [Setup]    Start Bank
    Begin Transaction    lost    gateway=n1
    Write Key    lost    alice    0
    Write Key    lost    zoe    0
    Crash Node    n1
    Transaction Should Be    lost    aborted
    Run For    9s
    Balances Should Be    100    100
    Nothing Should Be Locked
    Commit Transaction    lost    outcome=aborted


*** Keywords ***
Have Three Transactions Want To Write Alice
    [Documentation]    The first one has the lock, the two others wait for it, in this order.
    Begin Transaction    t1    isolation=read committed    gateway=n1
    Begin Transaction    t2    isolation=read committed    gateway=n2
    Begin Transaction    t3    isolation=read committed    gateway=n3
    Write Key    t1    alice    1
    Write Key    t2    alice    2    outcome=blocked
    Write Key    t3    alice    3    outcome=blocked

Start Three Shards With Open Transactions
    [Documentation]    Three transactions on three gateways have locked a key each, on a shard of its own.
    Start Cluster    three-nodes    shards=3
    Leader Should Be Elected    3    within=3s
    Begin Transaction    t1    isolation=read committed    gateway=n1
    Begin Transaction    t2    isolation=read committed    gateway=n2
    Run For    1s
    Begin Transaction    t3    isolation=read committed    gateway=n3
    Write Key    t1    k1    1
    Write Key    t2    k5    2
    Write Key    t3    k8    3
