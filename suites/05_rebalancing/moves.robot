*** Settings ***
Documentation    Replicas of shards move to other nodes under load, are taken back, and survive whoever crashes.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource
Resource         ../../resources/rebalancing.resource

Test Tags        rebalancing


*** Test Cases ***
Replica Moves Under Load And Nobody Notices
    [Documentation]    The new replica has caught up before it votes, so no operation waits longer than for an election.
    [Tags]    priority-1    smoke
    [Setup]    Start Four Nodes With A Spare One
    Load Moving Shards
    Move Shard    1    n4    source=follower of shard 1
    Get Rebalancing Progress    moves    ==    100
    Run For    1s
    Get Metric    latency_max    <    500
    Moved Data Should Be Whole

Leader Moves And Hands Over First
    [Documentation]    A source that leads lets another lead before it goes, so nobody has to miss it.
    [Tags]    priority-1
    [Setup]    Start Four Nodes With A Spare One
    Load Moving Shards
    ${old} =    Move Shard    1    n4    source=leader of shard 1
    Get Leader    1    !=    ${old}
    Run For    1s
    Get Metric    latency_max    <    500
    Moved Data Should Be Whole

Only Replica Of A Shard Moves
    [Documentation]    Where nobody else could lead, the target is given its vote first, and then leads.
    [Tags]    priority-1
    [Setup]    Start Four Nodes With One Replica Each
    Load Moving Shards
    Move Shard    1    n4
    Get Leader    1    ==    n4
    Run For    1s
    Moved Data Should Be Whole

Every Replica Of A Shard Moves Away
    [Documentation]    Three moves one after the other: not one of the first replicas is left.
    [Tags]    priority-2
    [Setup]    Start Six Nodes With A Shard On Three
    Load Moving Shards
    FOR    ${number}    IN RANGE    3
        Move Shard    1    n${number + 4}    source=n${number + 1}
    END
    Get Leader    1    contains    n    within=2s
    Run For    1s
    Moved Data Should Be Whole

Cancelled Move Leaves Nothing Behind
    [Documentation]    What was copied is given up, the source keeps its vote, and the same move may begin again.
    [Tags]    priority-1
    [Setup]    Start Four Nodes With A Spare One
    Load Moving Shards
    Pause Node    n4
    Move Shard    1    n4    wait=no
    Run Until    learner added
    Cancel Moves    1
    Shards Should Be Whole    within=2s
    Resume Node    n4
    Run For    1s
    Move Shard    1    n4
    Moved Data Should Be Whole

Target That Stays Away Ends The Move
    [Documentation]    Nobody waits for ever: the move fails with its reason, and the shard is as it was.
    [Tags]    priority-2
    [Setup]    Start Four Nodes With A Spare One
    Load Moving Shards
    Arm Fault    move started    crash node    node=n4
    Run Keyword And Expect Error    MOV-001: shard 1 did not move from n1 to n4: n4 is down*
    ...    Move Shard    1    n4    source=n1
    Restart Node    n4
    Run For    1s
    Moved Data Should Be Whole
