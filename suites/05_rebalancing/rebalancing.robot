*** Settings ***
Documentation    Nodes are added under load and given their fair share, by plans that are carried out under writes.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource
Resource         ../../resources/rebalancing.resource

Test Tags        rebalancing


*** Test Cases ***
Added Nodes Are Given Their Fair Share
    [Documentation]    Replicas and leadership are spread under load, and the log shows it before and after.
    [Tags]    priority-1    smoke
    [Setup]    Start Three Nodes And Add Three
    Rebalance Shards
    Load Should Be Balanced    leaders
    Load Should Be Balanced    data    spread=40%
    Get Rebalancing Progress    moves    ==    100
    Moved Data Should Be Whole

No More Is Moved Than Needed
    [Documentation]    Half of the replicas go to half of the nodes; what is balanced stays where it is.
    [Tags]    priority-1
    [Setup]    Start Three Nodes And Add Three
    Get Rebalancing Plan    moves    ==    18
    Rebalance Shards
    Get Rebalancing Plan    moves    ==    0
    Get Rebalancing Plan    leaders    ==    0
    Moved Data Should Be Whole

Plan Is Priced In Bytes And Time
    [Documentation]    The plan tells what it costs, and a throttled rebalancing takes about as long as it said.
    [Tags]    priority-2
    [Setup]    Start Three Nodes And Add Three
    Get Rebalancing Plan    bytes    >    2000
    Get Rebalancing Plan    seconds    >    1    throttle=1kB/s    at_once=2
    Rebalance Shards    throttle=1kB/s    wait=no
    Get Rebalancing Progress    bytes    >=    50    within=20s
    Get Rebalancing Progress    moves    <    100
    Run Until    rebalancing finished
    Get Metric    latency_max    <    500
    Moved Data Should Be Whole

Old Plan Of A Delayed Driver Is Rejected
    [Documentation]    Whoever carries out a plan that has lain about would undo what was done since.
    [Tags]    priority-1
    [Setup]    Start Three Nodes And Add Three
    ${old} =    Get Rebalancing Plan
    Add Node    zone=a
    Rebalance Shards    plan=${old}    outcome=aborted
    Rebalance Shards    by=bytes
    Load Should Be Balanced    data    spread=30%
    Moved Data Should Be Whole

Cancelled Rebalancing Stops Where It Is
    [Documentation]    What has moved stays, what is under way is given up, and another rebalancing does the rest.
    [Tags]    priority-2
    [Setup]    Start Three Nodes And Add Three
    Rebalance Shards    throttle=1kB/s    wait=no
    Run Until    move finished
    Cancel Moves
    Shards Should Be Whole    within=2s
    Get Rebalancing Plan    moves    >    0
    Rebalance Shards    by=bytes
    Load Should Be Balanced    data    spread=30%
    Moved Data Should Be Whole

Driver Crashes And The Next One Goes On
    [Documentation]    The plan stands in the directory, so whoever leads shard 0 next carries it out to its end.
    [Tags]    priority-1
    [Setup]    Start Three Nodes And Add Three
    Rebalance Shards    by=bytes    throttle=4kB/s    wait=no
    Run Until    move finished
    Crash Node    leader of shard 0    duration=2s
    Run Until    rebalancing finished
    Run For    2s
    Load Should Be Balanced    data    spread=30%
    Moved Data Should Be Whole

New Node Dies In The Middle And Comes Back
    [Documentation]    Moves to a node that is away for a while go on when it is back.
    [Tags]    priority-1
    [Setup]    Start Three Nodes And Add Three
    Arm Fault    learner caught up    crash node    node=n4    duration=3s
    Rebalance Shards    by=bytes    throttle=4kB/s
    Load Should Be Balanced    data    spread=30%
    Moved Data Should Be Whole
