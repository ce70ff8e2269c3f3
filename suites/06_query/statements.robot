*** Settings ***
Documentation    What statements mean, and how those that make no sense are refused: without any effect.

Library          PhantomLibrary
Resource         ../../resources/tables.resource

Test Tags        query


*** Variables ***
${ATTACK}        ' OR 1=1; DROP TABLE accounts; --
${ADD_UP}        DO UPDATE SET balance = accounts.balance + excluded.balance
${PARTS}         (1, 0.1, 1e16, 9223372036854775807), (2, 0.2, 1, 9223372036854775807),
...              (3, 0.3001, -1e16, -9223372036854775807), (4, NULL, 0.1, -9223372036854775806)
${BY_BALANCE}    CREATE UNIQUE INDEX by_balance ON accounts (balance)
${BY_YEAR}       SHARD BY RANGE (day) SPLIT AT ('2024-01-01', '2025-01-01')
${DAYS}          ('1999-12-31', 1), ('2023-12-31', 2), ('2024-01-01', 3),
...              ('2024-12-31', 4), ('2025-01-01', 5), ('9999-12-31', 6)


*** Test Cases ***
A Query That Makes No Sense Is Refused
    [Documentation]    Each message begins with its SQLSTATE and says what is there instead; the cluster goes on.
    [Tags]    priority-1
    [Setup]    Start Bank With Cards
    Refused    SQL 42601: syntax error at or near "accounts"*line 1, column 15:    SELECT * FORM accounts
    Refused    SQL 42601: syntax error at or near "selec" (did you mean SELECT?)    selec * FROM accounts
    Refused    SQL 42P01: table acounts does not exist (did you mean accounts?)    SELECT * FROM acounts
    Refused    SQL 42703: column ownr does not exist (did you mean owner?)    SELECT ownr FROM accounts
    Refused    SQL 42702: column reference id is ambiguous    SELECT id FROM accounts, cards
    Refused    SQL 42803: column accounts.owner must appear in the GROUP BY    SELECT owner, sum(id) FROM accounts
    Refused    SQL 42883: operator does not exist: TEXT + INTEGER    SELECT owner + 1 FROM accounts
    Query Should Return    SELECT count(*) FROM accounts    4

A Value That Makes No Sense Is Refused
    [Documentation]    No query answers what is wrong for one of the rows, or reads a time that differs from run to run.
    [Tags]    priority-1
    [Setup]    Start Bank Of Tables
    Refused    SQL 22P02: invalid input syntax for type integer: "x"    SELECT * FROM accounts WHERE id = 'x'
    Refused    SQL 22012: division by zero    SELECT balance / (id - 3) FROM accounts
    Refused    SQL 22003: *out of range    SELECT id + 9223372036854775806 FROM accounts
    Refused    SQL 21000: more than one row returned by a subquery    SELECT (SELECT id FROM accounts)
    Refused    SQL 0A000: several statements in one text    SELECT 1; DROP TABLE accounts
    Refused    SQL 0A000: CURRENT_DATE is not supported: statements have no clock    SELECT current_date
    Refused    SQL 08P01: the statement has 1 parameter (?), but 0 were given    SELECT * FROM accounts WHERE id = ?
    Query Should Return    SELECT count(*) FROM accounts    4

A Definition That Makes No Sense Is Refused
    [Documentation]    No table can be sharded so that its rows are not found again, or refer to what cannot be found.
    [Tags]    priority-1
    [Setup]    Start Bank With Cards
    Refused    SQL 42P07: table cards already exists    CREATE TABLE cards (id INTEGER)
    Refused    SQL 42704: type money does not exist: there are INTEGER    CREATE TABLE t (a money)
    Refused
    ...    SQL 42P16: the shard key (b) must be part of
    ...    CREATE TABLE t (a INT PRIMARY KEY, b INT) SHARD BY HASH (b)
    Refused    SQL 42601: *sharding is SHARD BY HASH*    CREATE TABLE t (a INT PRIMARY KEY) SHARD BY LIST (a)
    Refused    SQL 42P01: table account does not exist (did you mean    CREATE TABLE t (a INT REFERENCES account)
    Refused    SQL 0A000: ON DELETE CASCADE    CREATE TABLE t (a INT REFERENCES cards ON DELETE CASCADE)
    Refused    SQL 23502: column b of table cards is NOT NULL    ALTER TABLE cards ADD COLUMN b INTEGER NOT NULL
    Refused    SQL 2BP01: cannot drop table accounts: a foreign key    DROP TABLE accounts
    Refused    SQL 2BP01: cannot truncate table accounts: a foreign key    TRUNCATE TABLE accounts
    Query Should Return    SELECT id FROM cards ORDER BY id    1    2

Changes That Do Not Fit Have No Effect
    [Documentation]    Of an insert of two rows the good one is not there either.
    [Tags]    priority-1
    [Setup]    Start Things
    Refused    SQL 22003: numeric field overflow    INSERT INTO things (id, price) VALUES (8, 1), (9, 1234567)
    Refused    SQL 22007: invalid input syntax for type date    INSERT INTO things (id, day) VALUES (9, '2023-02-29')
    Refused    SQL 42804: column name is of type TEXT but    INSERT INTO things (id, name) VALUES (9, 5)
    Refused    SQL 42703: column nam of table things does not exist    UPDATE things SET nam = 'x'
    Refused    SQL 42601: INSERT has more target columns    INSERT INTO things (id, name) VALUES (9)
    Refused
    ...    SQL 42P10: there is no unique constraint on (name)
    ...    INSERT INTO things (id) VALUES (1) ON CONFLICT (name) DO NOTHING
    Query Should Return    SELECT id FROM things ORDER BY id    1    2    3

Parameters Are Never Part Of The Text
    [Documentation]    What would be a statement is a name that nobody has, or no number.
    [Tags]    priority-1
    [Setup]    Start Bank Of Tables
    ${rows} =    Get Rows    SELECT * FROM accounts WHERE owner = ?    ${ATTACK}
    Should Be Empty    ${rows}
    Run Keyword And Expect Error    SQL 22P02: *    Get Rows    SELECT * FROM accounts WHERE id = ?    ${ATTACK}
    ${count} =    Execute Sql    UPDATE accounts SET owner = ? WHERE id = ?    ${ATTACK}    3
    Should Be Equal As Integers    ${count}    1
    Query Should Return    SELECT owner FROM accounts WHERE id > 2 ORDER BY id    ${ATTACK}    zoe

Upserts Change What Is There And Insert The Rest
    [Documentation]    Rows of one statement are new on some shards and there already on others.
    [Tags]    priority-1
    [Setup]    Start Bank Of Tables
    Execute Sql    INSERT INTO accounts VALUES (1, 'eli', 5), (7, 'kim', 5) ON CONFLICT (id) ${ADD_UP}
    Execute Sql    INSERT INTO accounts VALUES (8, 'bob', 1), (9, 'joe', 9) ON CONFLICT DO NOTHING
    Execute Sql    UPSERT INTO accounts (id, balance, owner) VALUES (2, 0.5, 'bob'), (6, 0.25, 'lea')
    Query Should Return    SELECT id || owner || balance FROM accounts WHERE balance <> 100 ORDER BY id
    ...    1ada105.00    2bob0.50    6lea0.25    7kim5.00    9joe9.00

Tables Grow Columns While They Have Rows
    [Documentation]    Rows from before have the default, in queries, conditions and views; an index changes no answer.
    [Tags]    priority-2
    [Setup]    Start Bank Of Tables
    Execute Sql    ALTER TABLE accounts ADD COLUMN grade INTEGER NOT NULL DEFAULT 3
    Execute Sql    INSERT INTO accounts VALUES (5, 'max', 1, 4)
    Execute Sql    CREATE INDEX by_grade ON accounts (grade)
    Execute Sql    CREATE VIEW grades (grade, many) AS SELECT grade, count(*) FROM accounts GROUP BY grade
    Query Should Return    SELECT many FROM grades ORDER BY grade    4    1
    Execute Sql    UPDATE accounts SET grade = grade + 1 WHERE grade = 3 AND id < 3
    Query Should Return    SELECT many FROM grades ORDER BY grade    2    3
    Refused    SQL 2BP01: cannot drop table accounts: view grades depends on it    DROP TABLE accounts

Rows That Are There Become Unique
    [Documentation]    An index finds rows that agree, keeps new ones from it on all shards, and leaves nothing behind.
    [Tags]    priority-1
    [Setup]    Start Bank Of Tables
    Refused    SQL 23505: could not create unique index "by_balance": key (balance)=(100.00)    ${BY_BALANCE}
    Execute Sql    UPDATE accounts SET balance = id WHERE id > 1
    Execute Sql    ${BY_BALANCE}
    Refused    SQL 23505: duplicate key value violates unique    INSERT INTO accounts VALUES (5, 'max', 3)
    Refused    SQL 23505: duplicate key value violates unique    UPDATE accounts SET balance = 4 WHERE id = 1
    Query Should Return    SELECT balance FROM accounts ORDER BY id    100.00    2.00    3.00    4.00
    Execute Sql    DROP INDEX by_balance
    Execute Sql    INSERT INTO accounts VALUES (5, 'max', 3)
    Query Should Return    SELECT balance FROM accounts ORDER BY id    100.00    2.00    3.00    4.00    3.00
    Refused    SQL 23505: could not create unique index "by_balance": key (balance)=(3.00)    ${BY_BALANCE}

An Index Misses No Row That Comes Meanwhile
    [Documentation]    A unique index that was made without a row that has been committed since does not commit.
    [Tags]    priority-2    concurrency
    [Setup]    Start Bank Of Tables
    Execute Sql    UPDATE accounts SET balance = id
    Begin Transaction    index    isolation=read committed
    Execute Sql    ${BY_BALANCE}    txn=index
    Execute Sql    INSERT INTO accounts VALUES (5, 'max', 3)
    Commit Transaction    index    outcome=aborted
    Refused    SQL 23505: could not create unique index "by_balance": key (balance)=(3.00)    ${BY_BALANCE}

Sums Are Exact On Any Number Of Shards
    [Documentation]    Decimals add up to the last digit, floats round once, and sums may leave 64 bits on their way.
    [Tags]    priority-1
    [Setup]    Start Bank Of Tables
    Execute Sql    CREATE TABLE parts (id INTEGER PRIMARY KEY, share DECIMAL(9,4), weight REAL, much BIGINT)
    Execute Sql    INSERT INTO parts VALUES ${PARTS}
    Query Should Return    SELECT sum(share) FROM parts    0.6001
    Query Should Return    SELECT avg(share) FROM parts    0.200033
    Query Should Return    SELECT sum(weight) FROM parts    1.1
    Query Should Return    SELECT sum(much) FROM parts    1
    Refused    SQL 22003: integer out of range    SELECT sum(much) FROM parts WHERE much > 0
    Query Should Return    SELECT share * 1.07 FROM parts WHERE id = 3    0.321107

Rows Of A Range Stand In Its Order
    [Documentation]    A table that is sharded by range answers for parts of it, at its splits and beyond.
    [Tags]    priority-2
    [Setup]    Start Cluster    nodes=3    shards=3
    Execute Sql    CREATE TABLE days (day DATE PRIMARY KEY, n INTEGER) ${BY_YEAR}
    Execute Sql    INSERT INTO days VALUES ${DAYS}
    Query Should Return    SELECT n FROM days WHERE day BETWEEN '2023-12-31' AND '2024-01-01' ORDER BY day    2    3
    Query Should Return    SELECT n FROM days WHERE day >= '2025-01-01' ORDER BY day DESC    6    5
    Query Should Return    SELECT n FROM days WHERE day < '2024-01-01' ORDER BY day    1    2
    Execute Sql    UPDATE days SET day = day + INTERVAL '13 months' WHERE n = 3
    Query Should Return    SELECT n FROM days WHERE day = '2025-02-01'    3


*** Keywords ***
Refused
    [Documentation]    Fails unless a statement is refused with a message that begins like this.
    [Arguments]    ${message}    ${statement}
    Run Keyword And Expect Error    ${message}*    Execute Sql    ${statement}
