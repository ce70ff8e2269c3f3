*** Settings ***
Documentation    What moves have to survive: whoever dies at whichever step, stale routes, deletes and throttles.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource
Resource         ../../resources/rebalancing.resource

Test Tags        rebalancing


*** Test Cases ***
Donor Dies At Each Step
    [Documentation]    Whoever gives its replica away may crash before, between and after: the move is done.
    [Tags]    priority-1
    [Setup]    Start Six Nodes With A Shard On Three
    Load Moving Shards
    Move And Strike    move started    n1    n4    n1
    Move And Strike    learner caught up    n2    n5    n2
    Move And Strike    move cut over    n3    n6    n3
    Move And Strike    move finished    n4    n1    n4
    Moved Data Should Be Whole

Recipient Dies At Each Step
    [Documentation]    The new replica may crash before it has anything, before it votes, and after.
    [Tags]    priority-1
    [Setup]    Start Six Nodes With A Shard On Three
    Load Moving Shards
    Move And Strike    move started    n1    n4    n4
    Move And Strike    learner caught up    n2    n5    n5
    Move And Strike    move cut over    n3    n6    n6
    Move And Strike    move finished    n4    n1    n1
    Moved Data Should Be Whole

Driver Dies At Each Step
    [Documentation]    Whoever leads shard 0 next finds the move in the directory, and goes on where it stands.
    [Tags]    priority-1
    [Setup]    Start Six Nodes With A Shard On Three
    Load Moving Shards
    Move And Strike    move started    n1    n4    leader of shard 0
    Move And Strike    learner caught up    n2    n5    leader of shard 0
    Move And Strike    move cut over    n3    n6    leader of shard 0
    Move And Strike    move finished    n4    n1    leader of shard 0
    Moved Data Should Be Whole

Copy Goes On Where It Stopped
    [Documentation]    Donor, recipient and leader die in the middle of a slow copy; what has arrived is not lost.
    [Tags]    priority-1
    [Setup]    Start Four Nodes With Small Logs
    Load Moving Shards
    Move Shard    1    n4    source=follower of shard 1    throttle=1kB/s    wait=no
    Get Rebalancing Progress    bytes    >=    40    within=10s
    Crash Node    n4    duration=500 ms
    Run For    1s
    Get Rebalancing Progress    bytes    >=    40    within=2s
    Crash Node    leader of shard 1    duration=1s
    Get Rebalancing Progress    moves    ==    100    within=20s
    Run For    1s
    Moved Data Should Be Whole

Throttled Copy Leaves Room For Clients
    [Documentation]    The copy takes as long as its throttle says, and no client waits for it.
    [Tags]    priority-2
    [Setup]    Start Four Nodes With Small Logs
    Load Moving Shards
    Move Shard    1    n4    throttle=0.5kB/s    wait=no
    Run For    1s
    Get Rebalancing Progress    bytes    <    70
    Get Rebalancing Progress    moves    ==    100    within=20s
    Get Metric    latency_p99    <    50    window=3s
    Moved Data Should Be Whole

Stale Routes During The Cut-Over Lead Nowhere
    [Documentation]    Gateways that hear nothing of the new directory ask old replicas, and are sent on by the epoch.
    [Tags]    priority-1
    [Setup]    Start Six Nodes With A Shard On Three
    Drop Messages    announcement    target=n5, n6
    Load Moving Shards
    ${first} =    Move Shard    1    n4    source=leader of shard 1
    Move Shard    1    ${first}    source=leader of shard 1
    Run For    1s
    Heal Network
    Moved Data Should Be Whole

Half That Gave Keys Away Serves Them No More
    [Documentation]    Gateways that hear nothing of a split ask the left half for keys of the right, and are sent on.
    [Tags]    priority-1
    [Setup]    Start Six Nodes With A Shard On Three
    Drop Messages    announcement    target=n4, n5, n6
    Load Moving Shards
    Split Shard    1
    Run For    1s
    Heal Network
    Moved Data Should Be Whole

Deletes And Changes Of Keys Reach The Copy
    [Documentation]    A key is deleted before the copy, one during it, and one is renamed by a transaction.
    [Tags]    priority-1
    [Setup]    Start Four Nodes With Small Logs
    Three Keys Are Written And One Is Deleted
    Load Moving Shards
    Move Shard    1    n4    source=follower of shard 1    throttle=1kB/s    wait=no
    Get Rebalancing Progress    bytes    >=    20    within=10s
    Rename A Key And Delete Another
    Get Rebalancing Progress    moves    ==    100    within=20s
    Transfer Leadership    1    n4
    Only The Renamed Key Should Be There
    Moved Data Should Be Whole

Learner Has No Vote Before It Has Caught Up
    [Documentation]    While the copy is under way another replica dies: the two that hold all go on alone.
    [Tags]    priority-1
    [Setup]    Start Four Nodes With Small Logs
    Load Moving Shards
    Move Shard    1    n4    source=follower of shard 1    throttle=0.4kB/s    wait=no
    Get Rebalancing Progress    bytes    >=    20    within=10s
    Crash Node    follower of shard 1    duration=2s
    Run For    1500 ms
    Get Metric    confirmed_writes    >    15    window=1s
    Get Rebalancing Progress    bytes    <    100
    Get Rebalancing Progress    moves    ==    100    within=30s
    Moved Data Should Be Whole

Partition While A Shard Moves
    [Documentation]    A donor that leads is cut off in the middle: the others go on, and it acknowledges nothing.
    [Tags]    priority-2
    [Setup]    Start Six Nodes With A Shard On Three
    Load Moving Shards
    Arm Fault    learner caught up    isolate node    node=leader of shard 1    duration=2s
    Move Shard    1    n4    source=leader of shard 1
    Run For    2s
    Moved Data Should Be Whole
