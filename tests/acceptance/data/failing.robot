*** Settings ***
Documentation       Each test fails by a check, with the code that stands in its first tag.

Library             PhantomLibrary

Suite Setup         Start Cluster    nodes=2
Test Timeout        20 seconds


*** Variables ***
${OPERATIONS}       1000000


*** Test Cases ***
Too Few [Operations] Are "Really" *Confirmed*?
    [Documentation]    A history is too thin to prove anything.
    [Tags]    his-002
    Start Small Cluster With Load
    History Should Be    linearizable    confirmed=${OPERATIONS}

A Fault Never Bites
    [Documentation]    Snapshots are dropped where nobody sends any.
    [Tags]    flt-001
    Start Small Cluster With Load
    Drop Messages    snapshot    duration=1s
    Run For    2s
    Stop Workload
    History Should Be    linearizable

A Getter Finds Something Else
    [Documentation]    More nodes are expected than there are.
    [Tags]    exp-001
    Start Small Cluster With Load
    Get Node Count    active    ==    4    within=500 ms

Nobody Is Not Another Leader
    [Documentation]    One of three nodes is left, so whoever led before has no successor.
    [Tags]    exp-001
    Start Small Cluster With Load
    ${old} =    Crash Node    leader of shard 1
    Crash Node    follower of shard 1
    Get Leader    1    !=    ${old}    within=5s

Second Cluster Has A Seed Of Its Own
    [Documentation]    One seed for all would give the second cluster another run, so its replay line names none.
    [Tags]    exp-001
    Start Small Cluster With Load
    Start Small Cluster With Load
    Get Node Count    down    >    0

No Leader Comes
    [Documentation]    One of three nodes is left.
    [Tags]    ldr-001
    Start Small Cluster With Load
    Crash Node    leader of shard 1
    Leader Should Be Elected    1    within=2s
    Crash Node    leader of shard 1
    Leader Should Be Elected    1    within=2s

Old Leader Does Not Count
    [Documentation]    All links are cut, and the old leader still thinks that it leads.
    [Tags]    ldr-001
    Start Small Cluster With Load
    Partition Network    n1 | n2 | n3
    Leader Should Be Elected    1    within=1 ms

Nothing Recovers
    [Documentation]    A leader that hears nobody leads on, and so nobody else can.
    [Tags]    rec-001
    Start Cluster    nodes=5    replicas=5    defects=deaf-leader-leads-on
    Run For    2s
    Isolate Node    leader of shard 1    direction=in
    Cluster Should Recover    within=5s

A Failure Is Not Detected In Time
    [Documentation]    Nobody can know of a crash within so short a time.
    [Tags]    hlt-001
    Start Small Cluster With Load
    Crash Node    n2
    Health Should Be Accurate    within=1s

A Recovery Is Not Noticed In Time
    [Documentation]    A node that was cut off for long does not say that it lives.
    [Tags]    hlt-002
    Start Cluster    defects=no-refutation
    Isolate Node    n2    duration=10s
    Run For    10s
    Health Should Be Accurate    within=5s

Slow Links Give Reason For Suspicion
    [Documentation]    Two nodes are so far from the third that its answers take longer than a probe.
    [Tags]    hlt-003
    Start Small Cluster With Load
    Set Link    n3    all    latency=900 ms
    Run For    10s
    Health Should Be Accurate

Nothing Was Wrong With Anybody
    [Documentation]    Right views prove nothing in a run in which nothing failed.
    [Tags]    hlt-004
    Start Small Cluster With Load
    Health Should Be Accurate

Nobody Is Elected
    [Documentation]    A leader that nobody disturbs stays.
    [Tags]    evt-001
    Start Small Cluster With Load
    Run Until    leader elected    timeout=2s

Write Is Not Confirmed
    [Documentation]    No quorum is left for a write.
    [Tags]    opr-001
    Start Small Cluster With Load
    Crash Node    n1, n2
    Put Value    mine    1

Planted Defect Is Caught
    [Documentation]    A leader that was cut off confirms writes on its own.
    [Tags]    inv-003
    Start Cluster    nodes=5    replicas=5    defects=commit-without-majority
    Start Workload    register    clients=10    keys=2    rate=200/s
    Run For    2s
    Partition Network    leader of shard 1, follower of shard 1 | rest
    Run For    3s
    Heal Network
    Stop Workload
    History Should Be    linearizable

Suite Cluster Cannot Be Changed
    [Documentation]    What several tests read, none of them may change.
    [Tags]    refused
    Get Node Count    active    ==    2
    Crash Node    n1


*** Keywords ***
Start Small Cluster With Load
    [Documentation]    Starts three nodes under load and lets them elect their leaders.
    Start Cluster
    Start Workload    register    clients=2    rate=50/s
    Run For    2s
