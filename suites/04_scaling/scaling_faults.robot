*** Settings ***
Documentation    Growing and shrinking while things break, come late, or cannot be: nothing is lost, no bound is passed.

Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource
Resource         ../../resources/scaling.resource

Test Tags        scaling


*** Test Cases ***
Leader Of Shard 0 Dies As It Scales Out And One Plan Is Applied
    [Documentation]    Whoever takes over goes on with the plan that was written down, and does not make it again.
    [Tags]    priority-1
    [Setup]    Start Cluster That Scales
    Start Workload    register    clients=24    rate=54/s
    Get Scaling Decision    ==    scale_up    within=10s
    Run For    200 ms
    Crash Node    leader of shard 0    duration=4s
    Set Load    24/s
    Get Node Count    active    ==    6    within=30s
    Run For    4s
    Scaling Should Have Lost Nothing    confirmed=165

Scale In Waits For A Node That Is Down
    [Documentation]    With one node of four down, none may leave: a shard would lose its quorum. Later it is drained.
    [Tags]    priority-1
    [Setup]    Start Cluster That Is Scaled By Hand    shards=4
    Scale Cluster    4
    Start Workload    append    clients=6    rate=9/s    keys=40    reads=30%
    ${down} =    Crash Node    n2
    Get Node Count    down    ==    1    within=10s
    Scale Cluster    3    wait=no
    Run For    6s
    Get Metric    confirmed    >=    22    window=3s
    Restart Node    ${down}
    Get Node Count    removed    ==    1    within=30s
    Scaling Should Have Lost Nothing    confirmed=22

New Node Whose Snapshot Sender Dies Votes For Nothing It Has Not
    [Documentation]    Whoever sends state to the new node crashes in that instant; it gets no vote before it has all.
    [Tags]    priority-1
    [Setup]    Start Cluster That Is Scaled By Hand    shards=2
    Start Workload    append    clients=6    rate=30/s    keys=20    reads=20%
    Run For    4s
    Arm Fault    snapshot sent    crash node    duration=3s
    Scale Cluster    4    wait=no
    Run Until    snapshot sent    timeout=20s
    Shards Should Be Whole
    Scaling Should Have Lost Nothing    confirmed=22

Metrics That Come A Minute Late Overshoot By One Step At Most
    [Documentation]    What is known is old, and what was decided since counts: no plan goes a step too far.
    [Tags]    priority-1
    [Setup]    Start Cluster That Scales    cooldown=10s
    Delay Messages    meters    by=60s
    Start Workload    register    clients=12    rate=57/s
    Run For    8s
    Set Load    4/s
    Run For    58s
    Get Node Count    active    >=    5    within=15s
    Run For    10s
    Get Node Count    removed    ==    3    within=30s
    Scaling Should Have Lost Nothing    confirmed=220

Machines That Start Slowly Are Ordered Once
    [Documentation]    They take longer than the cool-down, and count from the moment at which they were ordered.
    [Tags]    priority-1
    [Setup]    Start Cluster That Scales    cooldown=3s    boot_time=14s    up_factor=150%
    Start Workload    register    clients=24    rate=51/s
    Get Scaling Decision    ==    scale_up    within=10s
    Run For    9s
    Set Load    12/s
    Get Node Count    active    ==    5    within=10s
    Scaling Should Have Lost Nothing    confirmed=220    nodes=5

Plan That Is Made Again Before It Is Known Is Applied Once
    [Documentation]    Twenty decisions a second, and a plan takes longer to be written down: who is late is refused.
    [Tags]    priority-1
    [Setup]    Start Cluster That Scales    interval=50 ms    window=1s
    Set Link    all    all    latency=40 ms
    Start Workload    register    clients=24    rate=54/s
    Get Node Count    active    ==    6    within=15s
    Scaling Should Have Lost Nothing    confirmed=55

Overload That Is Gone Leaves Nothing Behind
    [Documentation]    Far more than three nodes can do, for five seconds; then all that is asked for is done, at once.
    [Tags]    priority-2
    [Setup]    Start Cluster That Scales    boot_time=30s
    Start Workload    register    clients=24    rate=12/s
    Set Load    150/s
    Run For    5s
    Set Load    12/s
    Run For    12s
    Get Metric    confirmed    >=    55    window=5s
    Get Metric    latency_p99    <    800    window=5s
    Scaling Should Have Lost Nothing    confirmed=165
