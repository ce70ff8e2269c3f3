*** Settings ***
Documentation    Links that flap, lose, double and overtake, and the orders of messages that broke real databases.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource

Test Tags        partition


*** Test Cases ***
Flapping Network Loses No Confirmed Write
    [Documentation]    The leader is cut off and comes back every second, for ten seconds.
    [Tags]    priority-1
    [Setup]    Start Five Nodes
    Load The Cluster Lightly
    Partition Network    leader of shard 1 | rest    flapping=2s    duration=10s
    Run For    12s
    Cluster Should Recover    within=5s
    Every Confirmed Write Should Be There    confirmed=300

Slow And Lossy Links Lose No Confirmed Write
    [Documentation]    Every tenth message is lost, and others take up to 60 ms longer.
    [Tags]    priority-2
    [Setup]    Start Five Nodes
    Load The Cluster
    Set Link    all    all    jitter=60 ms    loss=10%
    Run For    6s
    Get Metric    confirmed    >    100    window=3s
    Cluster Should Serve Again
    Every Confirmed Write Should Be There

Doubled And Overtaken Messages Change Nothing
    [Documentation]    Old appends arrive after newer ones, twice, from a leader that is in a hurry.
    [Tags]    priority-1
    [Setup]    Start Three Nodes
    Set Link    all    all    jitter=8 ms    duplicate=30%    reorder=40%
    Start Workload    append    clients=${CLIENTS}    rate=${RATE}    keys=10
    Run For    ${PHASE}
    Crash Node    leader of shard 1    duration=1s
    Run For    ${PHASE}
    Cluster Should Serve Again
    Every Confirmed Write Should Be There

Slow Clock In The Minority Reads Nothing Old
    [Documentation]    A leader whose clocks run slow is cut off; it must not believe that it still leads.
    [Tags]    priority-1
    [Setup]    Start Five Nodes
    Start Workload    register    clients=600    rate=500/s    keys=5    reads=90%
    Skew Clock    leader of shard 1    drift=-45 %    offset=-500 ms
    Run For    1s
    Partition Network    leader of shard 1 | rest
    Run For    ${PHASE}
    Cluster Should Serve Again
    Every Confirmed Write Should Be There    confirmed=400

Leader Alone Confirms Nothing
    [Documentation]    The leader is cut off while writes pour in; what it alone has written must not be confirmed.
    [Tags]    priority-1
    [Setup]    Start Three Nodes
    Load Few Lists Heavily
    Isolate Node    leader of shard 1    duration=1500 ms
    Run For    1200 ms
    Isolate Node    leader of shard 2    duration=1500 ms
    Run For    1600 ms
    Cluster Should Recover    within=5s
    Every Confirmed Write Should Be There    confirmed=400

Entry Of An Earlier Term Is Not Committed By Counting
    [Documentation]    Figure 8 of the Raft paper, with n1 and n2 as S1 and S2, and n5 as S5.
    [Tags]    priority-1
    [Setup]    Start Five Distant Nodes Led By The First
    Leave An Entry Of The First Leader On Two Nodes
    Elect Another Leader Whose Entries Reach Nobody
    Bring Back The Entry To A Majority
    Let The Other Leader Win Again
    Cluster Should Serve Again
    Put Value    k1    after
    Get Value    k1    ==    after
    History Should Be    linearizable    confirmed=2
    Replicas Should Agree


*** Keywords ***
Leave An Entry Of The First Leader On Two Nodes
    [Documentation]    Cuts n1 off with n2 and writes there, which nobody confirms.
    Put Value    k1    first
    Drop Messages    request vote    source=n3, n4    duration=60s
    Drop Messages    append entries    source=n5    duration=60s
    Partition Network    n1, n2 | rest
    Put Value    k1    before    outcome=unknown

Elect Another Leader Whose Entries Reach Nobody
    [Documentation]    Only n5 can ask the others for votes, and what it appends as a leader reaches nobody.
    Get Leader    1    ==    n5    within=4s
    Run For    50 ms
    Crash Node    n5

Bring Back The Entry To A Majority
    [Documentation]    A new leader sends the old entry, and is cut off before its own entry arrives behind it.
    Heal Network
    Drop Messages    request vote    source=n2, n3, n4    duration=20s
    Get Leader    1    ==    n1    within=10s
    Run For    450 ms
    Partition Network    n1, n2 | rest

Let The Other Leader Win Again
    [Documentation]    Its log ends in a later term, so n3 and n4 vote for it, and the old entry is overwritten.
    Restart Node    n5
    Get Leader    1    ==    n5    within=10s
    Run For    2s
