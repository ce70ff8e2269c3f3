*** Settings ***
Documentation    Disks that hang, fail, fill up, tear and misplace what they write, with clients at work.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource

Test Setup       Start Three Nodes

Test Tags        node-failure


*** Test Cases ***
Leader Whose Disk Hangs For Half A Minute Does Nothing More
    [Documentation]    Its network is healthy, yet another leads; what it had under way changes nothing afterwards.
    [Tags]    priority-1
    Start Workload    register    clients=${CLIENTS}    rate=20/s    keys=5
    Run For    1s
    ${old} =    Fail Disk    leader of shard 1    stall    duration=30s
    Get Leader    1    !=    ${old}    within=3s
    Run For    30s
    Cluster Should Recover    within=5s
    Run For    1s
    Every Confirmed Write Should Be There    confirmed=300

Failed Sync Is Never Tried Again
    [Documentation]    The system forgets what a failed sync covered, so each node ends itself; then power fails.
    [Tags]    priority-1    smoke
    Load Few Lists Heavily
    Fail Disk    n1    io error    operation=sync
    Fail Disk    n2    io error    operation=sync    occurrence=3
    Fail Disk    n3    io error    operation=sync    occurrence=5
    Run For    500 ms
    Cluster Should Recover    within=10s
    Run For    300 ms
    Crash Node    n1, n2, n3    duration=200 ms
    Cluster Should Recover    within=10s
    Every Confirmed Write Should Be There    confirmed=300

Failed Writes End Their Node And Nobody Else
    [Documentation]    Writes to a log and to a vote fail now and then; the node comes back each time; the rest serve.
    [Tags]    priority-2
    Load The Cluster
    Fail Disk    follower of shard 1    io error    operation=append    probability=2%    duration=3s
    Run For    ${PHASE}
    Get Metric    confirmed_writes    >    100    window=${PHASE}
    Cluster Should Serve Again
    Every Confirmed Write Should Be There

Full Disk Of A Leader Lets Another Lead
    [Documentation]    It takes no more proposals, steps down, and follows again as soon as it has room.
    [Tags]    priority-1
    Load The Cluster
    ${full} =    Fail Disk    leader of shard 1    full    duration=5s
    Get Leader    1    !=    ${full}    within=2s
    Run For    ${PHASE}
    Get Metric    confirmed_writes    >    100    window=2s
    Run For    ${PHASE}
    Every Confirmed Write Should Be There

Full Disks Everywhere Confirm Nothing And Lose Nothing
    [Documentation]    Without room no write is confirmed; when there is room again, the cluster goes on as it was.
    [Tags]    priority-2
    Load The Cluster
    Fail Disk    n1, n2, n3    full    duration=3s
    Run For    3s
    Get Metric    confirmed_writes    ==    0    window=2s
    Cluster Should Recover    within=5s
    Run For    ${PHASE}
    Every Confirmed Write Should Be There

Slow Disk Of A Leader Loses Nothing
    [Documentation]    Each sync takes 50 ms longer: that costs patience, and no leader.
    [Tags]    priority-2
    Load The Cluster
    Fail Disk    leader of shard 1    slow    delay=50 ms    duration=3s
    Run For    ${PHASE}
    Leaders Should Stay    window=${PHASE}
    Every Confirmed Write Should Be There

Torn Writes Are A Crash And No Damage
    [Documentation]    Power fails twice in the midst of writes, of which disks keep parts: nobody needs to be repaired.
    [Tags]    priority-1
    Load Few Lists Heavily
    Fail Disk    n1, n2, n3    stall
    Fail Disk    n1, n2, n3    torn write    probability=100%
    Run For    200 ms
    Crash Node    n1, n2, n3
    Cluster Should Serve Again
    Disks Should Be Intact    within=1s
    Every Confirmed Write Should Be There    confirmed=300

Misdirected Write Is Found And Repaired
    [Documentation]    A record lands in the place of another; the node comes back, notices, and is sent what it lacks.
    [Tags]    priority-1
    Load Few Lists Heavily
    ${node} =    Fail Disk    follower of shard 1    misdirected write    operation=append    file=log
    Run For    300 ms
    Crash Node    ${node}    duration=200 ms
    Run For    400 ms
    Disks Should Be Intact
    Every Confirmed Write Should Be There    confirmed=400

Vote Is Torn And Nobody Votes Twice
    [Documentation]    A voter crashes between its vote and the answer, in the midst of the write.
    [Tags]    priority-1
    Load The Cluster
    ${voter} =    Fail Disk    follower of shard 1    torn write    probability=100%
    Arm Fault    vote persisted    crash node    on=${voter}    phase=before    duration=200 ms
    Arm Fault    vote persisted    crash node    duration=200 ms
    Crash Node    leader of shard 1    duration=1s
    Leader Should Be Elected    1    within=6s
    Cluster Should Serve Again
    Every Confirmed Write Should Be There

Random Faults Of Disks Lose No Confirmed Write
    [Documentation]    Disks do whatever a cluster can survive, and nodes crash, for 20 seconds.
    [Tags]    priority-1
    Start Workload    append    clients=${CLIENTS}    rate=50/s    keys=10
    VAR    ${kinds} =    crash, slow disk, full disk, io error, torn write, bit rot, misdirected write
    Start Nemesis    ${kinds}    every=1s
    Run For    20s
    Stop Nemesis
    Cluster Should Recover    within=10s
    Disks Should Be Intact    within=30s
    Every Confirmed Write Should Be There    confirmed=300
