*** Settings ***
Documentation    Many want the same: they queue in order, none is forgotten, none starves, and no circle of them lasts.

Resource         ../../resources/concurrency.resource
Resource         ../../resources/transactions.resource

Test Tags        concurrency


*** Test Cases ***
Circle Over Three Shards Is Broken
    [Documentation]    One waits for two others, the first of whom ends: the circle that the second one then closes over
    ...                three shards has one victim, the youngest, within a quarter of a second.
    [Tags]    priority-1    smoke
    [Setup]    Start Four Transactions On Three Shards
    Write Key    third    k1    3    outcome=blocked
    Write Key    first    k1    1    outcome=blocked
    Rollback Transaction    second
    Transaction Should Be    third    active    within=50 ms
    Write Key    fourth    k8    4    outcome=blocked
    Write Key    third    k5    3    outcome=blocked
    Transaction Should Be    fourth    aborted    within=250 ms
    Transaction Should Be    third    active    within=50 ms
    Transaction Should Be    first    blocked
    First And Third Should Commit

Circle Beside A Lost Waiter Is Broken
    [Documentation]    Between two that wait for each other, a third one stood in the queue when its node crashed.
    [Tags]    priority-1
    [Setup]    Start Bank And Begin    first=n3    second=n2    lost=n1
    Write Key    first    zoe    1
    Write Key    second    alice    2
    Write Key    lost    alice    3    outcome=blocked
    Crash Node    n1
    Run For    1500 ms
    Write Key    first    alice    1    outcome=blocked
    Write Key    second    zoe    2    outcome=blocked
    Transaction Should Be    second    aborted    within=250 ms
    Commit Transaction    first
    Balances Should Be    1    1

Queue Of A Lock Is Served In Order
    [Documentation]    Three wait for one lock: each has it when the one before it ends, by commit or by rollback, and
    ...                not before; whoever asked later does not overtake.
    [Tags]    priority-1
    [Setup]    Start Bank
    Queue For Alice    a=n1    b=n2    c=n3    d=n1
    Commit Transaction    a
    Next Should Be    b    c    d
    Rollback Transaction    b
    Next Should Be    c    d
    Commit Transaction    c
    Next Should Be    d
    Commit Transaction    d
    Balances Should Be    d    100

Timeout Of The Holder Wakes The Next
    [Documentation]    Whoever holds the lock stays open for too long: the two that wait get it, one after the other.
    [Tags]    priority-1
    [Setup]    Start Bank
    Begin In Turn    holder=n1
    Write Key    holder    alice    0
    Run For    7s
    Begin In Turn    next=n2    last=n3
    Write Key    next    alice    1    outcome=blocked
    Write Key    last    alice    2    outcome=blocked
    Transaction Should Be    next    active    within=1300 ms
    Transaction Should Be    last    blocked
    Commit Transaction    holder    outcome=aborted
    Next Should Commit    next    last

Waiter That Gives Up Is Passed Over
    [Documentation]    The first in the queue waits for too long and is rolled back; the lock goes to the second.
    [Tags]    priority-1
    [Setup]    Start Bank
    Queue For Alice    holder=n1    impatient=n2
    Run For    1s
    Begin In Turn    patient=n3
    Write Key    patient    alice    2    outcome=blocked
    Transaction Should Be    impatient    aborted    within=1s
    Transaction Should Be    patient    blocked
    Commit Transaction    holder
    Transaction Should Be    patient    active    within=50 ms
    Commit Transaction    patient
    Balances Should Be    2    100

Kill Of The Holder Wakes The Next
    [Documentation]    The node of whoever holds the lock crashes: others notice, and those who wait get it in order.
    [Tags]    priority-1
    [Setup]    Start Bank
    Begin In Turn    lost=n1
    Write Key    lost    alice    0
    Crash Node    n1
    Run For    1s
    Begin In Turn    next=n2    last=n3
    Write Key    next    alice    1    outcome=blocked
    Write Key    last    alice    2    outcome=blocked
    Transaction Should Be    next    active    within=1700 ms
    Commit Transaction    lost    outcome=aborted
    Next Should Commit    next    last

Nobody Starves On A Hot Key
    [Documentation]    Eight clients move money between two accounts as fast as they can: all get their turns, nobody
    ...                waits for a lock for longer than half a second, and no money is lost.
    [Tags]    performance    priority-1
    Start Cluster    three-nodes    shards=2
    Leader Should Be Elected    2    within=3s
    Start Workload    bank    clients=8    keys=2
    Run For    800 ms
    Get Metric    lock_waits    >    30
    Get Metric    lock_wait_max    <    500
    Get Metric    latency_max    <    2000
    Get Metric    throughput    >    20
    Data Should Be Whole At The End

Retry Storm On A Hot Key Does Each Append Once
    [Documentation]    Two answers of five are lost on their way to the gateways, which ask again and again; each append
    ...                to the one list is there once.
    [Tags]    priority-1
    Start Cluster    three-nodes
    Leader Should Be Elected
    Drop Messages    shard reply    probability=40%    duration=2s
    Start Workload    append    clients=16    rate=150/s    keys=1    reads=20%
    Run For    2s
    Get Metric    confirmed_writes    >    50
    Data Should Be Whole At The End

Queries And Transactions Of Many Clients
    [Documentation]    Forty clients read, write and run transactions on the same keys at once: one serial order
    ...                explains all they saw; throughput and latencies are reported.
    [Tags]    performance    priority-2
    Start Cluster    five-nodes    shards=3
    Leader Should Be Elected    3    within=3s
    Start Workload    list-append    clients=40    rate=250/s    keys=20    mix=50% reads, 30% writes, 20% transactions
    Run For    1500 ms
    Get Metric    throughput    >    100
    Get Metric    latency_p50    <    50
    Get Metric    latency_p99    <    500
    Data Should Be Whole At The End


*** Keywords ***
Start Four Transactions On Three Shards
    [Documentation]    Begins four transactions, the first one first; three of them have locked a key each, on a
    ...                shard of its own.
    Start Cluster    three-nodes    shards=3
    Leader Should Be Elected    3    within=3s
    Begin In Turn    first=n1    second=n2    third=n3    fourth=n1
    Write Key    first    k8    1
    Write Key    second    k1    2
    Write Key    fourth    k5    4

First And Third Should Commit
    [Documentation]    Ends both, and reads back what they have written.
    Commit Transaction    third
    Commit Transaction    first
    Begin Transaction    audit
    Read Keys    audit    k1    ==    k1=1, k5=3, k8=1
    Commit Transaction    audit
    Locks Should Be Released    within=1s

Start Bank And Begin
    [Documentation]    Starts the bank, and transactions in it.
    [Arguments]    &{gateways}
    Start Bank
    Begin In Turn    &{gateways}

Begin In Turn
    [Documentation]    Begins transactions at gateways, one after the other, so that the last one is the youngest.
    [Arguments]    &{gateways}
    FOR    ${txn}    ${gateway}    IN    &{gateways}
        Begin Transaction    ${txn}    isolation=read committed    gateway=${gateway}
        Run For    20 ms
    END

Queue For Alice
    [Documentation]    The first transaction locks the account of alice, and the others wait for it, in their order.
    [Arguments]    &{gateways}
    Begin In Turn    &{gateways}
    VAR    ${outcome}    done
    FOR    ${txn}    IN    @{gateways}
        Write Key    ${txn}    alice    ${txn}    outcome=${outcome}
        VAR    ${outcome}    blocked
    END

Next Should Be
    [Documentation]    The first of these has the lock, and the others still wait.
    [Arguments]    ${next}    @{others}
    Transaction Should Be    ${next}    active    within=50 ms
    FOR    ${txn}    IN    @{others}
        Transaction Should Be    ${txn}    blocked
    END

Next Should Commit
    [Documentation]    Rolls the first one back, which wakes the second one; that commits what it wrote.
    [Arguments]    ${first}    ${second}
    Rollback Transaction    ${first}
    Transaction Should Be    ${second}    active    within=50 ms
    Commit Transaction    ${second}
    Balances Should Be    2    100

Data Should Be Whole At The End
    [Documentation]    Stops the clients and judges all that they saw.
    Stop Workload
    Data Should Be Intact
    Replicas Should Agree
