*** Settings ***
Documentation    Usage of nodes follows from work that they did; who is asked for too much refuses, and recovers.

Resource         ../../resources/checks.resource
Resource         ../../resources/resources.resource
Resource         ../../resources/workloads.resource

Test Tags        scaling


*** Test Cases ***
Processor Is Used As Much As Requests Cost
    [Documentation]    A read is 2 ms of work on this machine: 100/s are a fifth of it, and 200/s twice as much.
    [Tags]    priority-1    smoke
    [Setup]    Start One Slow Node
    Load With Single Operations    100/s    reads=100%
    Get Node Usage    n1    cpu    >=    20    window=4s
    Get Node Usage    n1    cpu    <=    23.5    window=4s
    Set Load    200/s
    Run For    4s
    Get Node Usage    n1    cpu    >=    40    window=3s
    Get Node Usage    n1    cpu    <=    43.5    window=3s
    Every Confirmed Write Should Be There    confirmed=1000

Disk Is Used As Much As Syncs Take
    [Documentation]    A write is a sync of 2 ms on an idle disk, and waiting for it is no work of the processor.
    [Tags]    priority-1
    [Setup]    Start One Slow Node
    Load With Single Operations    100/s    reads=0%
    Get Node Usage    n1    disk    >=    20    window=4s
    Get Node Usage    n1    disk    <=    23    window=4s
    Get Node Usage    n1    cpu    >=    30    window=4s
    Get Node Usage    n1    cpu    <=    36    window=4s
    Every Confirmed Write Should Be There    confirmed=200

Replication Is Work For All
    [Documentation]    Each replica of a shard has its part of every write, and the network its bytes.
    [Tags]    priority-1
    [Setup]    Start Three Slow Nodes
    Load With Single Operations    60/s    reads=0%
    Get Metric    cpu_mean    >=    28    window=4s
    Get Metric    cpu_max    <=    46    window=4s
    Get Metric    disk_mean    >=    11    window=4s
    Get Metric    network_mean    >=    3    window=4s
    Get Metric    network_max    <=    10    window=4s
    Load Should Be Balanced    cpu    spread=15%
    Load Should Be Balanced    data    spread=5%
    Every Confirmed Write Should Be There    confirmed=150

Memory Is Used By What Is Held
    [Documentation]    Writes fill it on all replicas alike, and reads do not.
    [Tags]    priority-2
    [Setup]    Start Three Slow Nodes
    Load With Single Operations    80/s    reads=100%
    Get Metric    memory_max    <    1
    Start Workload    append    clients=10    rate=80/s    reads=0%    keys=40
    Get Metric    memory_mean    >    5    within=5s
    Load Should Be Balanced    data    spread=5%
    Every Confirmed Write Should Be There    confirmed=400

Idle And Paused Nodes Use Nothing
    [Documentation]    Heartbeats are all that an idle node has to do, and a paused one does not even do that.
    [Tags]    priority-2
    [Setup]    Start Three Slow Nodes
    Run For    5s
    Get Metric    cpu_max    <    4    window=4s
    Get Metric    disk_max    <    2    window=4s
    Pause Node    n3    duration=4s
    Run For    3s
    Get Node Usage    n3    cpu    ==    0    window=2s
    Run For    2s
    Cluster Should Serve Again

Overloaded Nodes Refuse And Recover
    [Documentation]    Four times too much for two seconds: what is refused never happened, nobody is deposed, and a
    ...    second later all is as before.
    [Tags]    load    priority-1
    [Setup]    Start Three Slow Nodes    shards=1
    Load With Appends    60/s
    Step The Load Up And Down
    Get Metric    cpu_max    >=    99    window=1s
    Get Metric    failed    >    200    window=2s
    Run For    1s
    Get Metric    unknown    ==    0
    Leaders Should Stay    window=4s
    Run For    3s
    All Should Be Served As Before
    Every Confirmed Write Should Be There    confirmed=500

What Was Refused Is Nowhere
    [Documentation]    The door is the first to see a request, so what it turns away is in no list that anybody reads.
    [Tags]    load    priority-1
    [Setup]    Start Three Slow Nodes
    Load With Appends    60/s    clients=100
    Step The Load Up And Down
    Get Metric    failed    >    200    window=2s
    Run For    1s
    Every Confirmed Write Should Be There    confirmed=400

Retries Of What Was Refused Are Few
    [Documentation]    Of some 1,800 operations each may be refused; a tenth is tried again, and ten by each gateway.
    [Tags]    load    priority-1
    [Setup]    Start Three Slow Nodes    shards=1
    Load With Appends    60/s    clients=300
    Step The Load Up And Down
    Run For    1s
    Get Metric    turned_away    >    300
    Get Metric    turned_away    <=    2000
    Get Metric    latency_p95    <    60    window=1s    within=3s
    Every Confirmed Write Should Be There    confirmed=400

Transactions Recover From An Overload
    [Documentation]    What has begun is let in, new ones are refused, and locks are free again when the load has gone.
    [Tags]    load    priority-1
    [Setup]    Start Three Slow Nodes
    Start Workload    bank    clients=60    rate=15/s
    Run For    3s
    Get Metric    transaction_rate    >=    12    window=2s
    Set Load    150/s
    Run For    2s
    Get Metric    turned_away    >    10
    Set Load    15/s
    Get Metric    throughput    >=    13    window=1s    within=8s
    All Transactions Should Be Serializable
