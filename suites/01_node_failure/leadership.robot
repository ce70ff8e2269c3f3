*** Settings ***
Documentation    Leadership that is handed over on purpose, as before maintenance.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource

Test Tags        node-failure


*** Test Cases ***
Leadership Is Handed Over Without An Outage
    [Documentation]    Every node leads in turn under load, and no client waits as long as an election would take.
    [Tags]    priority-1
    [Setup]    Start Three Nodes
    Load The Cluster
    Transfer Leadership    1    follower of shard 1
    Run For    1s
    Transfer Leadership    1    follower of shard 1
    Transfer Leadership    2    follower of shard 2
    Run For    ${PHASE}
    Get Metric    latency_max    <    100    window=4500 ms
    Every Confirmed Write Should Be There

New Leader Reads Nothing Before It Knows What Was Confirmed
    [Documentation]    It has what was confirmed last, but does not know that; and its own first entry is often lost.
    [Tags]    priority-1
    [Setup]    Start Three Nodes With Many Leaders
    Start Workload    append    clients=60    rate=600/s    keys=10    reads=60%
    Run For    300 ms
    Drop Messages    append entries    probability=50%
    Crash Node    n1    duration=1s
    Run For    1500 ms
    Crash Node    n2    duration=1s
    Run For    1500 ms
    Cluster Should Serve Again
    Every Confirmed Write Should Be There

Leader Whose Successor Is Gone Leads On
    [Documentation]    The successor is cut off, or dies in the middle: the leader gives up and goes on.
    [Tags]    priority-2
    [Setup]    Start Three Nodes
    Load Few Lists Heavily
    ${old} =    Get Leader    1
    Let The Successor Be Cut Off
    Get Leader    1    ==    ${old}
    ${dying} =    Transfer Leadership    1    follower of shard 1    wait=no
    Crash Node    ${dying}    duration=1s
    Set Load    50/s
    Run For    2s
    Cluster Should Serve Again
    Every Confirmed Write Should Be There    confirmed=300


*** Keywords ***
Let The Successor Be Cut Off
    [Documentation]    Asks for a transfer to a node that nobody can reach, and waits until the leader has given up.
    ${cut off} =    Isolate Node    follower of shard 1    duration=900 ms
    Transfer Leadership    1    ${cut off}    wait=no
    Run For    1s

Start Three Nodes With Many Leaders
    [Documentation]    Starts three nodes with so many shards that each crash has several of them elect.
    Start Cluster    three-nodes    shards=8
    Leader Should Be Elected    1    within=3s
