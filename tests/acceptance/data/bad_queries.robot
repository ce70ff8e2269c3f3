*** Settings ***
Documentation    What makes no sense of queries, plans and tables is refused in a sentence, and the cluster goes on.

Library          PhantomLibrary

Test Setup       Start Small Cluster
Test Timeout     20 seconds

Test Tags        priority-1


*** Test Cases ***
Tables That Cannot Be Loaded
    [Documentation]    Unknown ones, too many rows, twice, files that are none.
    Refused    rows\=1,000,001 cannot be: a sample table has at most 1,000,000 rows
    ...    Load Table    orders    rows=1000001
    Load Table    orders    rows=5
    Refused    table orders is loaded already, with 5 rows    Load Table    orders    rows=5
    Refused    ${CURDIR}/none.csv cannot be read: No such file or directory    Load Csv    orders    ${CURDIR}/none.csv
    Refused    ${CURDIR}/bad_rows.csv:2: a quote is not closed    Load Csv    orders    ${CURDIR}/bad_rows.csv
    Refused    SQL 42703: column time of table orders does not exist (did you mean note?)*
    ...    Load Csv    orders    ${CURDIR}/bad_load.csv
    Cluster Goes On

Queries That Cannot Be Judged
    [Documentation]    What is no query, what SQL refuses, what has no answer, and parameters that are missing.
    Refused    'DELETE FROM orders' is no query: Query Should Match Oracle reads rows, Execute Sql changes them
    ...    Query Should Match Oracle    DELETE FROM orders
    Refused    SQL 42P01: table orders does not exist; there are no tables yet*
    ...    Query Should Match Oracle    SELECT * FROM orders
    Load Table    orders    rows=5
    Refused    SQL 42703: column totl does not exist (did you mean total?)*
    ...    Query Should Match Oracle    SELECT totl FROM orders
    Refused    SQL 42601: syntax error at or near "orders"*    Query Should Match Oracle    SELECT id FORM orders WHERE
    Refused    SQL 22012: division by zero*    Query Should Match Oracle    SELECT id / 0 FROM orders
    Refused    SQL 08P01: *    Query Should Match Oracle    SELECT * FROM orders WHERE id \= ?
    Refused    parameter 1 is a dict, {}: texts, numbers, booleans, bytes, dates and None can be parameters
    ...    Query Should Match Oracle    SELECT * FROM orders WHERE id \= ?    ${{ {} }}
    Cluster Goes On

Plans That Are Not As Expected
    [Documentation]    What the plan is, what was expected, and when.
    Load Table    orders    rows=5
    Refused    'DROP TABLE orders' is no query: Get Plan reads rows, Execute Sql changes them
    ...    Get Plan    DROP TABLE orders
    Refused    EXP-001: shards_touched of SELECT * FROM orders is 2 at t\=*, expected \=\= 7*
    ...    Get Plan    SELECT * FROM orders    shards_touched    \=\=    7
    Refused    'many' is no number, so it cannot be compared with <, <\=, > or >\=
    ...    Get Plan    SELECT * FROM orders    rows_moved    <    many
    Cluster Goes On

Random Queries That Nobody Answers
    [Documentation]    Without a quorum no table can be made, and the message says why.
    Crash Node    n1
    Crash Node    n2
    Refused    the tables of random queries could not be made: *
    ...    Random Queries Should Match Oracle    count=5
    Heal Faults
    Cluster Should Recover    within=10s
    Random Queries Should Match Oracle    count=5


*** Keywords ***
Start Small Cluster
    [Documentation]    Starts three nodes with two shards.
    Start Cluster    nodes=3    shards=2

Refused
    [Documentation]    Fails unless a keyword fails with just this message.
    [Arguments]    ${message}    ${name}    @{arguments}    &{options}
    Run Keyword And Expect Error    ${message}    ${name}    @{arguments}    &{options}

Cluster Goes On
    [Documentation]    Fails unless the cluster takes a row, and answers.
    Execute Sql    CREATE TABLE later (id INTEGER PRIMARY KEY)
    Execute Sql    INSERT INTO later VALUES (1)
    Query Should Match Oracle    SELECT id FROM later
