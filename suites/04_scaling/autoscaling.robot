*** Settings ***
Documentation    A cluster that grows and shrinks with its load, by policy, by schedule and by hand, and loses nothing.

Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource
Resource         ../../resources/scaling.resource

Test Tags        scaling


*** Test Cases ***
Load Step Adds Nodes And Gives Them Back
    [Documentation]    The cluster grows to carry five times the load, spreads it, and shrinks without losing a write.
    [Tags]    priority-1    smoke
    [Setup]    Start Cluster That Scales
    Start Workload    register    clients=24    rate=9/s
    Run For    5s
    Get Scaling Decision    ==    no_action
    Set Load    51/s
    Get Node Count    active    ==    6    within=30s
    Load Should Be Balanced    cpu    spread=20%    within=20s
    Set Load    5/s
    Run For    8s
    Get Node Count    removed    ==    3    within=1 minute
    Scaling Should Have Lost Nothing    confirmed=330

Load That Swings Around The Threshold Does Not Make It Flap
    [Documentation]    Waves shorter than the cool-down reach both thresholds; direction changes once in it at most.
    [Tags]    priority-1
    [Setup]    Start Cluster That Scales    cooldown=10s
    Start Workload    register    clients=24    rate=6/s
    Set Load    51/s    shape=sine    period=8s
    Run For    24s
    Scaling Should Have Lost Nothing    confirmed=250

Nodes Come And Go By Schedule
    [Documentation]    Five nodes from second 6 on, three from second 14 on, whatever the load.
    [Tags]    priority-2
    [Setup]    Start Cluster That Is Scaled By Hand
    Start Workload    register    clients=6    rate=6/s
    Load Scaling Policy    ${POLICIES}${/}three-to-six.yaml    mode=scheduled    boot_time=1s
    Run For    6s
    Get Node Count    active    ==    5    within=2s
    Get Scaling Decision    ==    no_action    within=3s
    Run For    6s
    Get Node Count    removed    ==    2    within=10s
    Scaling Should Have Lost Nothing    confirmed=22    nodes=5

Operator Scales Out And In By Hand
    [Documentation]    The data is spread over five nodes, and gathered on three again, under writes.
    [Tags]    priority-1
    [Setup]    Start Cluster That Is Scaled By Hand
    Start Workload    append    clients=8    rate=12/s    keys=120    reads=30%
    Scale Cluster    6
    Load Should Be Balanced    data    spread=20%    within=20s
    Load Should Be Balanced    leaders    spread=20%    within=5s
    Scale Cluster    3
    Shards Should Be Whole
    Scaling Should Have Lost Nothing    confirmed=33
