*** Settings ***
Documentation       Moves that make no sense are refused in one sentence, and the running cluster goes on.

Library             PhantomLibrary

Test Setup          Start Small Cluster
Test Timeout        20 seconds

Test Tags           priority-1


*** Test Cases ***
Moves That Cannot Be
    [Documentation]    Unknown shards and nodes, targets that have the shard, sources that have not.
    Refused    no shard 7: this cluster has shards 0, 1    Move Shard    7    n4
    Refused    no node 'n9': this cluster has n1, n2, n3, n4; roles are leader of shard 1, follower of shard 1, random, minority (did you mean n4?)
    ...    Move Shard    1    n9
    Refused    n2 holds a replica of shard 1 already: n1, n2, n3 do    Move Shard    1    n2
    Refused    n4 holds no replica of shard 1 that could move: n1, n2, n3 do    Move Shard    1    n4    source=n4
    Refused    shard 0, which holds the directory, moves only when a node that holds it leaves: decommission the node
    ...    Move Shard    0    n4
    Refused    'all' means 4 nodes (n1, n2, n3, n4); name one    Move Shard    1    all
    Refused    400/s is no bandwidth: write one such as 2MB/s    Move Shard    1    n4    throttle=400/s
    Cluster Goes On

Nodes That Leave
    [Documentation]    A node that is leaving takes no replica, and one that was removed neither.
    Start Cluster    nodes=5    seed=3
    Leader Should Be Elected
    Decommission Node    n4    wait=no
    Run For    100 ms
    Run Keyword And Expect Error    n4 is *, so it takes no more replicas    Move Shard    1    n4
    Pause Node    n5
    Decommission Node    n1    wait=no
    Run For    50 ms
    Run Keyword And Expect Error    n1 is decommissioning, so its replicas move by themselves
    ...    Move Shard    1    n5    source=n1
    Resume Node    n5
    Run For    2s
    Cluster Goes On

One Move At A Time
    [Documentation]    A shard that moves is let alone, and what does not move cannot be cancelled.
    Refused    nothing was moved yet whose progress could be told: use Move Shard first    Get Rebalancing Progress
    Refused    nothing moves that could be cancelled    Cancel Moves
    Refused    shard 1 is not moving    Cancel Moves    1
    Refused    no shard 7: this cluster has shards 0, 1    Cancel Moves    7
    Pause Node    n4
    Move Shard    1    n4    source=n1    wait=no
    Run Until    move started
    Refused    shard 1 is moving already, from n1 to n4: wait for that, or cancel it    Move Shard    1    n4    source=n2
    Resume Node    n4
    Run Until    move finished
    Cluster Goes On


*** Keywords ***
Start Small Cluster
    [Documentation]    Starts four nodes, of which n4 holds no replica of shard 1.
    Start Cluster    nodes=4    seed=7
    Leader Should Be Elected

Refused
    [Documentation]    Expects exactly this message.
    [Arguments]    ${message}    @{keyword}    &{named}
    Run Keyword And Expect Error    EQUALS:${message}    @{keyword}    &{named}

Cluster Goes On
    [Documentation]    Nothing has happened that clients could notice.
    Put Value    k1    after
    Get Value    k1    ==    after
    Cluster State Should Be Consistent
