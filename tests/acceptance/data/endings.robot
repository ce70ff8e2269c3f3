*** Settings ***
Documentation       A run that never ends by itself is cut short; what comes after it works.

Library             PhantomLibrary


*** Test Cases ***
Time Is Up
    [Documentation]    The test's time-out ends the simulation, and its cluster says so from then on.
    [Timeout]    3 seconds
    Start Busy Cluster
    Run For    1 day
    [Teardown]    Cluster Should Be Dead

Keyword Runs Too Long
    [Documentation]    A keyword's own time-out does the same; here another cluster follows in the same test.
    Start Busy Cluster
    Run Too Long
    [Teardown]    Start Cluster

Library Is Usable
    [Documentation]    The next test does not notice.
    Start Busy Cluster
    Run For    1s
    Stop Workload
    History Should Be    linearizable    confirmed=10


*** Keywords ***
Start Busy Cluster
    [Documentation]    Starts three nodes that always have something to do.
    Start Cluster
    Start Workload    register    clients=4    rate=200/s

Run Too Long
    [Documentation]    Is cut short by a time-out of its own.
    [Timeout]    300 milliseconds
    Run For    1 day

Cluster Should Be Dead
    [Documentation]    What may be asked of a dead cluster is to stop it.
    VAR    ${pattern}    this cluster cannot go on: it was cut short at t=*s; start another one
    FOR    ${keyword}    IN    Heal Network    Log Cluster State    Stop Workload    Replicas Should Agree
        Run Keyword And Expect Error    ${pattern}    ${keyword}
    END
    Run Keyword And Expect Error    ${pattern}    Run For    1s
    Run Keyword And Expect Error    ${pattern}    Crash Node    n1
    Stop Cluster
