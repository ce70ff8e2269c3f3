*** Settings ***
Documentation       Short stories with most keywords, whose runs are compared between runs of Robot.

Library             PhantomLibrary

Test Timeout        20 seconds

Test Tags           priority-1


*** Test Cases ***
Crashed Leader Comes Back
    [Documentation]    Another node leads, and the old leader is one of many.
    [Setup]    Start Cluster With Load    nodes=5    shards=4
    ${old} =    Crash Node    leader of shard 1
    Get Nodes    down    ==    ${old}    within=5s
    Leader Should Be Elected    1    within=2s
    Get Leader    1    !=    ${old}
    Restart Node    ${old}
    Get Node Count    active    ==    5    within=5s
    Health Should Be Accurate    within=5s
    Finish Story    confirmed=100

Faults Heal By Themselves
    [Documentation]    Several faults begin at one instant, and end by themselves.
    [Setup]    Start Cluster With Load    nodes=5    replicas=5
    ${leader} =    Get Leader    1
    Pause Node    follower of shard 1    at=2.5s    duration=500 ms
    Isolate Node    ${leader}    duration=1s
    Set Link    n1    n2, n3    latency=40 ms    jitter=5 ms    loss=1 %    duplicate=2%    reorder=2%    duration=1s
    Fail Disk    follower of shard 1    stall    at=4s    duration=300 ms
    Skew Clock    n4    offset=-200 ms    drift=1 %    duration=1s
    Run For    3s
    Log Cluster State
    Finish Story    confirmed=100

Partition Is Seen From Both Sides
    [Documentation]    The minority confirms nothing, the majority goes on.
    [Setup]    Start Cluster With Load    nodes=5    replicas=5
    Partition Network    leader of shard 1, follower of shard 1 | rest
    Run For    3s
    Get Metric    confirmed_writes    ==    0    on=minority    window=1s
    Get Metric    confirmed_writes    >    10    on=majority    window=1s
    Heal Network
    Cluster Should Recover
    Finish Story    confirmed=100

Lost Messages Are Sent Again
    [Documentation]    A third of the appends is lost, a flapping cut comes and goes, and two workloads go on.
    [Setup]    Start Cluster With Load
    Start Workload    append    clients=2    rate=50/s    keys=5
    Drop Messages    append entries    probability=30%    duration=2s
    Partition Network    n1 | rest    flapping=400 ms    duration=2s
    Set Load    150/s    shape=ramp    period=1s    workload=register
    Run For    3s
    Finish Story    confirmed=200

Keys Are Written And Read
    [Documentation]    What was written is read back, before and after a crash of all.
    Start Cluster
    Put Value    alice    on call
    Get Value    alice    ==    on call
    Get Value    nobody    ==    ${EMPTY}
    Crash Node    n1, n2, n3
    Put Value    alice    at home    outcome=unknown
    Run For    1s
    Heal Faults
    Get Value    alice    contains    on call    within=5s
    Run Until    quiet
    Replicas Should Agree
    History Should Be    linearizable

Plan, Nemesis And Armed Fault Together
    [Documentation]    Steps of a plan, random faults and a strike at an election, all of which the schedule tells.
    [Setup]    Start Cluster With Load    nodes=5    replicas=5
    ${steps} =    Run Fault Plan    rolling-restart
    Should Be Equal    ${steps}[1]    t=4.000s: crash node n2 until t=4.300s
    Arm Fault    leader elected    pause node    duration=500 ms
    Start Nemesis    partition, lossy links, clock    every=1s
    Isolate Node    leader of shard 1    duration=2s
    Run Until    vote persisted
    Run For    6s
    Stop Nemesis
    Cluster Should Recover
    Finish Story    confirmed=100

Members Come And Go
    [Documentation]    A node is added, one drained, one lost and removed, and one comes back.
    [Setup]    Start Cluster With Load    five-nodes    nodes=4    shards=2
    ${new} =    Add Node    zone=a
    Should Be Equal    ${new}    n5
    Decommission Node    leader of shard 1
    ${lost} =    Crash Node    follower of shard 2
    Run For    1s
    Remove Node    ${lost}
    Get Nodes    removed    contains    ${lost}
    Add Node    ${lost}    wait=no
    Shards Should Be Whole
    Cluster State Should Be Consistent
    Finish Story    confirmed=100

Crash Points Are Survived
    [Documentation]    A small run survives a crash before and after every so many writes to a disk.
    Start Cluster
    Start Workload    register    clients=2    rate=20/s    keys=3
    Run For    2s
    ${points} =    Crash Points Should Be Survived    persist    every=40
    Should Be True    ${points} >= 2
    Data Should Be Intact


*** Keywords ***
Start Cluster With Load
    [Documentation]    Starts a cluster under load and lets it elect its leaders.
    [Arguments]    ${topology}=three-nodes    &{options}
    Start Cluster    ${topology}    &{options}
    Start Workload    register    clients=4    rate=100/s
    Run For    2s

Finish Story
    [Documentation]    Stops the load and judges what clients saw.
    [Arguments]    ${confirmed}
    Run For    1s
    Stop Workload
    History Should Be    linearizable    confirmed=${confirmed}
    Replicas Should Agree
