*** Settings ***
Documentation    Queries while shards split, merge, move and fail: the right answer, or a clear error, never a part.

Library          PhantomLibrary
Resource         ../../resources/queries.resource

Test Tags        query


*** Test Cases ***
Random Queries Have Right Answers
    [Documentation]    Random queries over random tables are answered as by a single node, and fit together.
    [Tags]    priority-1
    Start Cluster    nodes=3    shards=3
    Random Queries Should Match Oracle    count=20    answered=100%

Random Queries While Shards Split And Nodes Fail
    [Documentation]    A shard is split, a leader crashes and another node is cut off: what is answered is right.
    [Tags]    priority-1
    Start Cluster    nodes=4    shards=2
    Leader Should Be Elected    2    within=3s
    Split Shard    1    wait=no
    Crash Node    leader of shard 2    duration=2s
    Random Queries Should Match Oracle    count=8    answered=60%    pause=100 ms
    Isolate Node    leader of shard 1    duration=1s
    Random Queries Should Match Oracle    count=8    answered=60%    pause=100 ms

Joins On One Shard
    [Documentation]    One shard has all rows.
    [Tags]    priority-2
    [Setup]    Start Shop    shards=1
    Joins Of The Shop Should Match Oracle

Joins On Seven Shards
    [Documentation]    Some of the seven shards have hardly any rows.
    [Tags]    priority-1
    [Setup]    Start Shop    shards=7
    Joins Of The Shop Should Match Oracle

Joins While Shards Split And Merge
    [Documentation]    Three shards become four, two of them one again, and rows are neither lost nor seen twice.
    [Tags]    priority-1
    [Setup]    Start Shop
    Split Shard    1    wait=no
    Joins Of The Shop Should Match Oracle
    Split Shard    2
    Merge Shards    2    5    wait=no
    Joins Of The Shop Should Match Oracle

Joins While A Shard Moves And Its Leader Dies
    [Documentation]    A replica moves to another node while the leader of its shard crashes.
    [Tags]    priority-1
    [Setup]    Start Shop    nodes=4
    Move Shard    2    n1    wait=no
    Crash Node    leader of shard 2    duration=2s
    Joins Of The Shop Should Match Oracle
    Replicas Should Agree

Total Of A Bank Is The Same At Each Snapshot
    [Documentation]    Money goes from account to account on other shards while joins and sums are asked for.
    [Tags]    priority-1
    [Setup]    Start Accounts    rows=20
    ${before} =    Total Of Accounts
    Begin Transaction    t1    isolation=snapshot
    Execute Sql    UPDATE accounts SET balance = balance - 5 WHERE id = 1    txn=t1
    Execute Sql    UPDATE accounts SET balance = balance + 5 WHERE id = 20    txn=t1
    Total Of Accounts Should Be    ${before}
    Commit Transaction    t1
    Total Of Accounts Should Be    ${before}
    Query Should Match Oracle    SELECT * FROM accounts


*** Keywords ***
Total Of Accounts
    [Documentation]    Returns what is on all accounts, and how many they are, by a join of them with themselves.
    ${rows} =    Get Rows
    ...    SELECT SUM(a.balance) AS t, COUNT(b.id) AS n FROM accounts a JOIN accounts b ON a.id = b.id
    RETURN    ${rows}

Total Of Accounts Should Be
    [Documentation]    Fails unless the accounts hold what they held before.
    [Arguments]    ${before}
    ${now} =    Total Of Accounts
    Should Be Equal    ${now}    ${before}
