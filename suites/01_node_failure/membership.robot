*** Settings ***
Documentation    Nodes that join, leave, are taken away and come back, under load, and what everybody knows of it.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource

Test Tags        node-failure


*** Test Cases ***
Added Node Takes Over What A Lost One Held
    [Documentation]    Three replicas on three nodes cannot be replaced; the fourth node is given what one of them held.
    [Tags]    priority-1    smoke
    [Setup]    Start Three Nodes
    Load The Cluster
    Lose The Leader For Good
    ${new} =    Add Node
    Shards Should Be Whole    within=5s
    Get Nodes    active    contains    ${new}    within=5s
    Crash Node    follower of shard 1    duration=2s
    Run For    1s
    Get Metric    confirmed_writes    >    20    window=500 ms
    Members Should Be Known And Data There

Decommissioned Node Is Drained And Nobody Notices
    [Documentation]    It hands over what it leads and keeps its replicas until others have them: no client waits.
    [Tags]    priority-1
    [Setup]    Start Four Nodes
    Load The Cluster
    ${old} =    Get Leader    1
    Decommission Node    ${old}
    Shards Should Be Whole    within=1s
    Get Nodes    removed    ==    ${old}
    Run For    ${PHASE}
    Get Metric    latency_max    <    500
    Members Should Be Known And Data There

Removed Node Comes Back With Its Old Disk And Is Refused
    [Documentation]    Whatever it promised before means nothing: it is told that it was removed, and holds nothing.
    [Tags]    priority-1
    [Setup]    Start Four Nodes
    Load The Cluster
    ${lost} =    Crash Node    leader of shard 1
    Remove Node    ${lost}
    Shards Should Be Whole    within=5s
    Restart Node    ${lost}
    Run For    2s
    Get Nodes    removed    ==    ${lost}
    Leaders Should Stay    window=1500 ms
    Members Should Be Known And Data There

Removed Node Joins Again And Begins Anew
    [Documentation]    Under a new membership an old disk is as good as an empty one.
    [Tags]    priority-1
    [Setup]    Start Four Nodes
    Load The Cluster
    ${lost} =    Crash Node    leader of shard 1
    Remove Node    ${lost}
    Run For    2s
    Add Node    ${lost}
    Get Node Count    active    ==    4    within=5s
    Decommission Node    leader of shard 1
    Shards Should Be Whole    within=2s
    Get Nodes    active    contains    ${lost}    within=5s
    Members Should Be Known And Data There

Removed Node Joins Again With An Empty Disk
    [Documentation]    The machine is the same, the disk is not, and the cluster takes it as a new member.
    [Tags]    priority-2
    [Setup]    Start Four Nodes
    Load The Cluster
    ${lost} =    Crash Node    follower of shard 1
    Remove Node    ${lost}
    Run For    1s
    Restart Node    ${lost}    disk=wiped
    Run For    1s
    Add Node    ${lost}
    Decommission Node    leader of shard 2
    Shards Should Be Whole    within=2s
    Members Should Be Known And Data There

Crash Is No Decommission
    [Documentation]    A node that is down stays a member: nothing is moved because of it, and it comes back as it was.
    [Tags]    priority-1
    [Setup]    Start Four Nodes
    Load The Cluster
    ${down} =    Crash Node    follower of shard 1
    Run For    5s
    Get Nodes    down    ==    ${down}
    Get Node Count    removed    ==    0
    Cluster State Should Be Consistent    within=1s
    Restart Node    ${down}
    Get Node Count    active    ==    4    within=5s
    Members Should Be Known And Data There

Change That Loses Its Coordinator Comes To Its End
    [Documentation]    The coordinator crashes as a node is drained; the next one goes on from what is written down.
    [Tags]    priority-1
    [Setup]    Start Five Nodes With Four Shards
    Load The Cluster
    Decommission Node    leader of shard 2    wait=no
    Run For    5 ms
    Crash Node    leader of shard 0
    Get Node Count    removed    ==    1    within=10s
    Heal Faults
    Shards Should Be Whole    within=10s
    Members Should Be Known And Data There

Node Joins While Its Snapshot Sender Dies
    [Documentation]    A replica that catches up has no vote, so whoever feeds it may die at any time.
    [Tags]    priority-1
    [Setup]    Start Three Nodes With Small Logs
    Load The Cluster
    Remove Node    follower of shard 1
    Add Node
    Run Until    snapshot sent    timeout=5s
    Crash Node    leader of shard 1    duration=1s
    Shards Should Be Whole    within=15s
    Members Should Be Known And Data There

Members Are Known From A Snapshot As Well
    [Documentation]    Members change while a node is down; others forget the log, and it learns them with the state.
    [Tags]    priority-1
    [Setup]    Start Six Nodes With Small Logs
    Load The Cluster
    ${late} =    Crash Node    follower of shard 1
    Remove Node    follower of shard 1
    Run For    ${PHASE}
    Restart Node    ${late}
    Run Until    snapshot sent    timeout=2s
    Run For    1s
    Transfer Leadership    1    ${late}
    Members Should Be Known And Data There

Rolling Restart Costs No More Than An Election
    [Documentation]    One follower is slow all the while; each node restarts; clients wait for one election at most.
    [Tags]    priority-1
    [Setup]    Start Three Nodes
    Load The Cluster
    Set Link    n3    all    latency=20 ms
    Restart Nodes In Turn    unavailable=1500 ms
    Heal Network
    Members Should Be Known And Data There


*** Keywords ***
Lose The Leader For Good
    [Documentation]    Crashes the leader of shard 1, and removes it when another one leads. Returns its name.
    ${lost} =    Crash Node    leader of shard 1
    Leader Should Be Elected
    Remove Node    ${lost}
    RETURN    ${lost}

Start Four Nodes
    [Documentation]    Starts four nodes with three replicas of each of two shards, so that one may leave.
    Start Cluster    five-nodes    nodes=4    shards=2
    Leader Should Be Elected    1    within=3s
    Leader Should Be Elected    2    within=3s

Start Six Nodes With Small Logs
    [Documentation]    Starts six nodes with five replicas of one shard, which forget what a snapshot covers.
    Start Cluster    ${TOPOLOGIES}${/}small-logs.yaml    nodes=6    replicas=5
    Leader Should Be Elected    1    within=3s

Start Five Nodes With Four Shards
    [Documentation]    Starts five nodes with three replicas of each of four shards.
    Start Cluster    five-nodes    shards=4
    Leader Should Be Elected    1    within=3s
    Leader Should Be Elected    2    within=3s

Members Should Be Known And Data There
    [Documentation]    All nodes agree on members, shards and epochs, and no confirmed write is lost.
    Run For    1s
    Cluster State Should Be Consistent
    Every Confirmed Write Should Be There    confirmed=200
