*** Settings ***
Documentation    Shards merge while clients write: the right one stops, and the left one goes on where it stopped.

Library          PhantomLibrary
Resource         ../../resources/reshaping.resource
Resource         ../../resources/transactions.resource
# Its test timeout is that of all suites.
Resource         ../../resources/workloads.resource

Test Setup       Start Two Neighbours

Test Tags        rebalancing


*** Test Cases ***
Neighbours Merge Under Load
    [Documentation]    Clients of the right shard wait for as long as it takes to copy it, and no longer.
    [Tags]    priority-1    smoke
    Append To All Keys
    Merge Shards    1    2
    Run For    1s
    Get Metric    latency_max    <    500
    Reshaped Data Should Be Whole

Neighbours On Different Nodes Merge
    [Documentation]    The data goes through the log of the left shard, so nobody has to move first.
    [Tags]    priority-1
    [Setup]    Start Neighbours On Other Nodes
    Append To All Keys
    Merge Shards    1    2
    Run For    1s
    Reshaped Data Should Be Whole

What Was Split Is Merged Again
    [Documentation]    To and fro, under load: sessions that went two ways come together again.
    [Tags]    priority-2
    [Setup]    Start One Shard
    Append To All Keys
    FOR    ${new}    IN    2    3    4
        Split Shard    1
        Run For    500 ms
        Merge Shards    1    ${new}
        Run For    500 ms
    END
    Reshaped Data Should Be Whole

Small Neighbours Merge By Themselves
    [Documentation]    Four shards with hardly anything become one, two at a time, and stay one.
    [Tags]    priority-1
    [Setup]    Start Shards That Size Themselves    4
    Start Workload    register    clients=2    rate=20/s    keys=6
    Run Until    merge finished    count=3    timeout=10s
    Run For    1s
    Run Keyword And Expect Error    no shard 4*    Split Shard    4
    Reshaped Data Should Be Whole    confirmed=20

Merged Shard Is Not Lost To Those Who Knew It
    [Documentation]    Gateways that have heard of nothing ask the right shard, and find out who has its keys.
    [Tags]    priority-1
    Append To All Keys
    Drop Messages    announcement    duration=5s
    Merge Shards    1    2
    Run For    3s
    Heal Faults
    Reshaped Data Should Be Whole

Left Shard Goes On Where The Right One Stopped In Time
    [Documentation]    The clock of the right shard's leader is ahead by far: what it wrote is still older than what
    ...                comes later.
    [Tags]    priority-1
    [Setup]    Start Neighbours On Other Nodes
    Skew Clock    leader of shard 2    offset=+20s
    Append To All Keys
    Merge Shards    1    2
    Run For    1s
    Reshaped Data Should Be Whole

Retries Over A Merge Are Done Once
    [Documentation]    Answers of the right shard are lost; the left one knows what it has done.
    [Tags]    priority-1
    Append To All Keys
    Drop Messages    shard reply    probability=40    duration=2s
    Run For    500 ms
    Merge Shards    1    2
    Run For    2s
    Reshaped Data Should Be Whole    confirmed=50

Transaction Over Both Shards Commits In One
    [Documentation]    It wrote in both before they merged: both writes are there, or it is rolled back.
    [Tags]    priority-1    transaction
    Write To Both Ends
    Merge Shards    1    2
    Both Ends Should Be Written Or Neither

Decision Ends What A Merge Brings In
    [Documentation]    One shard has decided, and takes the other one over before that has heard of it; then its leader
    ...                crashes, so nobody tells it any more. It acts on its own decision there as well.
    [Tags]    priority-1    transaction
    [Setup]    Start Nodes That Lead One Shard Each
    Write To Both Ends
    Delay Messages    resolve    by=20s
    Arm Fault    merge absorbed    crash node    node=leader of shard 1
    Commit Transaction    both
    Merge Shards    1    2
    Get Value    apple    ==    2    within=5s
    Get Value    zebra    ==    2    within=3s

Prepared Transactions Come Together
    [Documentation]    A coordinator crashes between its prepares and its decision, and the shards merge: what both had
    ...                promised, one of them ends.
    [Tags]    priority-1    transaction
    Start Workload    bank    clients=5    rate=60/s    keys=12
    Arm Fault    commit sent    crash node    occurrence=3    phase=before    duration=4s
    Run Until    commit sent    count=3
    Merge Shards    1    2
    Run For    6s
    Stop Workload
    History Should Be    serializable
    Shards Should Have One Owner
    Replicas Should Agree

Transactions Go On While Shards Split And Merge
    [Documentation]    Lists over two shards, of which one splits and merges again: each is read as of one moment.
    [Tags]    priority-1    transaction
    Start Workload    list-append    clients=5    rate=60/s    isolation=serializable
    Run For    1s
    FOR    ${new}    IN    3    4
        Split Shard    2
        Run For    700 ms
        Merge Shards    2    ${new}
        Run For    700 ms
    END
    Stop Workload
    History Should Be    serializable
    Shards Should Have One Owner
    Replicas Should Agree

Source Leader Stands Still While Its Shard Is Merged
    [Documentation]    Its lease is over before another leader can freeze the shard; when it goes on, it serves nothing.
    [Tags]    priority-1
    [Setup]    Start Two Neighbours With Leases
    Append To All Keys    rate=60/s
    Pause Node    leader of shard 2    duration=8s
    Merge Shards    1    2
    Run For    9s
    Reshaped Data Should Be Whole

Source Leader Stands Still When Its Shard Is Frozen
    [Documentation]    Whoever leads next hands the same state over.
    [Tags]    priority-1
    Merge And Strike    merge frozen    pause node    leader of shard 2

Source Leader Crashes Before Its Shard Is Frozen
    [Documentation]    The next leader of the right shard freezes it.
    [Tags]    priority-1
    Merge And Strike    freeze ordered    crash node    leader of shard 2    before

Source Leader Crashes Between Two Chunks
    [Documentation]    Chunks are equal on all replicas, so the next leader goes on with the next one.
    [Tags]    priority-1
    Merge And Strike    chunk absorbed    crash node    leader of shard 2

Target Leader Crashes Between Two Chunks
    [Documentation]    What is absorbed so far is in the log, so the next leader asks for the next chunk.
    [Tags]    priority-1
    Merge And Strike    chunk absorbed    crash node    leader of shard 1

Target Leader Crashes As It Has Absorbed
    [Documentation]    The shard has the keys of both, whoever leads it now.
    [Tags]    priority-1
    Merge And Strike    merge absorbed    crash node

Target Leader Falls Silent As It Has Absorbed
    [Documentation]    It serves nobody, and the next leader has all.
    [Tags]    priority-1
    Merge And Strike    merge absorbed    isolate node

Coordinator Crashes At The Freeze
    [Documentation]    The next one goes on with a shard that is frozen.
    [Tags]    priority-1
    Merge And Strike    merge frozen    crash node    leader of shard 0

Coordinator Crashes Before The Directory Knows Of The Merge
    [Documentation]    The next one writes down what has come about.
    [Tags]    priority-1
    Merge And Strike    merge finished    crash node    leader of shard 0    before

Merge Is Cancelled While The Right Shard Is Frozen
    [Documentation]    The left shard refuses first, then the right one serves again; and they may merge later.
    [Tags]    priority-1
    Append To All Keys
    Arm Fault    merge frozen    crash node    node=leader of shard 1    duration=1s
    Merge Shards    1    2    wait=no
    Run Until    merge frozen
    ${cancelled} =    Cancel Merge    2
    Should Be True    ${cancelled}    the merge was done already
    Run For    1500 ms
    Merge Shards    1    2
    Run For    500 ms
    Reshaped Data Should Be Whole

Merge Is Cancelled While Both Leaders Are Gone
    [Documentation]    Nobody thaws the right shard before it is certain that the left one has not taken it over.
    [Tags]    priority-2
    Append To All Keys
    Arm Fault    chunk absorbed    crash node    node=leader of shard 1    duration=2s
    Merge Shards    1    2    wait=no
    Run Until    chunk absorbed
    Cancel Merge    1
    Run For    3s
    Reshaped Data Should Be Whole
