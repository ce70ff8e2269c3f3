*** Settings ***
Documentation    Loads of every shape bring exactly the operations that they promise, to the keys that they promise, and
...              whoever waits for a busy client has waited since it arrived.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource

Test Setup       Start Three Nodes

Test Tags        load    scaling


*** Variables ***
${LOADS}    ${CURDIR}${/}..${/}..${/}resources${/}loads


*** Test Cases ***
Ramp Brings What Lies Below It
    [Documentation]    From 50/s to 250/s within four seconds: 200 operations in the first half, 400 in the second.
    [Tags]    priority-1
    Start Workload    register    clients=${CLIENTS}    rate=50/s
    Run For    1s
    Get Metric    issued    ==    50    window=1s
    Set Load    250/s    shape=ramp    period=4s
    Run For    2s
    Get Metric    issued    ==    200    window=2s
    Run For    2s
    Get Metric    issued    ==    400    window=2s
    Get Metric    load    ==    250
    Every Confirmed Write Should Be There    confirmed=550

Wave Swings Around Its Middle
    [Documentation]    A sine between 50/s and 250/s is 150/s over each period, and above it in the half of its crest.
    [Tags]    priority-2
    Start Workload    register    clients=${CLIENTS}    rate=50/s
    Set Load    250/s    shape=sine    period=4s
    Run For    1s
    Get Metric    issued    <=    87    window=1s
    Run For    2s
    Get Metric    issued    >=    427    window=2s
    Run For    1s
    Get Metric    issued    ==    600    window=4s
    Every Confirmed Write Should Be There    confirmed=500

Spike Is Served And Gone
    [Documentation]    Two seconds of six times the load, and then the latency is as before.
    [Tags]    priority-2
    Start Workload    register    clients=16    rate=50/s
    Set Load    300/s    shape=spike    period=2s
    Run For    2s
    Get Metric    issued    ==    600    window=2s
    Run For    3s
    Get Metric    issued    ==    150    window=3s
    Get Metric    latency_p99    <    50    window=3s
    Every Confirmed Write Should Be There    confirmed=600

Day Has Its Quietest Hour At Four And Its Busiest At Eight
    [Documentation]    A day of 24 seconds begins at midnight, with a quarter of what the evening has above the night.
    [Tags]    priority-3
    Start Workload    register    clients=${CLIENTS}    rate=10/s
    Set Load    60/s    shape=day    period=24s
    Run For    5s
    Get Metric    issued    ==    10    window=1s
    Run For    16s
    Get Metric    issued    ==    60    window=1s
    Every Confirmed Write Should Be There    confirmed=500

Recorded Load Is Replayed
    [Documentation]    A load from a file, from the first operation on: half a second may bring half an operation.
    [Tags]    priority-2
    Start Workload    register    clients=${CLIENTS}    replay=${LOADS}${/}evening.csv
    Run For    1s
    Get Metric    issued    ==    50    window=1s
    Run For    1.5s
    Get Metric    issued    ==    300    window=1500 ms
    Run For    3s
    Get Metric    issued    ==    591
    Get Metric    load    ==    0
    Every Confirmed Write Should Be There    confirmed=550

Recorded Load Takes Over
    [Documentation]    A load from a file replaces another one while that runs.
    [Tags]    priority-3
    Start Workload    register    clients=${CLIENTS}    rate=20/s
    Run For    1s
    Replay Load    ${LOADS}${/}evening.csv
    Run For    2s
    Get Metric    issued    ==    250    window=2s
    Every Confirmed Write Should Be There    confirmed=200

Hot Keys Are Hot
    [Documentation]    Nine of ten operations go to a tenth of the keys; when all are alike, no tenth has a quarter.
    [Tags]    priority-2
    Start Workload    register    clients=${CLIENTS}    rate=200/s    skew=hot    name=hot
    Run For    2s
    Get Metric    hot_share    >    85    window=2s
    Stop Workload
    Start Workload    register    clients=${CLIENTS}    rate=200/s    name=even
    Run For    2s
    Get Metric    hot_share    <    25    window=2s
    Every Confirmed Write Should Be There

Latency Counts From Arrival
    [Documentation]    While a leader hangs all clients wait for it; what arrives meanwhile has waited, too.
    [Tags]    priority-1
    Start Workload    register    clients=2    rate=100/s
    Run For    1s
    Pause Node    all    duration=1s
    Run For    1s
    Get Metric    waiting    >=    90
    Run For    1s
    Get Metric    latency_p95    >    700    window=1s
    Get Metric    shed    ==    0
    Every Confirmed Write Should Be There    confirmed=250

Mixed Load Is Serializable
    [Documentation]    Single reads, single writes and transactions share their keys, and their order is one.
    [Tags]    priority-1
    Start Workload    list-append    clients=8    rate=150/s    keys=20    mix=40% reads, 30% writes, 30% transactions
    Run For    3s
    Stop Workload
    History Should Be    serializable    confirmed=400
    Replicas Should Agree

Capacity Is What The Processor Allows
    [Documentation]    A request takes a core ten milliseconds, and timers six of a hundred: that leaves 92 reads a
    ...    second, and 190 with two cores.
    [Tags]    performance    priority-1
    [Setup]    Start One Slow Machine
    ${one} =    Measure Reads
    Should Be True    88 <= ${one} <= 96
    Start One Slow Machine    slow-machine-with-two-cores
    ${two} =    Measure Reads
    Should Be True    184 <= ${two} <= 198
    History Should Be    linearizable    confirmed=1000

Batches Keep Every Promise While Leaders Crash
    [Documentation]    What waits for its batch when a leader dies has not happened, or happens once; under load many
    ...    operations share their messages, of which there are six for each without batches.
    [Tags]    priority-1
    [Setup]    Start Five Nodes With Batches
    Start Workload    append    clients=64    rate=500/s    keys=10
    Run For    1s
    Crash Node    leader of shard 1    duration=1s
    Run For    2s
    Crash Node    leader of shard 1    duration=500 ms
    Run For    1500 ms
    Get Metric    latency_p50    <    12    window=500 ms
    Operations Should Share Their Messages
    Every Confirmed Write Should Be There    confirmed=1000

Ten Thousand Clients Cost What Arrives For Them
    [Documentation]    Each operation comes from another client, and only those that have one are there at all.
    [Tags]    priority-2
    Start Workload    register    clients=10000    rate=150/s    reads=80%
    Run For    2s
    Get Metric    issued    ==    300
    Get Metric    latency_p99    <    100
    Every Confirmed Write Should Be There    confirmed=290


*** Keywords ***
Start Five Nodes With Batches
    [Documentation]    Starts five machines whose leaders batch.
    Start Cluster    ${TOPOLOGIES}${/}batches.yaml    replicas=3
    Leader Should Be Elected    1    within=3s

Operations Should Share Their Messages
    [Documentation]    Looks whether fewer than four messages went between nodes for each confirmed operation.
    ${sent} =    Get Metric    messages_sent
    ${confirmed} =    Get Metric    confirmed
    Should Be True    ${sent} < 4 * ${confirmed}

Start One Slow Machine
    [Documentation]    Starts one machine, so that its processor alone decides.
    [Arguments]    ${topology}=slow-machine
    Start Cluster    ${TOPOLOGIES}${/}${topology}.yaml    replicas=1
    Leader Should Be Elected    1    within=5s

Measure Reads
    [Documentation]    Measures how many reads a second are answered, nearly all of them within 200 ms.
    ${capacity} =    Measure Capacity
    ...    start=80/s
    ...    precision=2%
    ...    latency=200 ms
    ...    hold=2s
    ...    settle=500 ms
    ...    reads=100%
    RETURN    ${capacity}
