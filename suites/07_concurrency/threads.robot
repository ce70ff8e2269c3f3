*** Settings ***
Documentation    Real threads of the operating system use one cluster at once: nothing breaks, and all of it replays.

Library          PhantomLibrary
Resource         ../../resources/concurrency.resource

Test Tags        concurrency


*** Variables ***
${TRANSFER}      UPDATE accounts SET balance = balance + CASE id WHEN 1 THEN -1 ELSE 1 END WHERE id <= 2
${NEW_COLUMN}    ALTER TABLE accounts ADD COLUMN IF NOT EXISTS note TEXT DEFAULT 'new'
${NEW_INDEX}     CREATE INDEX IF NOT EXISTS by_balance ON accounts (balance)
${TOTALS}        SELECT sum(balance) AS total, count(*) AS people, count(note) AS notes FROM accounts


*** Test Cases ***
Threads Administrate One Cluster
    [Documentation]    Eight threads crash nodes, hand leadership over, ask who leads, and let time go on between each
    ...                other's requests; whatever is accepted is done as a whole, and clients lose nothing by it.
    [Tags]    priority-1    smoke
    [Setup]    Start Cluster With Clients
    Run In Threads    8    Run For    20 ms    AND    Crash Node    n1    duration=500 ms    AND    Crash Node    n2
    ...    duration=500 ms    AND    Run For    30 ms    AND    Transfer Leadership    1    n3    wait=no    AND
    ...    Get Leader    2    within=2s    AND    Get Nodes    rounds=14    refusals=allowed
    Data Should Be Whole After Threads

Threads Join And Leave
    [Documentation]    Six threads add nodes, decommission and remove some, and read what there is: all views converge,
    ...                and what was accepted replays byte for byte.
    [Tags]    priority-1
    [Setup]    Start Cluster With Clients
    Run In Threads    6    Add Node    wait=no    AND    Decommission Node    n4    wait=no    AND    Get Nodes    AND
    ...    Remove Node    n5    wait=no    AND    Run For    30 ms    AND    Get Node Count    active
    ...    rounds=10    refusals=allowed
    Shards Should Be Whole    within=30s
    Cluster State Should Be Consistent    within=10s
    Data Should Be Whole After Threads

Threads Move And Split Shards
    [Documentation]    Six threads move replicas, split a shard and rebalance, beside clients that write.
    [Tags]    priority-2
    [Setup]    Start Cluster With Clients
    Run In Threads    6    Move Shard    1    n5    wait=no    AND    Split Shard    2    wait=no    AND    Run For
    ...    40 ms    AND    Rebalance Shards    wait=no    AND    Get Leader    1    within=2s    rounds=10
    ...    refusals=allowed
    Cluster State Should Be Consistent    within=30s
    Run For    1s
    Shards Should Have One Owner
    Data Should Be Whole After Threads

Threads Write One Key
    [Documentation]    Eight threads write and read one key: single operations of real threads are linearizable.
    [Tags]    priority-1
    [Setup]    Start Cluster    three-nodes
    Leader Should Be Elected
    Run In Threads    8    Put Value    k1    1    AND    Get Value    k1    AND    Put Value    k1    2    AND
    ...    Run For    1 ms    rounds=24
    History Should Be    linearizable    confirmed=100
    Run Should Replay

Threads Change A Schema While Others Write
    [Documentation]    Six threads move money between rows, give the table a column and an index, split its shard, add
    ...                nodes: no money is lost, all rows have the column, and what was accepted replays.
    [Tags]    priority-1    query
    [Setup]    Start Cluster With Accounts In A Table
    Run In Threads    6    Execute Sql    ${TRANSFER}    AND    Execute Sql    ${NEW_COLUMN}    AND    Split Shard    1
    ...    wait=no    AND    Execute Sql    ${NEW_INDEX}    AND    Add Node    wait=no    AND    Run For    20 ms
    ...    rounds=12    refusals=allowed
    Run For    2s
    Query Should Return    ${TOTALS}    400    4    4
    Query Should Match Oracle    SELECT id, balance, note FROM accounts ORDER BY id
    Cluster State Should Be Consistent    within=30s
    Replicas Should Agree
    Run Should Replay
