*** Settings ***
Documentation       Threads that would work for hours are ended with their test, however that ends.

Library             PhantomLibrary


*** Test Cases ***
Time Is Up In Threads
    [Documentation]    The test's time-out ends all threads and their cluster.
    [Timeout]    3 seconds
    Start Busy Cluster
    Run In Threads    4    Run For    1 hour    rounds=1000    deadline=1 hour
    [Teardown]    Nothing Is Left And Another One Starts

Library Is Usable
    [Documentation]    The next test does not notice.
    Start Busy Cluster
    Run In Threads    4    Run For    100 ms
    Stop Workload
    History Should Be    linearizable    confirmed=5


*** Keywords ***
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
