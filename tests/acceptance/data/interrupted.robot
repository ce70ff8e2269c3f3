*** Settings ***
Documentation       Somebody presses Ctrl-C while the first test runs.

Library             PhantomLibrary


*** Test Cases ***
Long Run
    [Documentation]    Would take minutes.
    Start Cluster
    Start Workload    register    clients=4    rate=200/s
    Log To Console    running
    Run For    1 day
    [Teardown]    Cluster Can Be Started Again

Never Begun
    [Documentation]    Comes after the interrupt.
    Start Cluster


*** Keywords ***
Cluster Can Be Started Again
    [Documentation]    The library is usable after the interrupt.
    Run Keyword And Expect Error    this cluster cannot go on: *    Run For    1s
    Start Cluster
    Put Value    mine    1
    Get Value    mine    ==    1
