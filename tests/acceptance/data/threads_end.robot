*** Settings ***
Documentation       Threads that would work for hours are ended with their test, however that ends.

Library             PhantomLibrary


*** Variables ***
${STOOD}    SEPARATOR=\n
...         virtual time stood at t=*s after 20 events, short of t=*s; then busy with *
...         MainThread has its turn
...         transaction * of n2 waits for k1 (shard 1) behind transaction * of n1
...         client * (transactions) waits since t=*s for an answer to txn
...         client * (transactions) waits since t=*s for an answer to txn


*** Test Cases ***
Time Is Up In Threads
    [Documentation]    The test's time-out ends all threads and their cluster.
    [Timeout]    3 seconds
    Start Busy Cluster
    Run In Threads    4    Run For    1 hour    rounds=1000    deadline=1 hour
    [Teardown]    Nothing Is Left And Another One Starts

Virtual Time Stands Still
    [Documentation]    A run that gets no further ends with who was busy, and who waited for what.
    Start Cluster    three-nodes
    Leader Should Be Elected
    Begin Transaction    holder    isolation=read committed    gateway=n1
    Begin Transaction    waiting    isolation=read committed    gateway=n2
    Write Key    holder    k1    1
    Write Key    waiting    k1    2    outcome=blocked
    Limit Events    20
    Run Keyword And Expect Error    ${STOOD}    Run For    1 hour
    [Teardown]    Limit Events    200_000_000

Library Is Usable
    [Documentation]    The next test does not notice.
    Start Busy Cluster
    Run In Threads    4    Run For    100 ms
    Stop Workload
    History Should Be    linearizable    confirmed=5


*** Keywords ***
Limit Events
    [Documentation]    Lets a run be taken for one that gets no further after so many events.
    [Arguments]    ${number}
    Evaluate    setattr(PhantomLibrary.testbed.cluster, "EVENTS_MAX", ${number})
    ...    modules=PhantomLibrary.testbed.cluster

Start Busy Cluster
    [Documentation]    Starts three nodes that always have something to do.
    Start Cluster
    Start Workload    register    clients=4    rate=200/s
    Run For    800 ms

Nothing Is Left And Another One Starts
    [Documentation]    The cluster says why it cannot go on.
    Get Process Usage    threads    ==    ${{threading.active_count()}}
    Run Keyword And Expect Error    this cluster cannot go on: it was cut short at t=*: its threads were interrupted; start another one
    ...    Run For    1s
    Start Cluster
    Put Value    mine    1
    Stop Cluster
