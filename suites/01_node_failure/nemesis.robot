*** Settings ***
Documentation    Random failures of nodes, one on top of the other, and fault plans; never more than can be survived.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource

Test Tags        node-failure


*** Variables ***
${FAULTS}    ${CURDIR}${/}..${/}..${/}resources${/}faults


*** Test Cases ***
Random Failures Of Nodes Lose No Confirmed Write
    [Documentation]    Nodes crash, stand still, lose their sense of time and wait for their disks, for 20 seconds.
    [Tags]    priority-1
    [Setup]    Start Five Nodes
    Random Faults Should Lose Nothing    crash, pause, clock, disk    for=20s

Random Faults Of All Kinds Lose No Confirmed Write
    [Documentation]    Whatever can break breaks, on three nodes that forget their old entries.
    [Tags]    priority-2
    [Setup]    Start Three Nodes With Small Logs
    Random Faults Should Lose Nothing    all    for=20s

Planned Rolling Restart Is No Outage
    [Documentation]    Three nodes are restarted in turn; no client waits longer than one election.
    [Tags]    priority-2
    [Setup]    Start Three Nodes
    Load The Cluster
    Run Fault Plan    rolling-restart
    Run For    6s
    Get Metric    latency_max    <    2000
    Every Confirmed Write Should Be There

Bad Evening Loses No Confirmed Write
    [Documentation]    A plan of our own: a hanging disk, a wrong clock, a pause, and a crash on top.
    [Tags]    priority-2
    [Setup]    Start Three Nodes
    Load The Cluster
    Run Fault Plan    ${FAULTS}${/}bad-evening.yaml
    Run For    8s
    Cluster Should Recover    within=5s
    Every Confirmed Write Should Be There


*** Keywords ***
Random Faults Should Lose Nothing
    [Documentation]    Lets a nemesis strike every second, heals all, and judges what clients saw.
    [Arguments]    ${kinds}    ${for}
    Start Workload    register    clients=${CLIENTS}    rate=50/s    keys=10
    Start Nemesis    ${kinds}    every=1s
    Run For    ${for}
    Stop Nemesis
    Cluster Should Recover    within=10s
    Run For    1s
    Every Confirmed Write Should Be There    confirmed=300
