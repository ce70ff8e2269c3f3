*** Settings ***
Documentation       Whatever makes no sense fails its keyword at once with a sentence, and leaves the cluster usable.

Library             PhantomLibrary

Test Setup          Start Small Cluster With Load
Test Teardown       Cluster Should Be Usable
Test Timeout        20 seconds

Test Tags           priority-1


*** Test Cases ***
Unknown Nodes And Roles
    [Documentation]    Nodes are refused with what exists and the nearest guess, by the cluster or before it.
    Refused    no node 'n9': this cluster has n1, n2, n3, n4, n5; roles are leader of shard 1, follower of shard 1, random, minority (did you mean n5?)
    ...    Crash Node    n9
    Refused    no node 'n7': this cluster has n1, n2, n3, n4, n5; roles are leader of shard 1, follower of shard 1, random, minority (did you mean n5?)
    ...    Partition Network    n7 | rest
    Misspelt    node    leeder of shard 1    NodeRef
    ...    'leeder of shard 1' names no node: write a node such as n1, leader of shard 1, follower of shard 1, random, minority, majority, region NAME, zone NAME or all (did you mean leader of shard 1?)
    ...    Pause Node    leeder of shard 1
    Misspelt    node    majorty    NodeRef
    ...    'majorty' names no node: write a node such as n1, leader of shard 1, follower of shard 1, random, minority, majority, region NAME, zone NAME or all (did you mean majority?)
    ...    Isolate Node    majorty

Unknown Shards And Workloads
    [Documentation]    Shards and workloads are refused with those that there are.
    Refused    no shard 9: this cluster has shards 0, 1, 2    Get Leader    9
    Refused    no shard 9: this cluster has shards 0, 1, 2    Leader Should Be Elected    9
    Refused    no shard 9: this cluster has shards 0, 1, 2    Crash Node    leader of shard 9
    Refused    no workload 'registr': there is register (did you mean register?)    Stop Workload    registr
    Refused    no workload 'registr': there is register (did you mean register?)    Set Load    5/s    workload=registr
    Refused    no workload 'registr': there is register (did you mean register?)
    ...    History Should Be    linearizable    workload=registr
    Misspelt    kind    registr    WorkloadKind
    ...    no kind of workload 'registr': there is register, set, counter, append, saga, bank, list-append, rw-register, write-skew, long-fork, monotonic (did you mean register?)
    ...    Start Workload    registr
    Refused    workload 'register' runs already: give this one a name\= of its own, or stop the other first
    ...    Start Workload    register

Leadership That Cannot Be Handed Over
    [Documentation]    Only to one replica that votes and does not lead yet.
    ${leader} =    Get Leader    1
    Refused    no node 'n9': this cluster has n1, n2, n3, n4, n5; roles are leader of shard 1, follower of shard 1, random, minority (did you mean n5?)
    ...    Transfer Leadership    1    n9
    Refused    no shard 9: this cluster has shards 0, 1, 2    Transfer Leadership    9    n1
    Refused    ${leader} leads shard 1 already    Transfer Leadership    1    leader of shard 1
    Refused    n5 is no voter of shard 1: there are n1, n2, n3    Transfer Leadership    1    n5
    Isolate Node    follower of shard 1    duration=5s
    ${message} =    Run Keyword And Expect Error    LDR-003: ${leader} did not hand over: *    Transfer Leadership    1    minority
    Should Contain    ${message}    did not take over shard 1 within 500 ms

Members That Cannot Come Or Go
    [Documentation]    Nodes that are none, that are members already, that cannot be spared; places that there are not.
    Refused    n1 is a member already (active); node\=next takes a name that is free    Add Node    n1
    Refused    no zone 'z': this cluster has a, b, c    Add Node    zone=z
    Refused    no size 'huge': there are tiny, small, medium, large    Add Node    size=huge
    Refused    'leader of shard 1' is no name for a node: write one such as n4, or next    Add Node    leader of shard 1
    Refused    no node 'n9': this cluster has n1, n2, n3, n4, n5; roles are leader of shard 1, follower of shard 1, random, minority (did you mean n5?)
    ...    Decommission Node    n9
    Refused    no node 'n9': this cluster has n1, n2, n3, n4, n5; roles are leader of shard 1, follower of shard 1, random, minority (did you mean n5?)
    ...    Remove Node    n9
    Decommission Node    n5
    Refused    n5 is no member of the cluster: it was removed    Decommission Node    n5
    Refused    n5 is no member of the cluster: it was removed    Remove Node    n5
    Crash Node    n2
    Refused    n2 is down, so it cannot be drained: restart it first, or remove it    Decommission Node    n2
    Refused    n1 cannot be decommissioned: shard 0 would lose its quorum: of n2, n3 only n3 can vote    Decommission Node    n1
    Refused    n3 cannot be removed: shard 0 would lose its quorum: of n1, n2 only n1 can vote    Remove Node    n3
    Remove Node    n2
    Refused    n4 cannot be decommissioned: 2 nodes would be left (n1, n3) for 3 replicas of each shard; add a node first
    ...    Decommission Node    n4
    Stop Workload
    Refused    no workload runs that would notice an outage: begin with Start Workload    Restart Nodes In Turn
    Start Workload    register    clients=2    rate=50/s    name=again

Counts Below One
    [Documentation]    A count that means nothing is refused before anything happens.
    FOR    ${name}    IN    nodes    shards    replicas
        Misspelt    ${name}    0    Count    0 is too few: write a whole number, 1 or more    Start Cluster    ${name}=0
    END
    Misspelt    nodes    -3    Count    -3 is too few: write a whole number, 1 or more    Start Cluster    nodes=-3
    Misspelt    nodes    some    Count    'some' is no count: write a whole number, 1 or more    Start Cluster    nodes=some
    Misspelt    clients    0    Count    0 is too few: write a whole number, 1 or more    Start Workload    set    clients=0
    Misspelt    confirmed    0    Count    0 is too few: write a whole number, 1 or more
    ...    History Should Be    linearizable    confirmed=0
    Misspelt    count    -1    Count    -1 is too few: write a whole number, 1 or more
    ...    Run Until    quiet    count=-1
    Refused    replicas\=6 is not possible with 5 nodes: give 1 to 5    Start Cluster    nodes=5    replicas=6

Times That Mean Nothing
    [Documentation]    Nothing runs for no time, begins in the past or ends before it began.
    Refused    a duration of 0s moves nothing: write a time above 0, such as 5s    Run For    0s
    Misspelt    duration    -1s    VirtualTime    '-1s' is negative: virtual time does not run backwards    Run For    -1s
    Misspelt    duration    5 minuets    VirtualTime
    ...    '5 minuets' is no time: no unit 'minuets', write ns, us, ms, s, min, h or d (did you mean minutes?)    Run For    5 minuets
    Misspelt    duration    soon    VirtualTime
    ...    'soon' is no time: write a number and a unit, such as 500 ms, 1.5s, 2 minutes or 00:01:30    Run For    soon
    Refused    a duration must be longer than nothing    Crash Node    n1    duration=0s
    Refused    at\=1s has passed: virtual time is 2s    Crash Node    n1    at=1s
    Refused    window\=0s holds nothing: write a time above 0, such as 4s    Get Metric    confirmed    window=0s
    Refused    flapping\=0s is no period: write a time above 0, such as 2s    Partition Network    halves    flapping=0s
    Refused    'whole test' is no time here: write a time, such as 500 ms, 1.5s, 2 minutes or 00:01:30, or 'now'
    ...    Crash Node    n1    at=whole test

Malformed And Unknown Topologies
    [Documentation]    A file is refused with its line, a name with those that there are; the old cluster lives on.
    Refused    ${CURDIR}/bad_topology.yaml, line 5: malformed YAML: expected <block end>, but found '<block mapping start>'
    ...    Start Cluster    ${CURDIR}/bad_topology.yaml
    Refused    no topology 'four-nodes': give the path of a YAML file, or one of five-nodes, three-nodes, three-regions, three-small-nodes, twenty-nodes (did you mean five-nodes?)
    ...    Start Cluster    four-nodes

Partitions That Cannot Be
    [Documentation]    A node stands on one side, and a partition has two of them.
    Refused    n2 is named twice: a node stands on one side of a partition    Partition Network    n1, n2 | n2, n3
    Refused    'n1, n1' names n1 twice    Partition Network    n1, n1 | rest
    Misspelt    sides    n1, n2    Sides
    ...    'n1, n2' is no partition: write its sides with | between, as n1, n2 | rest, or one of halves, bridge, ring, regions, zones
    ...    Partition Network    n1, n2
    Refused    there is no minority before a partition: use Partition Network first
    ...    Get Metric    confirmed    on=minority

Nodes In The Wrong State
    [Documentation]    Only what is down restarts, only what runs crashes, only what is paused is resumed.
    Refused    n1 runs: only a node that is down can be restarted; crash it first    Restart Node    n1
    Refused    n1 is not paused: only a paused node can be resumed    Resume Node    n1
    Pause Node    n1    duration=100 ms
    Refused    n1 runs: only a node that is down can be restarted; resume it    Restart Node    n1
    Crash Node    n2    duration=100 ms
    Refused    n2 is down already: restart it first    Crash Node    n2
    Refused    n2 is down: only a node that runs can be paused    Pause Node    n2

Disks That Fail In Impossible Ways
    [Documentation]    A disk fault is one of a list, aimed at something that is there, and no more than can be survived.
    Misspelt    fault    brt rot    DiskFault
    ...    no disk fault 'brt rot': there is stall, slow, torn write, bit rot, lost fsync, misdirected write, io error, full (did you mean bit rot?)
    ...    Fail Disk    n1    brt rot
    Misspelt    occurrence    0    Count    0 is too few: write a whole number, 1 or more    Fail Disk    n1    io error    occurrence=0
    Misspelt    probability    -5%    Percent    '-5%' is out of range: a share is 0 % to 100 %
    ...    Fail Disk    n1    io error    probability=-5%
    Refused    a probability of 0% strikes nothing: write a share above 0 %    Fail Disk    n1    io error    probability=0%
    Refused    no file 'logg' on n1: there are log, vote-0, snapshot-0, vote-1, snapshot-1, snapshot-0-parts, snapshot-1-parts (did you mean log?)
    ...    Fail Disk    n1    io error    file=logg
    Refused    stall strikes no append: it strikes sync    Fail Disk    n1    stall    operation=append
    Refused    a slow disk needs a delay above 0    Fail Disk    n1    slow
    Refused    stall takes no delay    Fail Disk    n1    stall    delay=5 ms
    Refused    a disk is full or not: leave out the probability    Fail Disk    n1    full    probability=5%
    Refused    a fault strikes at an occurrence or with a probability: leave out one of them
    ...    Fail Disk    n1    io error    probability=5%    occurrence=2
    Refused    record\= picks the record of a file that rots at once: give it with bit rot and file\= alone
    ...    Fail Disk    n1    torn write    record=1
    Run Keyword And Expect Error    record=99999 cannot rot: log on n1 has * of them    Fail Disk    n1    bit rot    record=99999
    Run Keyword And Expect Error    'snapshot-1' holds nothing on the disk of n1 yet: there is *    Fail Disk    n1    bit rot    file=snapshot-1
    Refused    bit rot on the disk of n1, n2 is more than shard 0 could survive: n1, n2 of n1, n2, n3 would be harmed; give survivable\=no if that is what you want
    ...    Fail Disk    n1, n2    bit rot    file=log
    Run Keyword And Expect Error    lost fsync on the disk of n1, n2 is more than *    Fail Disk    n1, n2    lost fsync

Seeds That Are No Numbers
    [Documentation]    A seed is a whole number, as an argument and as a variable.
    Misspelt    seed    seven    Seed    'seven' is no seed: write a whole number, such as 7, or auto
    ...    Start Cluster    seed=seven
    Misspelt    seed    1.5    Seed    '1.5' is no seed: write a whole number, such as 7, or auto    Start Cluster    seed=1.5
    VAR    ${SEED}    lucky    scope=TEST
    Refused    variable \${SEED}: 'lucky' is no seed: write a whole number, such as 7, or auto    Start Cluster
    VAR    ${SEED}    ${EMPTY}    scope=TEST

Words That Wait
    [Documentation]    What a later capability brings is refused by name, with what there is now.
    Misspelt    event    administration finished    Event
    ...    event 'administration finished' is not available yet: there is leader elected, snapshot sent, vote persisted, entry committed, learner added, voters changing, move started, learner caught up, move cut over, move finished, rebalancing finished, split ordered, split applied, split finished, freeze ordered, merge frozen, absorb ordered, chunk absorbed, merge absorbed, merge finished, merge cancelled, saga started, step executing, step completed, compensation begun, step compensated, saga ended, prepare sent, commit sent, decision sent, transaction prepared, transaction decided, transaction step, fragment run, chunk sent, chunk delivered, quiet
    ...    Run Until    administration finished
    Misspelt    kind    orders    WorkloadKind
    ...    kind of workload 'orders' is not available yet: there is register, set, counter, append, saga, bank, list-append, rw-register, write-skew, long-fork, monotonic    Start Workload    orders
    Misspelt    state    ill    NodeState
    ...    no node state 'ill': there is any, joining, active, suspect, down, decommissioning, removed, paused
    ...    Get Node Count    ill
    Refused    false_suspicions\=-1 cannot be: write 0 or more    Health Should Be Accurate    false_suspicions=-1
    Start Nemesis    crash    every=5s
    Refused    a nemesis goes on breaking things: use Stop Nemesis before Cluster Should Recover    Cluster Should Recover
    Heal Faults
    Refused    within\=0s cannot be: nobody learns of a failure at once; write a time such as 5s
    ...    Health Should Be Accurate    within=0s
    Refused    there was no detection there, so there is no detection_p99    Get Metric    detection_p99
    Refused    outcome\=blocked cannot be: a single write waits until it is done or refused
    ...    Put Value    a    b    outcome=blocked

Other Things That Cannot Be
    [Documentation]    Operators, shares, rates, metrics, messages, defects and keys that make no sense.
    Misspelt    operator    equals    Operator    no operator 'equals': there is \=\=, !\=, <, <\=, >, >\=, contains
    ...    Get Leader    1    equals    n1
    Misspelt    loss    120%    Percent    '120%' is out of range: a share is 0 % to 100 %    Set Link    n1    n2    loss=120%
    Refused    nothing would change: give latency\=, jitter\=, loss\=, duplicate\=, reorder\= or bandwidth\=    Set Link    n1    n2
    Misspelt    rate    fast    Rate    'fast' is no rate: write one such as 400/s, or 2MB/s for data
    ...    Start Workload    set    rate=fast
    Run Keyword And Expect Error
    ...    GLOB:no message 'apend entries': there are all, request vote, vote, * (did you mean append entries?)
    ...    Drop Messages    apend entries
    Refused    k7 belongs to workload register: choose a key of another form than k0    Put Value    k7    1
    Refused    'random' cannot be looked at: name a node, or a role such as leader of shard 1
    ...    Get Metric    confirmed    on=random
    ${message} =    Run Keyword And Expect Error    no metric 'confirmed_write': there are *(did you mean confirmed_writes?)
    ...    Get Metric    confirmed_write
    ${message} =    Run Keyword And Expect Error    no defect 'vote-not-persistet': there are *(did you mean vote-not-persisted?)
    ...    Start Cluster    defects=vote-not-persistet

Plans Of Faults That Cannot Be
    [Documentation]    A plan is refused with its line and its path, or its name with those that there are.
    Refused    no fault plan 'rolling-restrat': give the path of a YAML file, or one of flaky-network, region-outage, rolling-restart (did you mean rolling-restart?)
    ...    Run Fault Plan    rolling-restrat
    Refused    ${CURDIR}/bad_plan.yaml, line 5: $.steps[1]: n1 is down by then, crashed by $.steps[0]: restart it first, or give that step a duration
    ...    Run Fault Plan    ${CURDIR}/bad_plan.yaml
    Refused    plan region-outage: partition network: a side of the partition has no node
    ...    Run Fault Plan    region-outage
    Refused    ${CURDIR}/bad_topology.yaml, line 5: malformed YAML: expected <block end>, but found '<block mapping start>'
    ...    Run Fault Plan    ${CURDIR}/bad_topology.yaml

Nemeses That Cannot Be
    [Documentation]    Kinds are known, there is one nemesis at a time, and only one that runs can be stopped.
    Refused    no nemesis runs that could be stopped: begin with Start Nemesis    Stop Nemesis
    Refused    no kind of fault 'crsh': there are all, crash, pause, partition, isolate, region links, fail over, flapping, slow links, lossy links, lost messages, clock, disk, slow disk, full disk, io error, torn write, bit rot, misdirected write (did you mean crash?)
    ...    Start Nemesis    crsh, pause
    Refused    a nemesis strikes every 1 ms at the most: write every\=1 ms or more, such as 5s    Start Nemesis    every=0s
    Misspelt    every    -5s    VirtualTime    '-5s' is negative: virtual time does not run backwards
    ...    Start Nemesis    every=-5s
    Start Nemesis    crash, partition    every=500 ms
    Refused    a nemesis runs already: stop it first with Stop Nemesis    Start Nemesis
    Run For    2s
    Stop Nemesis
    Refused    no nemesis runs that could be stopped: begin with Start Nemesis    Stop Nemesis
    Start Nemesis
    ${message} =    Run Keyword And Expect Error    FLT-001: the nemesis never struck by t=*    Stop Nemesis

Faults That Cannot Be Armed
    [Documentation]    An event is a moment that is known, and a fault is one that can strike in it.
    Misspelt    event    leader electd    Event
    ...    no event 'leader electd': there is leader elected, snapshot sent, vote persisted, entry committed, learner added, voters changing, move started, learner caught up, move cut over, move finished, rebalancing finished, split ordered, split applied, split finished, freeze ordered, merge frozen, absorb ordered, chunk absorbed, merge absorbed, merge finished, merge cancelled, saga started, step executing, step completed, compensation begun, step compensated, saga ended, prepare sent, commit sent, decision sent, transaction prepared, transaction decided, transaction step, fragment run, chunk sent, chunk delivered, quiet (did you mean leader elected?)
    ...    Arm Fault    leader electd    crash node
    Refused    quiet is a state and no moment: a fault can be armed for leader elected, snapshot sent, vote persisted, entry committed, learner added, voters changing, move started, learner caught up, move cut over, move finished, rebalancing finished, split ordered, freeze ordered, absorb ordered, split applied, merge frozen, chunk absorbed, merge absorbed, split finished, merge finished, merge cancelled, saga started, step executing, step completed, compensation begun, step compensated, saga ended, prepare sent, commit sent, decision sent, transaction prepared, transaction decided, transaction step, fragment run, chunk sent, chunk delivered
    ...    Arm Fault    quiet    crash node
    Refused    no node 'n9': this cluster has n1, n2, n3, n4, n5; roles are leader of shard 1, follower of shard 1, random, minority (did you mean n5?)
    ...    Arm Fault    leader elected    crash node    node=n9
    Misspelt    occurrence    0    Count    0 is too few: write a whole number, 1 or more
    ...    Arm Fault    leader elected    crash node    occurrence=0
    Refused    a duration must be longer than nothing    Arm Fault    leader elected    crash node    duration=0s
    Refused    'now' is no time here: write a time, such as 500 ms, 1.5s, 2 minutes or 00:01:30, or 'until healed'
    ...    Arm Fault    leader elected    crash node    duration=now
    Arm Fault    snapshot sent    lose disk    occurrence=9
    ${message} =    Run Keyword And Expect Error
    ...    FLT-001: an armed fault never struck: lose disk after snapshot sent (occurrence 9), armed since *
    ...    History Should Be    linearizable
    Heal Faults

Keywords Without A Cluster
    [Documentation]    Before Start Cluster and after Stop Cluster there is nothing to break.
    [Setup]    No Operation
    Refused    no cluster runs: none was started in this test; begin with Start Cluster    Run For    1s
    Refused    no cluster runs: none was started in this test; begin with Start Cluster    Stop Cluster
    Start Small Cluster With Load
    Stop Cluster
    FOR    ${keyword}    IN    Heal Network    Log Cluster State    Stop Cluster    Stop Workload    Replicas Should Agree
        Refused    no cluster runs: it was stopped; begin with Start Cluster    ${keyword}
    END
    Refused    no cluster runs: it was stopped; begin with Start Cluster    Crash Node    n1
    Refused    no cluster runs: it was stopped; begin with Start Cluster    Get Leader    1
    Start Small Cluster With Load

Loads That Make No Sense
    [Documentation]    Shapes without a rate or without a period, mixes that are not whole, files that are no loads.
    Refused    a load of 0/s is not possible: it must be above 0 and at most 1000000/s (to have no load, stop the workload)
    ...    Set Load    0/s
    Refused    a ramp needs a period of 100 ms or more, not 0.05 s    Set Load    9/s    shape=ramp    period=50 ms
    Start Workload    set    name=closed
    Refused    a sine starts from a rate, but this workload has none yet: set one with shape\=step first
    ...    Set Load    9/s    shape=sine    workload=closed
    Refused    2MB/s is no rate of operations: write one such as 400/s    Set Load    2MB/s
    Refused    a ramp starts from a rate, but this workload has none yet: set one with shape\=step first
    ...    Start Workload    set    name=other    shape=ramp
    Refused    no file 'monday.csv': give the path of a CSV file with the columns time and rate    Replay Load    monday.csv
    Refused    ${CURDIR}${/}bad_load.csv, line 3: rate: 'fifty' is no number: write operations a second, such as 400 or 0.5
    ...    Replay Load    ${CURDIR}${/}bad_load.csv
    Refused    ${CURDIR}${/}bad_load.csv, line 3: rate: 'fifty' is no number: write operations a second, such as 400 or 0.5
    ...    Start Workload    set    name=other    replay=${CURDIR}${/}bad_load.csv
    Misspelt    mix    60% reads, 20% writes    Mix
    ...    '60% reads, 20% writes' is 80 % together: a mix has to be 100 %
    ...    Start Workload    set    name=other    mix=60% reads, 20% writes
    Misspelt    mix    90% reads, 10% queries    Mix    queries are not available yet: a mix has reads, writes, transactions
    ...    Start Workload    set    name=other    mix=90% reads, 10% queries
    Misspelt    mix    all reads    Mix    'all reads' is no part of a mix: write one such as 50% reads, 50% writes
    ...    Start Workload    set    name=other    mix=all reads
    Refused    mix\=50% reads, 40% writes, 10% transactions is not possible: a set workload has no transactions; list-append mixes all three
    ...    Start Workload    set    name=other    mix=50% reads, 40% writes, 10% transactions
    Refused    mix\=50% reads, 50% writes, 0% transactions is not possible: a bank workload has a mix of its own; register, set, counter, append, list-append take one
    ...    Start Workload    bank    name=other    mix=50% reads, 50% writes
    Run Keyword And Expect Error    ValueError: Argument 'shape' got value 'saw' that cannot be converted to *
    ...    Set Load    9/s    shape=saw
    Get Metric    load    ==    50

Capacities That Cannot Be Measured
    [Documentation]    Steps that prove nothing, a name that is taken, a start above the limit, a cluster without a quorum.
    Refused    a first rate of 0/s is not possible: it must be above 0 and at most 1000000/s    Measure Capacity    start=0
    Refused    2/s for 2s are fewer than 10 operations: begin higher, or hold longer    Measure Capacity    start=2/s
    Refused    hold\=0.05s is too short to measure anything: give 100 ms or more    Measure Capacity    hold=50 ms
    Refused    precision\=0% is not possible: give 1 % to 1000 %    Measure Capacity    precision=0%
    Refused    a time to settle is 0 or more, a limit of latency above 0    Measure Capacity    latency=0s
    Misspelt    follows    120%    Percent    '120%' is out of range: a share is 0 % to 100 %    Measure Capacity    follows=120%
    Refused    workload 'register' runs already: give this one a name\= of its own, or stop the other first
    ...    Measure Capacity    name=register
    Run Keyword And Expect Error    CAP-001: capacity could not be measured by t=*: the lowest rate, 40/s, is too much already: p99 was * ms, above 0.01 ms*
    ...    Measure Capacity    start=40/s    latency=0.01 ms    hold=500 ms    settle=0s
    Partition Network    n1 | n2 | n3 | n4 | n5    duration=3s
    Run Keyword And Expect Error    CAP-001: capacity could not be measured by t=*: nothing was measured: of the operations that came at 20/s none was confirmed*
    ...    Measure Capacity    start=20/s    hold=1s    settle=1s    name=cut off

Sagas That Make No Sense
    [Documentation]    A saga without a compensation, with steps in a circle, without an action that anybody knows.
    Refused    no saga 'travel-bookin': give the path of a YAML file, a name given to Define Saga, or one of travel-booking (did you mean travel-booking?)
    ...    Start Saga    travel-bookin
    Refused    no saga 'trip': none was started: begin with Start Saga    Saga Should Be    trip    completed
    Refused    no saga 'trip': none was started: begin with Start Saga    Cancel Saga    trip
    Refused    no saga 'trip' is defined: there is none; begin with Define Saga
    ...    Add Saga Step    trip    a    key=a    action=put    value=1
    Define Saga    trip
    Refused    saga 'trip' is defined already: choose another name    Define Saga    trip
    Refused    saga trip: saga 'trip' has 0 steps: give it 1 to 64    Start Saga    trip
    Add Saga Step    trip    flight    key=seats    action=increment    value=-1
    Refused    saga trip: step 'flight' has no compensation: say how its action is undone, or that it needs none (compensation: none)
    ...    Start Saga    trip
    Define Saga    circle
    Add Saga Step    circle    a    key=a    action=put    value=1    compensation=none    after=b
    Add Saga Step    circle    b    key=b    action=put    value=1    compensation=none    after=a
    Refused    saga circle: its steps wait for each other: a after b after a    Start Saga    circle
    Run Keyword And Expect Error    ValueError: Argument 'action' got value 'incremnt' that cannot be converted to *
    ...    Add Saga Step    trip    b    key=b    action=incremnt    value=1
    Refused    value\=much is no whole number: write one such as 1 or -1
    ...    Add Saga Step    trip    b    key=b    action=increment    value=much
    Refused    ${CURDIR}${/}bad_saga.yaml, line 4: $.steps[0].action.charge: no action 'charge': there are put, append, remove, increment, compare_and_set
    ...    Start Saga    ${CURDIR}${/}bad_saga.yaml
    Define Saga    meddling
    Add Saga Step    meddling    a    key=k0    action=put    value=1    compensation=none
    Refused    k0 belongs to workload register: choose a key of another form than k0    Start Saga    meddling
    Start Saga    travel-booking    name=mine
    Refused    saga 'mine' was started before: give this one another name    Start Saga    travel-booking    name=mine
    Run Keyword And Expect Error    SGA-012: saga mine is compensated, expected completed*
    ...    Saga Should Be    mine    completed
    Cancel Saga    mine


*** Keywords ***
Start Small Cluster With Load
    [Documentation]    Starts five nodes under load and lets them elect their leaders.
    Start Cluster    nodes=5    shards=2
    Start Workload    register    clients=2    rate=50/s
    Run For    2s

Refused
    [Documentation]    Asserts that a keyword fails with exactly this message.
    [Arguments]    ${message}    ${keyword}    @{arguments}    &{named}
    Run Keyword And Expect Error    EQUALS:${message}    ${keyword}    @{arguments}    &{named}

Misspelt
    [Documentation]    Asserts that a keyword's argument is refused before the keyword runs, with exactly this reason.
    [Arguments]    ${argument}    ${value}    ${type}    ${reason}    ${keyword}    @{arguments}    &{named}
    VAR    ${message}    ValueError: Argument '${argument}' got value '${value}' that cannot be converted to ${type}: ${reason}
    Run Keyword And Expect Error    EQUALS:${message}    ${keyword}    @{arguments}    &{named}

Cluster Should Be Usable
    [Documentation]    Goes on, writes, reads back and judges, as if nothing had been asked for.
    Run For    1s
    Put Value    mine    still here
    Get Value    mine    ==    still here
    Stop Workload
    Replicas Should Agree
    Data Should Be Intact
