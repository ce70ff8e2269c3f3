*** Settings ***
Documentation       Somebody kills the process while the second test runs.

Library             PhantomLibrary


*** Test Cases ***
Ended Before
    [Documentation]    Has left its evidence when the process dies.
    Start Busy Cluster
    Run For    1s
    Stop Workload
    History Should Be    linearizable    confirmed=10

Killed
    [Documentation]    Never ends.
    Start Busy Cluster
    Log To Console    running
    Run In Threads    4    Run For    1 hour    rounds=1000    deadline=1 hour


*** Keywords ***
Start Busy Cluster
    [Documentation]    Starts three nodes that always have something to do.
    Start Cluster
    Start Workload    register    clients=4    rate=200/s
