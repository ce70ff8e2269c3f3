*** Settings ***
Documentation    Several administrators at one virtual instant: nodes come, go and fail, shards move, split and are
...              scaled, all at once; views converge and no write is lost.

Resource         ../../resources/concurrency.resource

Test Tags        concurrency


*** Test Cases ***
Joins And Departures And Failures At One Instant
    [Documentation]    Two nodes join, one is decommissioned and one crashes, all in the same instant.
    [Tags]    priority-1    smoke
    [Setup]    Start Cluster With Clients
    Add Node    wait=no
    Decommission Node    n5    wait=no
    Crash Node    n4    duration=3s
    Add Node    wait=no
    Get Node Count    removed    ==    1    within=30s
    Get Node Count    active    ==    6    within=30s
    Views Should Converge And Data Be Whole

Failure Of A Node Is Reported From All Sides
    [Documentation]    A node that is being decommissioned crashes; others suspect it, and two administrators remove it.
    [Tags]    priority-1
    [Setup]    Start Cluster With Clients
    Decommission Node    n4    wait=no
    Crash Node    n4
    Remove Node    n4    wait=no
    Remove Node    n4    wait=no
    Get Nodes    removed    ==    n4    within=30s
    Restart Node    n4
    Views Should Converge And Data Be Whole

Node Joins While Another One Is Down
    [Documentation]    Whoever is to take the place of a lost node need not wait for its return.
    [Tags]    priority-1
    [Setup]    Start Cluster With Clients
    Crash Node    n2
    Get Node Count    down    ==    1    within=10s
    Add Node
    Remove Node    n2
    Views Should Converge And Data Be Whole

Decommission And Removal Of One Node Contradict
    [Documentation]    One administrator decommissions a node, another one removes it at the same time: it leaves once,
    ...                and may come back.
    [Tags]    priority-2
    [Setup]    Start Cluster With Clients
    Decommission Node    n3    wait=no
    Remove Node    n3    wait=no
    Get Nodes    removed    ==    n3    within=30s
    Add Node    n3
    Get Node Count    active    ==    5    within=10s
    Views Should Converge And Data Be Whole

Moves And Splits And Policies At One Instant
    [Documentation]    One administrator moves a replica, one splits that shard, one rebalances and one sets how the
    ...                cluster scales.
    [Tags]    priority-1
    [Setup]    Start Cluster With Clients
    Run For    500 ms
    Move Shard    1    n5    wait=no
    Split Shard    2    wait=no
    Rebalance Shards    wait=no
    Set Scaling Policy    cpu    up_at=90%    down_at=1%    min_nodes=5    max_nodes=6
    Transfer Leadership    2    follower of shard 2    wait=no
    Run Until    split finished    timeout=30s
    Views Should Converge And Data Be Whole

Leader Of Shard 0 Dies Between Requests
    [Documentation]    Two nodes are to join and one to leave when the node that decides on it crashes; its successor
    ...                carries all of it out, once.
    [Tags]    priority-1
    [Setup]    Start Cluster With Clients
    Add Node    wait=no
    Decommission Node    follower of shard 0    wait=no
    Run For    3 ms
    Crash Node    leader of shard 0    duration=2s
    Add Node    wait=no
    Get Node Count    removed    ==    1    within=30s
    Get Node Count    active    ==    6    within=30s
    Views Should Converge And Data Be Whole


*** Keywords ***
Views Should Converge And Data Be Whole
    [Documentation]    All members hold the cluster to be the same, shards are whole, and clients have lost nothing.
    Run For    1s
    Shards Should Be Whole    within=30s
    Cluster State Should Be Consistent    within=10s
    Stop Workload
    History Should Be    linearizable    confirmed=60
    Replicas Should Agree
