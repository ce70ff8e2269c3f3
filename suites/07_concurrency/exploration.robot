*** Settings ***
Documentation    The same cases in other orders of their messages: whatever comes first, the verdict is the same.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource

Test Tags        concurrency


*** Variables ***
# In how many orders of each strategy a case is done.
${SCHEDULES}    10


*** Test Cases ***
Registers Stay Linearizable In Random Orders
    [Documentation]    Any message may come late, while leadership goes back and forth under clients.
    [Tags]    priority-1
    For Each Schedule    ${SCHEDULES}    random    Leadership Goes Back And Forth Under Clients

Registers Stay Linearizable By Priorities
    [Documentation]    Some ways between nodes give way to all others, and that changes twice in a run.
    [Tags]    priority-1    smoke
    For Each Schedule    ${SCHEDULES}    pct    Leadership Goes Back And Forth Under Clients

Registers Stay Linearizable When Few Messages Are Late
    [Documentation]    Three messages of a run come late, and nothing else changes.
    [Tags]    priority-1
    For Each Schedule    ${SCHEDULES}    delay-bounded    Leadership Goes Back And Forth Under Clients

Transfers Keep The Total In Random Orders
    [Documentation]    Audits see each transfer whole or not at all, whichever of its shards prepares first.
    [Tags]    priority-1    transaction
    For Each Schedule    ${SCHEDULES}    random    Accounts Are Audited While Money Moves

Transfers Keep The Total By Priorities
    [Documentation]    Ways that are slower than all others keep one shard of a transfer behind the other.
    [Tags]    priority-1    transaction
    For Each Schedule    ${SCHEDULES}    pct    Accounts Are Audited While Money Moves

Transfers Keep The Total When Few Messages Are Late
    [Documentation]    Three messages of a run come late: a single promise that others do not wait for is enough.
    [Tags]    priority-1    transaction
    For Each Schedule    ${SCHEDULES}    delay-bounded    Accounts Are Audited While Money Moves

Pairs Are Never Both Taken In Random Orders
    [Documentation]    What a transaction has read stays so until it is decided, whichever shard hears of it first.
    [Tags]    priority-1    transaction
    For Each Schedule    ${SCHEDULES}    random    Pairs Are Taken By Many At Once

Pairs Are Never Both Taken When Few Messages Are Late
    [Documentation]    Three messages of a run come late: what was read may be prepared to be written by then.
    [Tags]    priority-1    transaction
    For Each Schedule    ${SCHEDULES}    delay-bounded    Pairs Are Taken By Many At Once

Administrators At One Instant Leave One Cluster
    [Documentation]    A node joins, one leaves and a leader crashes at one instant; some nodes hear of it last.
    [Tags]    priority-1
    For Each Schedule    10    pct    A Node Joins And One Leaves As A Leader Crashes

Other Seeds Are Other Runs
    [Documentation]    Latencies, clients and time-outs are drawn anew for each.
    [Tags]    priority-2
    For Each Seed    3    Leadership Goes Back And Forth Under Clients


*** Keywords ***
Leadership Goes Back And Forth Under Clients
    [Documentation]    Clients read and write three keys, and hardly has one node led when another one does.
    Start Cluster    three-nodes
    Leader Should Be Elected    1    within=3s
    Start Workload    register    clients=6    rate=500/s    keys=3
    Run For    15 ms
    Transfer Leadership    1    follower of shard 1
    Transfer Leadership    1    follower of shard 1
    Run For    15 ms
    Stop Workload
    History Should Be    linearizable    confirmed=5

Accounts Are Audited While Money Moves
    [Documentation]    Clients move money between ten accounts on two shards, and others look at all of them at once.
    Start Three Nodes
    Start Workload    bank    clients=12    rate=300/s    keys=10
    Run For    120 ms
    Stop Workload
    History Should Be    serializable    confirmed=5

Pairs Are Taken By Many At Once
    [Documentation]    Each looks whether the other of a pair is there before it comes in, on two shards at once.
    Start Three Nodes
    Start Workload    write-skew    clients=20    rate=600/s    keys=6
    Run For    80 ms
    Stop Workload
    History Should Be    serializable    confirmed=5

A Node Joins And One Leaves As A Leader Crashes
    [Documentation]    Virtual time stands still between keywords, so steps that do not wait begin together.
    Start Cluster    nodes=4
    Leader Should Be Elected    1    within=3s
    Put Value    alice    100
    Add Node    n5    wait=no
    Decommission Node    n2    wait=no
    Crash Node    leader of shard 1    duration=1s
    Shards Should Be Whole    within=10s
    Get Nodes    removed    ==    n2    within=10s
    Get Value    alice    ==    100    within=5s
    Replicas Should Agree
