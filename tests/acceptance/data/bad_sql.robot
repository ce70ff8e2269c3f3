*** Settings ***
Documentation    What SQL refuses is said as a good database says it; the cluster goes on, transactions as SQL has them.

Library          PhantomLibrary

Test Setup       Start Bank
Test Timeout     20 seconds

Test Tags        priority-1


*** Test Cases ***
Statements That Cannot Be Read
    [Documentation]    Where the error is, what there is, what is near.
    Run Keyword And Expect Error
    ...    GLOB:SQL 42601: syntax error at or near "SELEC" (did you mean SELECT?)*
    ...    Execute Sql
    ...    SELEC 1
    Run Keyword And Expect Error
    ...    GLOB:SQL 42P01: table acounts does not exist (did you mean accounts?); there are accounts, cards*
    ...    Execute Sql
    ...    DELETE FROM acounts
    Run Keyword And Expect Error
    ...    GLOB:SQL 42703: column blance of table accounts does not exist (did you mean balance?)*
    ...    Execute Sql
    ...    UPDATE accounts SET blance = 1
    Run Keyword And Expect Error    GLOB:SQL 42702: *id*ambiguous*    Get Rows    SELECT id FROM accounts, cards
    Run Keyword And Expect Error    GLOB:SQL 42883: operator does not exist: INTEGER + TEXT*    Get Rows    SELECT id + owner FROM accounts
    Run Keyword And Expect Error
    ...    GLOB:SQL 0A000: *transactions begin and end by keywords of their own, not by statements*
    ...    Execute Sql
    ...    COMMIT
    Still There

Statements That Break A Rule
    [Documentation]    The constraint and the key are named, and nothing of the statement is left.
    Run Keyword And Expect Error
    ...    GLOB:SQL 23505: duplicate key value violates unique constraint "accounts_pkey": key (id)\=(1) already exists*
    ...    Execute Sql
    ...    INSERT INTO accounts VALUES (3, 'max', 1), (1, 'ann', 1)
    Run Keyword And Expect Error
    ...    GLOB:SQL 23505: duplicate key value violates unique constraint "accounts_owner_key": key (owner)\=(bob)*
    ...    Execute Sql
    ...    INSERT INTO accounts VALUES (3, 'bob', 1)
    Run Keyword And Expect Error
    ...    GLOB:SQL 23502: null value in column "id"*
    ...    Execute Sql
    ...    INSERT INTO accounts (owner) VALUES ('max')
    Run Keyword And Expect Error
    ...    GLOB:SQL 23514: *accounts_balance_check*
    ...    Execute Sql
    ...    UPDATE accounts SET balance = balance - 101
    Run Keyword And Expect Error    GLOB:SQL 23503: *key (account)\=(9) is not present in table "accounts"*
    ...    Execute Sql    INSERT INTO cards VALUES (1, 9)
    Run Keyword And Expect Error
    ...    GLOB:SQL 22012: division by zero*
    ...    Execute Sql
    ...    UPDATE accounts SET balance = 1 / (id - id)
    Run Keyword And Expect Error
    ...    GLOB:SQL 22003: *out of range*
    ...    Execute Sql
    ...    UPDATE accounts SET balance = 9223372036854775807 + id
    Still There

Parameters Are Values
    [Documentation]    Whatever they contain; as many as there are, of kinds that there are.
    Execute Sql    INSERT INTO accounts VALUES (?, ?, ?)    3    x'); DROP TABLE accounts; --    1
    ${rows} =    Get Rows    SELECT owner FROM accounts WHERE owner = ?    x'); DROP TABLE accounts; --
    Should Be Equal    ${rows}    ${{[{'owner': "x'); DROP TABLE accounts; --"}]}}
    Run Keyword And Expect Error
    ...    GLOB:SQL 08P01: the statement has 1 parameter (?), but 2 were given*
    ...    Get Rows
    ...    SELECT ?
    ...    1
    ...    2
    Run Keyword And Expect Error    GLOB:SQL 22P02: invalid input syntax for type integer: "one"*
    ...    Get Rows    SELECT * FROM accounts WHERE id = ?    one
    Run Keyword And Expect Error    GLOB:parameter 1 *    Get Rows    SELECT ?    ${{[1]}}
    Execute Sql    DELETE FROM accounts WHERE id = ?    ${3}
    Still There

Transactions After A Refusal
    [Documentation]    A statement that is refused leaves its transaction open; a conflict does not.
    Begin Transaction    t1    isolation=snapshot
    Query Should Return    SELECT balance FROM accounts WHERE id = 1    100    txn=t1
    Run Keyword And Expect Error
    ...    GLOB:SQL 23505: *
    ...    Execute Sql
    ...    INSERT INTO accounts VALUES (1, 'max', 1)
    ...    txn=t1
    Transaction Should Be    t1    active
    Execute Sql    UPDATE accounts SET balance = 90 WHERE id = 1
    Run Keyword And Expect Error
    ...    GLOB:OPR-001: UPDATE accounts SET balance \= 80 WHERE id \= 1 in transaction t1 ended aborted at t\=*, expected done: row [[]1] of table 1 was written by another transaction after this one began*
    ...    Execute Sql
    ...    UPDATE accounts SET balance = 80 WHERE id = 1
    ...    txn=t1
    Transaction Should Be    t1    aborted
    Run Keyword And Expect Error
    ...    GLOB:transaction 't1' is rolled back, for row [[]1] of table 1 was written by another transaction after this one began: begin another one
    ...    Get Rows
    ...    SELECT 1
    ...    txn=t1
    Run Keyword And Expect Error
    ...    GLOB:no transaction 't2': there is t1 (did you mean t1?)
    ...    Execute Sql
    ...    DELETE FROM cards
    ...    txn=t2

Expectations That Are Not Met
    [Documentation]    What came, and what was expected.
    Run Keyword And Expect Error
    ...    GLOB:EXP-001: SELECT id FROM accounts ORDER BY id returned 1, 2 at t\=*, expected 1, 3*
    ...    Query Should Return
    ...    SELECT id FROM accounts ORDER BY id
    ...    1
    ...    3
    Run Keyword And Expect Error
    ...    GLOB:OPR-001: DELETE FROM cards ended done at t\=*, expected to be refused with SQL 23505*
    ...    Statement Should Be Refused
    ...    23505
    ...    DELETE FROM cards
    Run Keyword And Expect Error    GLOB:*is no query*    Get Rows    DELETE FROM cards
    Run Keyword And Expect Error    GLOB:two columns are called id: give one another name by AS, or rows would lose it
    ...    Get Rows    SELECT a.id, c.id FROM accounts AS a CROSS JOIN cards AS c
    Run Keyword And Expect Error
    ...    GLOB:outcome\=blocked cannot be: a statement without txn\= waits until it is done or refused
    ...    Execute Sql
    ...    DELETE FROM cards
    ...    outcome=blocked
    Still There

A Cluster Without Tables
    [Documentation]    The tables of another cluster are not there.
    Start Cluster
    Run Keyword And Expect Error
    ...    GLOB:SQL 42P01: table accounts does not exist; there are no tables yet*
    ...    Get Rows
    ...    SELECT * FROM accounts


*** Keywords ***
Start Bank
    [Documentation]    Two accounts on two shards.
    Start Cluster    nodes=3    shards=2
    Execute Sql
    ...    CREATE TABLE accounts (id INTEGER PRIMARY KEY, owner TEXT UNIQUE, balance INTEGER CHECK (balance >= 0))
    Execute Sql    CREATE TABLE cards (id INTEGER PRIMARY KEY, account INTEGER REFERENCES accounts (id))
    Execute Sql    INSERT INTO accounts VALUES (1, 'ada', 100), (2, 'bob', 100)

Still There
    [Documentation]    Fails unless both accounts are as they were.
    Query Should Return    SELECT id, owner, balance FROM accounts ORDER BY id    1    ada    100    2    bob    100
