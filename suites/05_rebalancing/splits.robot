*** Settings ***
Documentation    Shards split while clients write: nothing is lost or done twice, and a key has one owner.

Library          PhantomLibrary
Resource         ../../resources/reshaping.resource
Resource         ../../resources/transactions.resource
# Its test timeout is that of all suites.
Resource         ../../resources/workloads.resource

Test Setup       Start One Shard

Test Tags        rebalancing


*** Test Cases ***
Shard Splits Under Load
    [Documentation]    Half of the keys belong to another shard from one entry of the log on, on the same nodes.
    [Tags]    priority-1    smoke
    Append To All Keys
    ${new} =    Split Shard    1
    Leader Should Be Elected    ${new}    within=1s
    Get Metric    latency_max    <    500
    Run For    1s
    Reshaped Data Should Be Whole

Shard Splits At A Key
    [Documentation]    The new shard holds the key and all behind it; the old one those before.
    [Tags]    priority-1
    Put Value    apple    1
    Put Value    melon    2
    Put Value    zebra    3
    Split Shard    1    key=melon
    Get Value    apple    ==    1
    Get Value    melon    ==    2
    Get Value    zebra    ==    3
    Put Value    zebra    4
    Get Value    zebra    ==    4    within=1s
    Shards Should Have One Owner

Halves Split Again And Again
    [Documentation]    Eight shards come of one, each by a split in the middle, while clients write.
    [Tags]    priority-2
    Append To All Keys
    FOR    ${shard}    IN    1    1    2    1    2    3    4
        Split Shard    ${shard}
    END
    Leader Should Be Elected    8    within=2s
    Run For    2s
    Reshaped Data Should Be Whole

Hashed Shard Splits
    [Documentation]    Where shards are ranges of hashes, a split divides these.
    [Tags]    priority-2
    [Setup]    Start Cluster    placement=hash    shards=2
    Append To All Keys
    ${new} =    Split Shard    2
    Leader Should Be Elected    ${new}    within=1s
    Run For    1s
    Data Should Be Placed    within=2s
    Reshaped Data Should Be Whole

Shard That Grows Splits By Itself
    [Documentation]    Each time that a shard has 4 kB, half of its keys get a shard of their own.
    [Tags]    priority-1
    [Setup]    Start Shards That Size Themselves
    Append To All Keys    rate=50/s
    Run Until    split finished    timeout=20s
    Reshaped Data Should Be Whole    confirmed=20

Busy Shard Splits By Itself
    [Documentation]    More than 60 operations a second are too many for one shard, however little it holds.
    [Tags]    priority-1
    [Setup]    Start Shards That Size Themselves
    Start Workload    register    clients=6    rate=100/s    keys=6
    Run Until    split finished    timeout=4s
    Run For    500 ms
    Reshaped Data Should Be Whole    confirmed=50

Stale Routes Lead Nowhere
    [Documentation]    A gateway that has heard of nothing sends writes to the old shard: none is taken there.
    [Tags]    priority-1
    Append To All Keys
    Drop Messages    announcement    duration=5s
    Split Shard    1
    Run For    3s
    Heal Faults
    Reshaped Data Should Be Whole

Retries Over A Split Are Done Once
    [Documentation]    Answers are lost, so clients ask again, of the old shard and of the new one: sessions go along.
    [Tags]    priority-1
    Append To All Keys    rate=200/s
    Drop Messages    shard reply    duration=300 ms
    Run For    250 ms
    Split Shard    1
    Run For    1s
    Reshaped Data Should Be Whole    confirmed=50

Transaction Holds Locks On Both Halves
    [Documentation]    It wrote before the split, and commits after it: both writes are there, or it is rolled back.
    [Tags]    priority-1    transaction
    Write To Both Ends
    Split Shard    1    key=m
    Both Ends Should Be Written Or Neither

Update Is Not Lost Over A Split
    [Documentation]    Locks die with the split. A lost one shows where its transaction is prepared, and that goes.
    [Tags]    priority-1    transaction
    Put Value    zebra    1
    Begin Transaction    first    isolation=read committed
    Write Key    first    zebra    first
    Split Shard    1    key=m
    Begin Transaction    second    isolation=read committed
    Write Key    second    zebra    second
    Commit Transaction    second
    Commit Transaction    first    outcome=aborted
    Get Value    zebra    ==    second

Prepared Transaction Is Divided
    [Documentation]    It is decided, and its record's leader crashes before it tells the other shard, which splits
    ...                between the keys that it has prepared. Both halves hear of the commit.
    [Tags]    priority-1    transaction
    [Setup]    Start Nodes That Lead One Shard Each
    Write To Both Ends
    Write Key    both    lemon    2
    Arm Fault    decision sent    crash node    phase=before    duration=2s
    Commit Transaction    both    outcome=any
    Split Shard    2    key=m
    Get Value    apple    ==    2    within=5s
    Get Value    lemon    ==    2    within=5s
    Get Value    zebra    ==    2    within=5s

Deletes And Renames Come Along
    [Documentation]    A key is deleted, another one gets another name, while the shard splits between them.
    [Tags]    priority-1    transaction
    Put Value    apple    1
    Put Value    zebra    2
    Split Shard    1    key=m    wait=no
    Delete Apple And Rename Zebra
    Run For    1s
    Get Value    apple    ==    ${EMPTY}
    Get Value    zebra    ==    ${EMPTY}
    Get Value    yak    ==    2
    Replicas Should Agree

Leader Crashes Before It Splits
    [Documentation]    The entry may be in the log or not; the next leader is told again.
    [Tags]    priority-1
    Split And Strike    split ordered    crash node    leader of shard 1    before

Leader Crashes As It Splits
    [Documentation]    It has applied nothing yet, and the others do so without it.
    [Tags]    priority-1
    Split And Strike    split applied    crash node    phase=before

Leader Crashes When It Has Split
    [Documentation]    What it began of the new shard may not be durable: the log begins it again, and only once.
    [Tags]    priority-1
    Split And Strike    split applied    crash node

Leader Stands Still When It Has Split
    [Documentation]    The others elect leaders for both halves; the old one finds out, and serves nothing stale.
    [Tags]    priority-1
    Split And Strike    split applied    pause node

Follower Loses Its Disk As Its Shard Splits
    [Documentation]    It has neither half any more, and gets both back as new replicas.
    [Tags]    priority-2
    [Setup]    Start Cluster    nodes=4
    Leader Should Be Elected    1    within=3s
    Append To All Keys
    Arm Fault    split applied    lose disk    node=follower of shard 1    duration=1s
    Split Shard    1
    Run For    8s
    Reshaped Data Should Be Whole

Follower Is Passed Over By A Snapshot
    [Documentation]    It was away until the log of the split is gone: it never had the new half, and gets it.
    [Tags]    priority-2
    Append To All Keys
    ${away} =    Crash Node    follower of shard 1
    Split Shard    1
    Run For    3s
    Restart Node    ${away}
    Run For    2s
    Reshaped Data Should Be Whole

Coordinator Crashes When It Has Ordered A Split
    [Documentation]    The next one goes on where it stopped, by what the directory and the leaders say.
    [Tags]    priority-1
    Split And Strike    split ordered    crash node    leader of shard 0

Coordinator Crashes Before The Directory Knows
    [Documentation]    The shard has split, and nobody has written that down: the next coordinator does.
    [Tags]    priority-1
    Split And Strike    split finished    crash node    leader of shard 0    before

New Half Begins Only Once
    [Documentation]    All nodes lose power when both halves have been written to, and apply the split again.
    [Tags]    priority-1
    [Setup]    Start Cluster
    Append To All Keys
    Split Shard    1
    Run For    1s
    Crash Node    n1    duration=500 ms
    Crash Node    n2    duration=500 ms
    Crash Node    n3    duration=500 ms
    Run For    3s
    Reshaped Data Should Be Whole

All Nodes Lose Power As A Shard Splits
    [Documentation]    Whatever of the new half was durable on which node, it comes back once, and whole.
    [Tags]    priority-1
    Append To All Keys
    Split Shard    1    wait=no
    Run Until    split applied
    Crash Node    n1    duration=1s
    Crash Node    n2    duration=1s
    Crash Node    n3    duration=1s
    Run For    5s
    Reshaped Data Should Be Whole
