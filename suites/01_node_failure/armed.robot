*** Settings ***
Documentation    Crashes at the very moments that matter: between a vote and its answer, at an election, at a commit.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource

Test Setup       Start Three Nodes

Test Tags        node-failure


*** Test Cases ***
Voter Crashes Between Its Vote And The Answer
    [Documentation]    The vote is on the disk and nobody knows of it: the voter must still not vote for another.
    [Tags]    priority-1
    Load The Cluster
    Arm Fault    vote persisted    crash node    on=follower of shard 1    duration=200 ms
    Crash Node    leader of shard 1    duration=1s
    Leader Should Be Elected    1    within=4s
    Run For    ${PHASE}
    Every Confirmed Write Should Be There

Leader Crashes Right After Election Three Times
    [Documentation]    Whoever is elected dies in that instant, three times over; the fourth leader serves.
    [Tags]    priority-1
    Load The Cluster
    Arm Fault    leader elected    crash node    duration=500 ms
    Arm Fault    leader elected    crash node    occurrence=2    duration=500 ms
    Arm Fault    leader elected    crash node    occurrence=3    duration=500 ms
    Crash Node    leader of shard 1    duration=500 ms
    Run Until    leader elected    count=4    timeout=20s
    Cluster Should Recover    within=5s
    Run For    1s
    Every Confirmed Write Should Be There

Leader That Loses Its Disk As It Commits Loses Nothing
    [Documentation]    The entry was answered in that instant; the others have it, and the empty node counts no more.
    [Tags]    priority-2
    Load Few Lists Heavily
    Arm Fault    entry committed    lose disk    occurrence=100    duration=1s
    Run For    1s
    Cluster Should Recover    within=5s
    Run For    300 ms
    Every Confirmed Write Should Be There    confirmed=300

Node Crashes As A Snapshot Reaches It
    [Documentation]    A node far behind is sent the whole state, and dies as that leaves; it is sent again.
    [Tags]    priority-2
    [Setup]    Start Three Nodes With Small Logs
    Load The Cluster
    ${late} =    Crash Node    follower of shard 1
    Run For    2s
    Arm Fault    snapshot sent    crash node    node=${late}    phase=before    duration=500 ms
    Restart Node    ${late}
    Run For    ${PHASE}
    Every Confirmed Write Should Be There
