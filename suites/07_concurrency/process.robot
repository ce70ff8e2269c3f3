*** Settings ***
Documentation    The process that runs the tests: what clusters needed is given back when they are stopped, whatever was
...              done to them, and nothing of it grows from one to the next.

Resource         ../../resources/concurrency.resource

Test Tags        concurrency


*** Test Cases ***
Stopped Cluster Leaves Nothing Behind
    [Documentation]    After load and crashes, no thread, open file, child process or memory is left of a cluster.
    [Tags]    priority-1    smoke
    [Setup]    Start Cluster With Clients
    Crash Node    leader of shard 1    duration=300 ms
    Run For    1s
    Stop Workload
    History Should Be    linearizable    confirmed=20
    Stop Cluster
    Process Should Not Leak    memory=30MB
    Get Process Usage    children    ==    0

Threads Leave Nothing Behind
    [Documentation]    After real threads have used a cluster, none of them is left, nor anything that they opened.
    [Tags]    priority-1
    [Setup]    Start Cluster With Clients
    ${before} =    Get Process Usage    threads
    Run In Threads    8    Run For    10 ms    AND    Put Value    a    1    AND    Get Leader    1    rounds=6
    Get Process Usage    threads    ==    ${before}
    Stop Workload
    Stop Cluster
    Process Should Not Leak    memory=30MB

Interrupted Threads Leave Nothing Behind
    [Documentation]    Threads that are far from done at their deadline are ended, and so is their cluster; another one
    ...                can be started at once.
    [Tags]    priority-1
    [Setup]    Start Cluster With Clients
    ${before} =    Get Process Usage    threads
    Run Keyword And Expect Error    THR-002: threads were not done in 50 ms of wall time*
    ...    Run In Threads    4    Run For    10 hours    deadline=50 ms
    Get Process Usage    threads    ==    ${before}
    Start Cluster With Clients
    Run For    300 ms
    Stop Workload
    History Should Be    linearizable    confirmed=10

Memory Of Many Life Cycles Is Flat
    [Documentation]    Clusters that are started, loaded and stopped again and again leave no memory behind: a line
    ...                through all measurements hardly rises. `make suites MODE=stress` does so two hundred times.
    [Tags]    priority-1
    Memory Should Stay Flat    ${LIFE_CYCLES}    150kB    Start Load And Stop A Cluster
    Process Should Not Leak    memory=60MB

Tests Cost Little
    [Documentation]    A test of three virtual seconds under load costs less than ten seconds of processor time, and
    ...                less than a gigabyte of memory.
    [Tags]    performance    priority-2
    [Setup]    Start Cluster With Clients
    Run For    3s
    Get Process Usage    cpu    <    10
    Get Process Usage    peak memory    <    1000


*** Keywords ***
Start Load And Stop A Cluster
    [Documentation]    A short life: a leader, some writes, and the end.
    Start Cluster    three-nodes
    Start Workload    register    clients=2    rate=60/s    keys=5
    Run For    1s
    Stop Workload
    Stop Cluster
