*** Settings ***
Documentation    Every shape in which a network can part, with clients on all sides.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource

Test Setup       Start Five Nodes

Test Tags        partition


*** Test Cases ***
Minority Confirms Nothing While It Is Cut Off
    [Documentation]    A leader cut off with one follower confirms no write; the other three nodes go on serving.
    [Tags]    priority-1    smoke
    Load The Cluster
    Partition Network    leader of shard 1, follower of shard 1 | rest
    Run For    6s
    Get Metric    confirmed_writes    ==    0    on=minority    window=4s
    Get Metric    confirmed_writes    >    100    on=majority    window=4s
    Heal Network
    Cluster Should Recover    within=2s
    Every Confirmed Write Should Be There

Isolated Leader Reads Nothing Old
    [Documentation]    The old leader still has its clients, and must not answer their reads from its own state.
    [Tags]    priority-1
    Start Workload    register    clients=25    rate=400/s    keys=5    reads=80%
    Run For    1s
    Isolate Node    leader of shard 1
    Run For    ${PHASE}
    Get Metric    confirmed_reads    ==    0    on=minority    window=1s
    Cluster Should Serve Again
    Every Confirmed Write Should Be There    confirmed=400

Isolated Follower Comes Back And Deposes Nobody
    [Documentation]    It asked for votes all the while, yet the leader stays and the term does not grow.
    [Tags]    priority-1
    Load The Cluster
    Isolate Node    follower of shard 1, follower of shard 0
    Run For    5s
    ${term} =    Get Metric    terms
    Heal Network
    Run For    ${PHASE}
    Leaders Should Stay    window=${PHASE}
    Get Metric    terms    ==    ${term}
    Every Confirmed Write Should Be There

Leader That Hears Nobody Steps Down
    [Documentation]    It can send but gets no answer: it must stop leading, so that another can.
    [Tags]    priority-1
    Load The Cluster
    ${old} =    Isolate Node    leader of shard 1    direction=in
    Get Leader    1    !=    ${old}    within=4s
    Run For    ${PHASE}
    Get Metric    confirmed_writes    >    50    window=2s
    Cluster Should Serve Again
    Every Confirmed Write Should Be There

Leader That Nobody Hears Is Replaced
    [Documentation]    It hears all others, but nothing that it sends arrives.
    [Tags]    priority-1
    Load The Cluster
    ${old} =    Isolate Node    leader of shard 1    direction=out
    Get Leader    1    !=    ${old}    within=4s
    Run For    ${PHASE}
    Get Metric    confirmed_writes    >    50    window=2s
    Cluster Should Serve Again
    Every Confirmed Write Should Be There

Halves Leave One Side Serving
    [Documentation]    Of five nodes three are on one side, and they serve.
    [Tags]    priority-2
    Load The Cluster
    Partition Network    halves
    Run For    6s
    Get Metric    confirmed_writes    ==    0    on=minority    window=3s
    Get Metric    confirmed_writes    >    100    on=majority    window=3s
    Cluster Should Serve Again
    Every Confirmed Write Should Be There

Bridge Keeps The Cluster Serving
    [Documentation]    Two halves meet in one node only; with it, either half is a quorum.
    [Tags]    priority-2
    Load The Cluster
    Partition Network    bridge
    Run For    6s
    Get Metric    confirmed_writes    >    100    window=3s
    Cluster Should Serve Again
    Every Confirmed Write Should Be There

Ring Of Majorities Keeps The Cluster Serving
    [Documentation]    Each node reaches a majority, and no two the same one: some node can lead, and does.
    [Tags]    priority-2
    Load The Cluster
    Partition Network    ring
    Run For    6s
    Get Metric    confirmed_writes    >    50    window=3s
    Cluster Should Serve Again
    Every Confirmed Write Should Be There

One Way Cut Between Sides Loses Nothing
    [Documentation]    What three nodes say never reaches the other two, which are heard all the while.
    [Tags]    priority-2
    Load The Cluster
    Partition Network    leader of shard 1, follower of shard 1 | rest    direction=backward
    Run For    ${PHASE}
    Cluster Should Serve Again
    Every Confirmed Write Should Be There    confirmed=300

Region That Is Cut Off Confirms Nothing
    [Documentation]    Of three regions one is cut off, wherever the leader stands; the other two serve.
    [Tags]    priority-2
    [Setup]    Start Three Regions
    Start Workload    register    clients=9    rate=50/s    keys=10
    Run For    ${PHASE}
    Partition Network    region eu | rest
    Run For    8s
    Get Metric    confirmed_writes    ==    0    on=minority    window=3s
    Get Metric    confirmed_writes    >    10    on=majority    window=3s
    Cluster Should Serve Again
    Every Confirmed Write Should Be There    confirmed=200
