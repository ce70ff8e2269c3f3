*** Settings ***
Documentation    Crashes of one node, of many and of all, with clients at work.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource

Test Tags        node-failure


*** Test Cases ***
Crashed Leader Is Replaced And Loses No Confirmed Write
    [Documentation]    Another node leads within two seconds, and the old leader comes back as one of many.
    [Tags]    priority-1    smoke
    Start Cluster    nodes=5    shards=4
    Load The Cluster
    ${old} =    Crash Node    leader of shard 1
    Leader Should Be Elected    1    within=2s
    Restart Node    ${old}
    Run For    ${PHASE}
    Every Confirmed Write Should Be There

Crashed Follower Disturbs Nobody
    [Documentation]    A majority goes on without electing anybody, and the follower catches up when it comes back.
    [Tags]    priority-2
    [Setup]    Start Five Nodes
    Load The Cluster
    ${leader} =    Get Leader    1
    ${follower} =    Crash Node    follower of shard 1
    Run For    4s
    Get Leader    1    ==    ${leader}
    Leaders Should Stay    window=2s
    Restart Node    ${follower}
    Run For    ${PHASE}
    Every Confirmed Write Should Be There

Two Of Five Crash And The Rest Go On
    [Documentation]    Three of five are a quorum, so writes are confirmed while two nodes are down.
    [Tags]    priority-1
    [Setup]    Start Five Nodes
    Load The Cluster
    Crash Node    leader of shard 1, follower of shard 1
    Leader Should Be Elected    1    within=3s
    Run For    ${PHASE}
    Get Metric    confirmed_writes    >    100    window=${PHASE}
    Cluster Should Serve Again
    Every Confirmed Write Should Be There

Three Of Five Crash And Nothing Is Confirmed
    [Documentation]    Two of five are no quorum: not one write is confirmed until the others come back.
    [Tags]    priority-1
    [Setup]    Start Five Nodes
    Load The Cluster
    Crash Node    n1, n2, n3
    Run For    ${PHASE}
    Get Metric    confirmed_writes    ==    0    window=2s
    Cluster Should Serve Again
    Every Confirmed Write Should Be There    confirmed=300

Power Loss Of All Nodes Loses No Confirmed Write
    [Documentation]    All nodes stop at one instant, in the middle of their writes, and come back with their disks.
    [Tags]    priority-1    smoke
    [Setup]    Start Three Nodes
    Load Few Lists Heavily
    Crash Node    n1, n2, n3    duration=500 ms
    Run For    1500 ms
    Crash Node    n1, n2, n3    duration=500 ms
    Cluster Should Recover    within=10s
    Every Confirmed Write Should Be There    confirmed=300

Nothing Is Confirmed Before Disks Have It
    [Documentation]    All disks hang for a moment, then power fails: what they had not written was promised to nobody.
    [Tags]    priority-1
    [Setup]    Start Three Nodes
    Load Few Lists Heavily
    Fail Disk    n1, n2, n3    stall
    Run For    300 ms
    Crash Node    n1, n2, n3
    Cluster Should Serve Again
    Every Confirmed Write Should Be There    confirmed=300

Nothing Is Confirmed While Disks Hang
    [Documentation]    A healthy network does not help: without a disk that answers, no write is confirmed.
    [Tags]    priority-2
    [Setup]    Start Three Nodes
    Load The Cluster
    Fail Disk    n1, n2, n3    stall
    Run For    400 ms
    Get Metric    confirmed_writes    ==    0    window=300 ms
    Cluster Should Serve Again
    Every Confirmed Write Should Be There    confirmed=300

Crash At Each Write To Disk Loses Nothing
    [Documentation]    A small run is done again with a crash before and after writes to a disk: each, in longer modes.
    [Tags]    priority-1
    [Setup]    Start Cluster
    Do A Few Appends
    Crash Points Should Be Survived    persist    every=${EVERY_WRITE}

Power Loss At Each Sync Loses Nothing
    [Documentation]    The same, but power fails everywhere.
    [Tags]    priority-1
    [Setup]    Start Cluster
    Do A Few Appends
    Crash Points Should Be Survived    persist    every=${EVERY_WRITE}    power_loss=yes

Crash While Messages Leave Loses Nothing
    [Documentation]    A small run is done again with a crash before and after every thirtieth message.
    [Tags]    priority-2
    [Setup]    Start Cluster
    Do A Few Appends
    Crash Points Should Be Survived    send    every=30

Crash As State Is Saved Loses Nothing
    [Documentation]    State is saved and the log begun anew all the time; a node crashes after some of these moments.
    [Tags]    priority-1
    [Setup]    Start Cluster    ${TOPOLOGIES}${/}tiny-logs.yaml
    Do A Few Appends
    Crash Points Should Be Survived    apply    every=16

Retried Command Happens Once
    [Documentation]    Answers are lost, so gateways ask again; yet each increment counts once.
    [Tags]    priority-1
    [Setup]    Start Three Nodes
    Start Workload    counter    clients=${CLIENTS}    rate=${RATE}    keys=10
    Drop Messages    shard reply    probability=20%
    Run For    ${PHASE}
    Heal Network
    Run For    1s
    Every Confirmed Write Should Be There    confirmed=300


*** Keywords ***
Do A Few Appends
    [Documentation]    Makes a run that is small enough to be done again many times.
    Start Workload    append    clients=3    rate=20/s    keys=3
    Run For    2s
    Stop Workload
