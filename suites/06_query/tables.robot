*** Settings ***
Documentation    Rows on shards: what statements change, what constraints keep, what transactions see of each other.

Library          PhantomLibrary
Resource         ../../resources/tables.resource

Test Tags        query


*** Variables ***
${KINDS}    SELECT k.name || a.owner FROM kinds AS k JOIN accounts AS a ON a.kind = k.name ORDER BY a.id


*** Test Cases ***
Rows Are Written And Read Back On All Shards
    [Documentation]    Rows with a value of each type are changed, deleted, and read in order; parameters stay values.
    [Tags]    priority-1    smoke
    [Setup]    Start Things
    Execute Sql    UPDATE things SET price = price * 2 WHERE id = 1
    Execute Sql    DELETE FROM things WHERE id = 2
    ${rows} =    Get Rows    SELECT id, name, price, sold, day, raw FROM things ORDER BY id
    Should Be Equal    ${rows}[0][price]    ${{decimal.Decimal("3.00")}}
    Should Be Equal    ${rows}[0][raw]    ${{bytes([0, 255])}}
    Should Be Equal    ${rows}[0][day] ${rows}[0][sold] ${rows}[1][day]    2024-02-29 True None
    Should Be Equal    ${rows}[1][name]    O'Hara; DROP TABLE things
    Length Should Be    ${rows}    2
    Replicas Should Agree

Constraints Hold Over All Shards
    [Documentation]    What a constraint forbids is refused as a whole, whichever shard it is found on.
    [Tags]    priority-1
    [Setup]    Start Bank Of Tables
    Statement Should Be Refused    23505: duplicate    INSERT INTO accounts VALUES (5, 'max', 1), (1, 'ann', 1)
    Statement Should Be Refused    23505: duplicate    INSERT INTO accounts VALUES (5, 'bob', 1)
    Statement Should Be Refused    23502: null value    INSERT INTO accounts VALUES (5, NULL, 1)
    Statement Should Be Refused    23514: new row    UPDATE accounts SET balance = balance - 100.01 WHERE id > 2
    Execute Sql    INSERT INTO accounts VALUES (6, 'kim', NULL)    # Of what is not known a CHECK says nothing.
    Query Should Return    SELECT owner FROM accounts WHERE balance = 100 ORDER BY id    ada    bob    eve    zoe

Names Are Free When Their Rows Have Gone
    [Documentation]    What was unique can be given again as soon as no row has it: changed, deleted or moved on.
    [Tags]    priority-1
    [Setup]    Start Bank Of Tables
    Execute Sql    UPDATE accounts SET owner = 'new ' || owner
    Execute Sql    INSERT INTO accounts VALUES (5, 'bob', 1)    outcome=any
    Statement Should Be Refused    23505: duplicate    INSERT INTO accounts VALUES (6, 'new bob', 1)
    Execute Sql    DELETE FROM accounts WHERE owner = 'new ada'
    Execute Sql    INSERT INTO accounts VALUES (1, 'new ada', 2)    outcome=any
    Query Should Return    SELECT count(*) FROM accounts    5
    Execute Sql    UPDATE accounts SET id = id + 1
    Query Should Return    SELECT id FROM accounts ORDER BY id    2    3    4    5    6

Rows That Are Referred To Stay
    [Documentation]    A row has what it refers to, also when both come and go at the same time.
    [Tags]    priority-1
    [Setup]    Start Bank With Cards
    Statement Should Be Refused    23503: insert or update    INSERT INTO cards VALUES (3, 9)
    Statement Should Be Refused    23503: update or delete    DELETE FROM accounts WHERE id = 1
    Begin Transaction    opens    isolation=read committed
    Begin Transaction    closes    isolation=read committed
    Execute Sql    INSERT INTO cards VALUES (3, 2)    txn=opens
    Execute Sql    DELETE FROM accounts WHERE id = 2    txn=closes
    Commit Transaction    closes
    Run For    100ms
    Commit Transaction    opens    outcome=aborted
    Query Should Return    SELECT id FROM cards ORDER BY id    1    2

A Statement That Fails Leaves Its Transaction Open
    [Documentation]    Half of an insert was possible; nothing of it is there, what came before and after is.
    [Tags]    priority-1
    [Setup]    Start Bank With Cards
    Begin Transaction    t1
    Execute Sql    UPDATE accounts SET balance = 50 WHERE id = 1    txn=t1
    Statement Should Be Refused    23505:    INSERT INTO accounts VALUES (5, 'max', 1), (2, 'ann', 1)    txn=t1
    Statement Should Be Refused    23503:    INSERT INTO cards VALUES (3, 1), (4, 9)    txn=t1
    Statement Should Be Refused    42P01: table acounts does not exist    DELETE FROM acounts    txn=t1
    Query Should Return    SELECT id FROM cards ORDER BY id    1    2    txn=t1
    Execute Sql    INSERT INTO accounts VALUES (6, 'kim', 1)    txn=t1
    Commit Transaction    t1
    Query Should Return    SELECT owner FROM accounts WHERE balance < 100 ORDER BY id    ada    kim

No Update Is Lost At Read Committed
    [Documentation]    The second one waits for the first, then computes with what that has left.
    [Tags]    priority-1
    [Setup]    Start Bank Of Tables
    Begin Transaction    t1    isolation=read committed
    Begin Transaction    t2    isolation=read committed
    Execute Sql    UPDATE accounts SET balance = balance + 10 WHERE id = 1    txn=t1
    Execute Sql    UPDATE accounts SET balance = balance + 5 WHERE id = 1    txn=t2    outcome=blocked
    Commit Transaction    t1
    Commit Transaction    t2
    Query Should Return    SELECT balance FROM accounts WHERE id = 1    115.00

The Second Updater Fails At Snapshot
    [Documentation]    Whoever would write over what others have written since its snapshot is rolled back.
    [Tags]    priority-1
    [Setup]    Start Bank Of Tables
    Begin Transaction    t1    isolation=snapshot
    Query Should Return    SELECT balance FROM accounts WHERE id = 1    100.00    txn=t1
    Execute Sql    UPDATE accounts SET balance = balance + 10 WHERE id = 1
    Query Should Return    SELECT balance FROM accounts WHERE id = 1    100.00    txn=t1
    Execute Sql    UPDATE accounts SET balance = balance + 5 WHERE id = 1    txn=t1    outcome=aborted
    Transaction Should Be    t1    aborted
    Query Should Return    SELECT balance FROM accounts WHERE id = 1    110.00

Nobody Writes On The Strength Of What Has Changed
    [Documentation]    Two sums over all accounts decide two withdrawals: at serializable one of them fails.
    [Tags]    priority-1
    [Setup]    Start Bank Of Tables
    Begin Transaction    t1
    Begin Transaction    t2
    Query Should Return    SELECT sum(balance) FROM accounts    400.00    txn=t1
    Query Should Return    SELECT sum(balance) FROM accounts    400.00    txn=t2
    Execute Sql    UPDATE accounts SET balance = 0 WHERE id = 1    txn=t1
    Execute Sql    UPDATE accounts SET balance = 0 WHERE id = 2    txn=t2
    Commit Transaction    t1
    Commit Transaction    t2    outcome=aborted
    Query Should Return    SELECT sum(balance) FROM accounts    300.00

A Schema Changes While Rows Are Written
    [Documentation]    A writer who has seen the old schema cannot commit beside the new one; the next one can.
    [Tags]    priority-1    concurrency
    [Setup]    Start Bank Of Tables
    Begin Transaction    writer    isolation=read committed
    Execute Sql    INSERT INTO accounts VALUES (5, 'max', 1)    txn=writer
    Execute Sql    ALTER TABLE accounts ADD COLUMN kind TEXT DEFAULT 'plain'
    Commit Transaction    writer    outcome=aborted
    Execute Sql    INSERT INTO accounts VALUES (5, 'max', 1, 'gold')
    Query Should Return    SELECT kind FROM accounts ORDER BY id    plain    plain    plain    plain    gold

A Transaction Sees What It Has Made Of Tables
    [Documentation]    A new table and a new column are filled, changed and read before the commit, by nobody else.
    [Tags]    priority-2
    [Setup]    Start Bank Of Tables
    Begin Transaction    t1
    Execute Sql    ALTER TABLE accounts ADD COLUMN kind TEXT DEFAULT 'plain'    txn=t1
    Execute Sql    UPDATE accounts SET kind = 'gold' WHERE id > 3    txn=t1
    Execute Sql    DELETE FROM accounts WHERE id = 2    txn=t1
    Execute Sql    CREATE TABLE kinds (name TEXT PRIMARY KEY)    txn=t1
    Execute Sql    INSERT INTO kinds SELECT DISTINCT kind FROM accounts    txn=t1
    Query Should Return    ${KINDS}    plainada    plaineve    goldzoe    txn=t1
    Statement Should Be Refused    42P01: table kinds does not exist    SELECT * FROM kinds
    Commit Transaction    t1
    Query Should Return    ${KINDS}    plainada    plaineve    goldzoe

Tables Are Emptied And Dropped As A Whole
    [Documentation]    No row and no name of the table is left, also where a table of the same name comes after it.
    [Tags]    priority-2
    [Setup]    Start Bank Of Tables
    Execute Sql    TRUNCATE TABLE accounts
    Query Should Return    SELECT count(*) FROM accounts    0
    Execute Sql    INSERT INTO accounts VALUES (1, 'bob', 1)
    Execute Sql    DROP TABLE accounts
    Statement Should Be Refused    42P01: table accounts does not exist    DELETE FROM accounts
    Execute Sql    CREATE TABLE accounts (id INTEGER PRIMARY KEY, owner TEXT UNIQUE)
    Execute Sql    INSERT INTO accounts VALUES (1, 'bob')
    Query Should Return    SELECT owner FROM accounts    bob

A Table Is Read To The End By Those Who Saw It
    [Documentation]    A transaction that began before a table was emptied and dropped reads all of it a second later.
    [Tags]    priority-2
    [Setup]    Start Bank Of Tables
    Begin Transaction    t1    isolation=snapshot
    Query Should Return    SELECT count(*) FROM accounts WHERE id = 1    1    txn=t1
    Execute Sql    TRUNCATE TABLE accounts
    Execute Sql    DROP TABLE accounts
    Run For    1s
    Query Should Return    SELECT owner FROM accounts ORDER BY id    ada    bob    eve    zoe    txn=t1
    Commit Transaction    t1
    Statement Should Be Refused    42P01: table accounts does not exist    SELECT * FROM accounts

A Table That Is Everywhere Is Everywhere After A Split
    [Documentation]    Rows that each shard has a copy of are on new shards as well, and are changed on all of them.
    [Tags]    priority-1
    [Setup]    Start Bank With Kinds
    Split Shard    1
    Accounts Of Kind Should Be    plain    8
    Execute Sql    UPDATE kinds SET name = 'gold'
    Accounts Of Kind Should Be    plain    0
    Merge Shards    2    3
    Accounts Of Kind Should Be    gold    8
    Shards Should Have One Owner
    Replicas Should Agree

A Leader Crashes During An Insert Of Many Rows
    [Documentation]    The leader of a shard is lost while rows are being prepared: all of them are there, or none.
    [Tags]    priority-1
    [Setup]    Start Bank Of Tables    nodes=5
    Arm Fault    prepare sent    crash node    node=leader of shard 2
    ${count} =    Execute Sql    INSERT INTO accounts SELECT id + 10, owner || '!', 1 FROM accounts    outcome=any
    Heal Faults
    Cluster Should Recover
    ${rows} =    Get Rows    SELECT count(*) AS number FROM accounts WHERE balance = 1
    Should Contain Any    ${{[0, 4]}}    ${rows}[0][number]
    Should Be True    ${rows}[0][number] >= ${count}
    Replicas Should Agree
