*** Settings ***
Documentation    Links that carry messages in one direction only, and elections while the network is parted.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource

Test Tags        partition


*** Test Cases ***
One Way Link Of Each Pair Stops Nobody
    [Documentation]    Whatever link is broken in one direction, some node has two-way links to a quorum, and leads.
    [Tags]    priority-1
    [Setup]    Start Three Nodes
    Load The Cluster
    Serve While A Link Is Broken    n1    n2
    Serve While A Link Is Broken    n2    n1
    Serve While A Link Is Broken    n1    n3
    Serve While A Link Is Broken    n3    n1
    Serve While A Link Is Broken    n2    n3
    Serve While A Link Is Broken    n3    n2
    Every Confirmed Write Should Be There

One Way Link Of The Leader Stops Nobody
    [Documentation]    In a larger cluster too, in either direction.
    [Tags]    priority-2
    [Setup]    Start Five Nodes
    Load The Cluster
    Serve While A Link Is Broken    leader of shard 1    follower of shard 1
    Serve While A Link Is Broken    follower of shard 1    leader of shard 1
    Every Confirmed Write Should Be There

One Way Ring Is Safe And Recovers
    [Documentation]    Each node hears one other and is heard by the third: nobody can lead, and nothing is confirmed.
    [Tags]    priority-1
    [Setup]    Start Three Nodes
    Load The Cluster
    Partition Network    n1 | n2    direction=forward
    Partition Network    n2 | n3    direction=forward
    Partition Network    n3 | n1    direction=forward
    Run For    8s
    Get Metric    confirmed_writes    ==    0    window=4s
    Cluster Should Serve Again
    Every Confirmed Write Should Be There    confirmed=500

Majority Elects In Time And The Heal Deposes Nobody
    [Documentation]    The side of the majority has a leader within two seconds, who stays when the others are back.
    [Tags]    priority-1
    [Setup]    Start Five Nodes
    Load The Cluster Lightly
    Partition Network    leader of shard 1, follower of shard 1 | rest
    Leader Should Be Elected    1    within=2s
    Run For    3s
    Heal Network
    Run For    5s
    Leaders Should Stay    window=5s
    Every Confirmed Write Should Be There    confirmed=300

Leaders That Come And Go Under Load Lose Nothing
    [Documentation]    Figure 8 of the Raft paper, left to chance: leaders crash and are cut off, again and again.
    [Tags]    priority-1
    [Setup]    Start Five Nodes
    Load Few Lists Heavily
    Set Load    100/s
    Arm Fault    leader elected    crash node    occurrence=2    duration=700 ms
    Arm Fault    leader elected    isolate node    occurrence=3    phase=before    duration=1500 ms
    Start Nemesis    crash, isolate, lost messages    every=400 ms
    Run For    8s
    Stop Nemesis
    Get Metric    leader_changes    >=    6
    Cluster Should Recover    within=10s
    Every Confirmed Write Should Be There    confirmed=300


*** Keywords ***
Serve While A Link Is Broken
    [Documentation]    What one node sends to the other is lost; somebody leads, and writes are confirmed.
    [Arguments]    ${source}    ${target}
    Partition Network    ${source} | ${target}    direction=forward
    Leader Should Be Elected    1    within=3s
    Run For    2s
    Get Metric    confirmed_writes    >    30    window=1s    within=2s
    Heal Network
