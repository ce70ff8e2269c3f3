*** Settings ***
Documentation    Shards to which nothing happens fall quiet; they must wake when they are needed, or when a node dies.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource

Test Tags        node-failure


*** Test Cases ***
Idle Shards Elect When Their Leader Dies
    [Documentation]    Nobody asks anything of forty shards; yet each has a leader soon after a node is gone.
    [Tags]    priority-1
    [Setup]    Start Many Idle Shards
    Crash Node    leader of shard 1
    Leader Should Be Elected    1    within=2s
    Cluster Should Serve Each Shard
    Heal Faults
    Cluster Should Recover    within=10s
    Data Should Be Intact

Idle Shards Elect When Their Leader Is Cut Off
    [Documentation]    A leader that was quiet when it was cut off must neither be believed nor believe itself.
    [Tags]    priority-1
    [Setup]    Start Many Idle Shards
    ${old} =    Isolate Node    leader of shard 1    duration=3s
    Run For    2s
    Get Leader    1    !=    ${old}
    Cluster Should Serve Each Shard
    Cluster Should Recover    within=10s
    Data Should Be Intact

All Nodes Come Back To Idle Shards
    [Documentation]    Power fails everywhere while all is quiet, one node is back too soon to be missed.
    [Tags]    priority-2
    [Setup]    Start Many Idle Shards
    Crash Node    n2    duration=50 ms
    Run For    3s
    Leaders Should Be Everywhere
    Crash Node    n1, n2, n3    duration=200 ms
    Run For    3s
    Cluster Should Serve Each Shard
    Data Should Be Intact

Lost Heartbeats Of Nodes Depose Nobody
    [Documentation]    Nodes that hear too little of each other suspect each other, but the leaders live, and say so.
    [Tags]    priority-2
    [Setup]    Start Many Idle Shards
    Drop Messages    node heartbeat    probability=50%    duration=5s
    Run For    6s
    Leaders Should Stay    window=6s
    Cluster Should Serve Each Shard
    Data Should Be Intact


*** Keywords ***
Start Many Idle Shards
    [Documentation]    Starts three nodes with forty shards and waits until nothing happens any more.
    Start Cluster    three-nodes    shards=40
    Put Value    k0    before
    Run For    3s

Cluster Should Serve Each Shard
    [Documentation]    Writes to and reads from many keys, which lie in all parts of the range.
    Start Workload    append    clients=${CLIENTS}    rate=${RATE}    keys=100
    Run For    2s
    Stop Workload
    Get Value    k0    ==    before
    History Should Be    linearizable    confirmed=150

Leaders Should Be Everywhere
    [Documentation]    Looks at some of the shards.
    Leader Should Be Elected    1    within=1s
    Leader Should Be Elected    20    within=1s
    Leader Should Be Elected    40    within=1s
