*** Settings ***
Documentation    What regions promise that tell each other of their writes: at once, to one other, or when they can.

Resource         ../../resources/regions.resource
Resource         ../../resources/workloads.resource

Test Tags        partition


*** Test Cases ***
Confirmation Waits For As Many Regions As Promised
    [Documentation]    A write in Europe takes once or twice the way to the region whose answer is waited for, and back.
    [Tags]    priority-2
    [Template]    Write In Europe Should Take
    asynchronous    0    10
    semi-synchronous    78    165
    synchronous    172    400

Synchronous Write Is Everywhere Before It Is Confirmed
    [Documentation]    The primary region is lost in the instant of the confirmation, and another one has it all.
    [Tags]    priority-1
    Start Regions    synchronous
    Put Value    k1    1
    Get Replication Lag    us    ==    0    measure=writes
    Get Replication Lag    ap    ==    0    measure=writes
    Crash Node    region eu
    Fail Over    ap
    Get Value    k1    ==    1    gateway=region ap
    Get Value    k1    ==    1    gateway=region us

Synchronous Replication Stops While A Region Is Away
    [Documentation]    No write is confirmed that one region lacks; they are again when it is back, or is given up.
    [Tags]    priority-1
    Start Regions    synchronous
    Partition Network    region ap | rest
    Put Value    k1    1    outcome=unknown
    Heal Network
    Value Is Kept Everywhere    k1    2
    Crash Node    region ap
    Put Value    k1    3    outcome=unknown
    Forget Region    ap
    Put Value    k1    4
    Get Value    k1    ==    4    gateway=region us

Semi Synchronous Write Survives The Loss Of A Region
    [Documentation]    Only Singapore has heard of the write when Europe is lost, and Virginia is to take over.
    [Tags]    priority-1
    Start Regions    semi-synchronous
    Put Value    k1    1
    Drop Messages    source=region eu    target=region us    probability=100%
    Put Value    k1    2
    Crash Node    region eu
    Fail Over    us
    Get Value    k1    ==    2    gateway=region us    within=5s

Semi Synchronous Replication Needs One Other Region
    [Documentation]    With one region away writes are confirmed; with both away none is.
    [Tags]    priority-2
    Start Regions    semi-synchronous
    Partition Network    region ap | rest
    Put Value    k1    1
    Partition Network    region eu | rest
    Put Value    k1    2    outcome=unknown
    Heal Faults
    Value Should Be    k1    2

Split Of 43 Seconds Is Accounted For
    [Documentation]    Europe and Virginia write on while they cannot hear each other; then all regions agree.
    [Tags]    priority-1
    Start Regions That Both Write
    Start Workload    register    clients=9    rate=8/s    keys=8
    Partition Network    region eu | rest    duration=43s
    Run For    43s
    Europe And Virginia Should Confirm Writes    12    window=40s
    Get Replication Lag    us    >    40000    behind=eu
    Get Metric    replication_lag_max    >    40000
    Every Region Should Have What Was Promised
    Get Conflict Counts    last writer wins    >=    5

One Way Link Is Gone Around
    [Documentation]    Nothing that Virginia says reaches Europe; Singapore passes it on.
    [Tags]    priority-2
    Start Regions That Both Write
    Partition Network    region us | region eu    direction=forward
    Put Value    k1    1    gateway=region us
    Get Value    k1    ==    1    gateway=region eu    within=4s
    Put Value    k2    2    gateway=region eu
    Get Value    k2    ==    2    gateway=region us    within=4s
    Heal Network
    Regions Should Agree

Region That Hears Nobody Is Behind Until The Heal
    [Documentation]    What it has to say is heard by all the while.
    [Tags]    priority-2
    Start Regions That Both Write
    Partition Network    rest | region ap    direction=forward
    Put Value    k1    1    gateway=region eu
    Run For    5s
    Get Replication Lag    us    ==    0    behind=eu
    Get Replication Lag    ap    >    4000    behind=eu
    ${status} =    Get Replication Status
    Should Not Be True    ${status}[1][connected]
    Heal Network
    Value Should Be    k1    1

Leaders Come And Go While Regions Replicate
    [Documentation]    Each region loses the leader of its copy; nothing is told twice, and nothing is left out.
    [Tags]    priority-1
    Start Regions That Both Write
    Start Workload    counter    clients=9    rate=25/s    keys=2
    Run For    1s
    FOR    ${shard}    IN    1    2    3
        Crash Node    leader of shard ${shard}    duration=2s
        Run For    1s
    END
    Run For    2s
    Every Region Should Have What Was Promised

Clients Take What They Have Seen To Another Region
    [Documentation]    Europe is lost; its clients go on elsewhere, and read nothing that is older than what they know.
    [Tags]    priority-1
    Start Regions That Both Write
    Start Workload    register    clients=9    rate=30/s    keys=4
    Run For    2s
    Crash Node    region eu    duration=3s
    Run For    6s
    Every Region Should Have What Was Promised

What Needs One Order Of Writes Is Refused
    [Documentation]    No region can promise it alone, and the answer says so.
    [Tags]    priority-2
    [Template]    Should Be Refused With A Reason
    Begin Transaction    t1
    Execute Sql    SELECT 1
    Split Shard    1
    Start Saga    travel-booking


*** Keywords ***
Write In Europe Should Take
    [Documentation]    Loads a cluster and asserts how long writes of clients in Europe take, in milliseconds.
    [Arguments]    ${replication}    ${least}    ${most}
    Start Regions    ${replication}
    Start Workload    register    clients=9    rate=9/s    reads=0%
    Run For    3s
    Get Metric    latency_min    >=    ${least}    on=region eu    window=2s
    Get Metric    latency_p95    <=    ${most}    on=region eu    window=2s
    Every Region Should Have What Was Promised

Should Be Refused With A Reason
    [Documentation]    Asserts that a keyword fails for the reason that regions have copies of their own.
    [Arguments]    ${keyword}    @{arguments}
    Start Regions
    Run Keyword And Expect Error    *of its own*    ${keyword}    @{arguments}
    Put Value    k1    1
