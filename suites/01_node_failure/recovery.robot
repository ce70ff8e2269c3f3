*** Settings ***
Documentation    How nodes come back: with their log, by snapshot, with an empty disk, after a pause.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource

Test Tags        node-failure


*** Test Cases ***
Node Left Far Behind Catches Up By Snapshot
    [Documentation]    The others have forgotten the entries that it lacks, so it needs their state as a whole.
    [Tags]    priority-1
    [Setup]    Start Three Nodes With Small Logs
    Load The Cluster
    ${late} =    Crash Node    follower of shard 1
    Run For    ${PHASE}
    Restart Node    ${late}
    Run Until    snapshot sent    timeout=2s
    Run For    ${PHASE}
    Every Confirmed Write Should Be There

Retry Is Recognised After A Snapshot
    [Documentation]    What makes a retry happen once is part of the state that snapshots carry to restarted nodes.
    [Tags]    priority-1
    [Setup]    Start Three Nodes With Small Logs
    Start Workload    counter    clients=${CLIENTS}    rate=${RATE}    keys=10
    Drop Messages    shard reply    probability=20%
    Run For    ${PHASE}
    Crash Node    n1, n2, n3    duration=500 ms
    Run For    ${PHASE}
    Heal Network
    Cluster Should Recover    within=5s
    Every Confirmed Write Should Be There    confirmed=300

Snapshot Replaces What Nobody Confirmed
    [Documentation]    A leader that nobody hears goes on writing; the snapshot that it gets later contradicts its log.
    [Tags]    priority-1
    [Setup]    Start Three Nodes With Small Logs
    Start Workload    register    clients=120    rate=2000/s    keys=20    reads=0%
    Run For    300 ms
    ${old} =    Isolate Node    leader of shard 1    direction=out    duration=2s
    Run For    100 ms
    Set Load    20/s
    Run For    290 ms
    Isolate Node    ${old}    duration=1s
    Run Until    snapshot sent    timeout=2s
    Cluster Should Recover    within=5s
    Every Confirmed Write Should Be There    confirmed=300

Crash While A Snapshot Comes Loses Nothing
    [Documentation]    Who takes it crashes around every second chunk, and again once it has replayed its log.
    [Tags]    priority-1
    [Setup]    Start Three Nodes With Small Logs
    Leader Should Be Elected    0    within=3s
    Start Workload    append    clients=6    rate=400/s    keys=5    reads=0%
    Run For    100 ms
    Crash Node    follower of shard 1    duration=500 ms
    Run For    800 ms
    Crash Points Should Be Survived    install    every=2    again=yes

Wiped Node Counts In No Quorum
    [Documentation]    A node that lost its disk may have forgotten a vote, so with it alone the leader decides nothing.
    [Tags]    priority-1
    [Setup]    Start Three Nodes With Small Logs
    Load The Cluster
    ${wiped} =    Crash Node    follower of shard 1
    ${other} =    Crash Node    follower of shard 1
    Run For    500 ms
    Restart Node    ${wiped}    disk=wiped
    Run For    ${PHASE}
    Get Metric    confirmed_writes    ==    0    window=1s
    Restart Node    ${other}
    Cluster Should Recover    within=5s
    Every Confirmed Write Should Be There

Wiped Node Is Readmitted And Counts Again
    [Documentation]    Its replicas are replaced by new ones, which catch up by snapshot and then make quorums.
    [Tags]    priority-1
    [Setup]    Start Three Nodes With Small Logs
    Load The Cluster
    Exchange The Disk Of A Follower
    Run Until    snapshot sent    timeout=${PHASE}
    Replicas Should Have The Same Data
    Crash Node    leader of shard 1    duration=${PHASE}
    Run For    ${PHASE}
    Get Metric    confirmed_writes    >    50    window=1s
    Cluster Should Recover    within=5s
    Every Confirmed Write Should Be There

Paused Leader Is Replaced And Serves Nothing Old
    [Documentation]    A leader that stood still for seconds must not answer from what it knew before.
    [Tags]    priority-1
    [Setup]    Start Five Nodes
    Start Workload    register    clients=${CLIENTS}    rate=${RATE}    keys=5
    Run For    1s
    ${old} =    Pause Node    leader of shard 1
    Leader Should Be Elected    1    within=3s
    Run For    1s
    Resume Node    ${old}
    Run For    ${PHASE}
    Every Confirmed Write Should Be There    confirmed=400

Leader With A Hanging Disk Is Replaced
    [Documentation]    Its network is healthy, but what it accepts cannot become durable: another node must lead.
    [Tags]    priority-1
    [Setup]    Start Three Nodes
    Load The Cluster
    ${old} =    Fail Disk    leader of shard 1    stall
    Run For    2s
    Get Leader    1    !=    ${old}    within=2s
    Run For    ${PHASE}
    Get Metric    confirmed_writes    >    100    window=2s
    Cluster Should Serve Again
    Every Confirmed Write Should Be There

Rolling Restart Is No Outage
    [Documentation]    Each node in turn is restarted; no client waits longer than one election.
    [Tags]    priority-2
    [Setup]    Start Three Nodes
    Load The Cluster
    Crash Node    n1    duration=300 ms
    Run For    2s
    Crash Node    n2    duration=300 ms
    Run For    2s
    Crash Node    n3    duration=300 ms
    Run For    2s
    Get Metric    latency_max    <    2000
    Every Confirmed Write Should Be There

Restarted Nodes Keep Their Votes
    [Documentation]    All nodes restart again and again while they elect: no term ever has two leaders.
    [Tags]    priority-1
    [Setup]    Start Three Nodes
    Start Workload    register    clients=${CLIENTS}    rate=${RATE}    keys=5
    Run For    1s
    Crash Node    n1, n2, n3    duration=100 ms
    Run For    800 ms
    Crash Node    n1, n2, n3    duration=100 ms
    Run For    800 ms
    Crash Node    n1, n2, n3    duration=100 ms
    Run For    ${PHASE}
    Every Confirmed Write Should Be There    confirmed=300


*** Keywords ***
Exchange The Disk Of A Follower
    [Documentation]    Lets a follower crash, and come back with an empty disk.
    ${node} =    Crash Node    follower of shard 1
    Run For    500 ms
    Restart Node    ${node}    disk=wiped

Replicas Should Have The Same Data
    [Documentation]    Stops the clients for a moment, so that the replicas can be compared.
    Set Load    1/s
    Run For    2s
    Replicas Should Agree
    Set Load    ${RATE}
