*** Settings ***
Documentation    Networks that part while the members of a shard change.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource

Test Tags        partition


*** Test Cases ***
Partition During A Joint Configuration
    [Documentation]    Old and new members are parted in the middle of the change, with writes on both sides.
    [Tags]    priority-1
    [Setup]    Start Six Nodes Of Which Three Hold The Shard
    Load The Cluster
    Decommission Node    n1    wait=no
    Run Until    voters changing    on=leader of shard 1    timeout=2s
    Partition Network    n1, n2, n3 | rest    duration=4s
    Run For    4s
    Get Metric    confirmed_writes    >    100    on=n1, n2, n3    window=3s
    Get Metric    confirmed_writes    ==    0    on=n4, n5, n6    window=3s
    Shards Should Be Whole    within=20s
    Cluster State Should Be Consistent
    Every Confirmed Write Should Be There    confirmed=200

Old And New Members Never Decide Apart
    [Documentation]    Old members without the leader, and the leader with a new one: no majority of each, no decision.
    [Tags]    priority-1
    [Setup]    Start Four Nodes With One Shard
    Load The Cluster
    Decommission Node    follower of shard 1    wait=no
    Run Until    voters changing    on=leader of shard 1    timeout=2s
    Partition Network    leader of shard 1, n4 | rest    duration=3s
    Run For    3s
    Get Metric    confirmed_writes    ==    0    on=n4    window=2500 ms
    Shards Should Be Whole    within=20s
    Cluster State Should Be Consistent
    Every Confirmed Write Should Be There    confirmed=200

Replica That Catches Up Decides Nothing
    [Documentation]    The leader is left with a learner alone, which takes all data and has no vote.
    [Tags]    priority-1
    [Setup]    Start Four Nodes With One Shard
    Load The Cluster
    Decommission Node    follower of shard 1    wait=no
    Run Until    learner added    on=leader of shard 1    timeout=2s
    Partition Network    leader of shard 1, n4 | rest    duration=3s
    Run For    3s
    Get Metric    confirmed_writes    ==    0    on=n4    window=2500 ms
    Shards Should Be Whole    within=20s
    Cluster State Should Be Consistent
    Every Confirmed Write Should Be There    confirmed=200

Removed Node On The Other Side Rules Nobody
    [Documentation]    A leader that is cut off is removed. It hears of that after the heal; its writes count nowhere.
    [Tags]    priority-1
    [Setup]    Start Four Nodes With One Shard
    Load The Cluster
    ${old} =    Isolate Node    leader of shard 1    duration=6s
    Leader Should Be Elected    1    within=3s
    Remove Node    ${old}
    Shards Should Be Whole    within=10s
    Run For    7s
    Get Nodes    removed    ==    ${old}
    Cluster State Should Be Consistent
    Every Confirmed Write Should Be There    confirmed=200

Members Change While The Network Flaps
    [Documentation]    Nodes come and go behind links that are cut and mended all the time.
    [Tags]    priority-2
    [Setup]    Start Four Nodes With One Shard
    Load The Cluster
    Partition Network    n1, n2 | rest    flapping=700 ms    duration=6s
    Add Node    wait=no
    Run For    2s
    Decommission Node    n2    wait=no
    Run For    6s
    Get Node Count    removed    ==    1    within=20s
    Shards Should Be Whole    within=20s
    Cluster State Should Be Consistent
    Every Confirmed Write Should Be There    confirmed=200


*** Keywords ***
Start Six Nodes Of Which Three Hold The Shard
    [Documentation]    Starts six nodes with one shard on n1, n2 and n3.
    Start Cluster    five-nodes    nodes=6
    Leader Should Be Elected    1    within=3s

Start Four Nodes With One Shard
    [Documentation]    Starts four nodes with one shard on n1, n2 and n3.
    Start Cluster    five-nodes    nodes=4
    Leader Should Be Elected    1    within=3s
