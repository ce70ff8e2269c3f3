*** Settings ***
Documentation    Plans say which shards are asked, what these compute, and how joins move rows; answers stay the same.

Library          PhantomLibrary
Resource         ../../resources/queries.resource

Suite Setup      Start Shop

Test Tags        query


*** Test Cases ***
Averages And Counts Come In Parts
    [Documentation]    Groups that are spread unevenly: an average is that of all rows, and NULLs are not counted.
    [Tags]    priority-1    smoke
    Queries Should Match Oracle
    ...    SELECT status, AVG(total), COUNT(*) FROM orders GROUP BY status
    ...    SELECT quantity, AVG(price), AVG(discount), COUNT(discount), COUNT(*) FROM items GROUP BY quantity
    ...    SELECT AVG(credit_limit), COUNT(segment), COUNT(born) FROM customers
    VAR    ${query}    SELECT status, AVG(total) FROM orders GROUP BY status
    Get Plan    ${query}    text    contains    aggregates: merged of parts
    Get Plan    ${query}    gathers    ==    0
    Get Plan    ${query}    rows_moved    <    19

Groups Of A Shard Key Stay Where They Are
    [Documentation]    Orders and their items stand together, so their groups are whole on each shard.
    [Tags]    priority-1
    VAR    ${joined}    orders AS o LEFT JOIN items AS i ON i.order_id = o.id
    VAR    ${query}    SELECT o.id, COUNT(*), SUM(i.price) FROM ${joined} GROUP BY o.id HAVING COUNT(*) > 3
    Query Should Match Oracle    ${query}
    Get Plan    ${query}    text    contains    co-located by o.id = i.order_id
    Get Plan    ${query}    rows_moved    <    60

Limits Wait For Outer Joins
    [Documentation]    The first rows of a join are no more than its first rows, whichever side may be missing.
    [Tags]    priority-1
    VAR    ${on}    ON o.customer_id = c.id
    Queries Should Match Oracle
    ...    SELECT c.id, o.id AS n FROM customers AS c LEFT JOIN orders AS o ${on} ORDER BY c.id, o.id DESC LIMIT 12
    ...    SELECT c.id, o.id AS n FROM customers AS c FULL JOIN orders AS o ${on} ORDER BY c.id DESC, o.id LIMIT 9
    ...    SELECT c.id, o.id AS n FROM orders AS o RIGHT JOIN customers AS c ${on} ORDER BY o.id, c.id LIMIT 10 OFFSET 2

Rows Without Partner Are Counted Once
    [Documentation]    Sums and counts over the side of an outer join whose rows may be missing, or several.
    [Tags]    priority-1
    VAR    ${joined}    customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id
    Queries Should Match Oracle
    ...    SELECT c.segment, COUNT(*), COUNT(o.status), COUNT(DISTINCT o.status) FROM ${joined} GROUP BY c.segment
    ...    SELECT c.id, COUNT(*), COUNT(o.note) FROM ${joined} GROUP BY c.id
    ...    SELECT COUNT(*), COUNT(o.customer_id), COUNT(o.status) FROM ${joined} AND o.total > 1000000

Alternatives Ask All Of Their Shards
    [Documentation]    Several conditions on a key: what one of them allows is found, wherever it stands.
    [Tags]    priority-1
    Queries Should Match Oracle
    ...    SELECT id FROM customers WHERE id = 1 OR id = 2 OR id IN (3, 4, 5, 6) AND name IS NOT NULL
    ...    SELECT id FROM customers WHERE (id = 7 OR id = 8) AND (id > 7 OR country IS NOT NULL) OR id = 9
    ...    SELECT id, total FROM orders WHERE id IN (1, 2, 3) OR id = 11 AND total > 0
    Get Plan    SELECT * FROM customers WHERE id = 7 AND name <> ''    shards_touched    ==    1
    Get Plan    SELECT * FROM customers WHERE id IN (1, 2, 3)    text    contains    the shards of 3 keys

Nulls Have No Partners
    [Documentation]    In no join is NULL equal to NULL; where one is among the values, NOT IN is true for nobody.
    [Tags]    priority-1
    Queries Should Match Oracle
    ...    SELECT a.id, b.id AS other FROM orders AS a JOIN orders AS b ON a.customer_id = b.customer_id AND a.id < b.id
    ...    SELECT a.id, b.id AS other FROM orders AS a JOIN orders AS b ON a.note = b.note
    ...    SELECT a.id, b.id AS other FROM orders AS a LEFT JOIN orders AS b ON a.note = b.note AND b.total > 100
    ...    SELECT id FROM customers WHERE id NOT IN (SELECT customer_id FROM orders)
    ...    SELECT id FROM customers WHERE id NOT IN (SELECT customer_id FROM orders WHERE customer_id IS NOT NULL)
    ...    SELECT a.id FROM orders AS a WHERE NOT EXISTS (SELECT 1 FROM orders AS b WHERE b.note = a.note AND b.id > 9)

Joins Move What Is Least
    [Documentation]    Rows that have to meet are shuffled or brought to each shard, and no table is gathered.
    [Tags]    priority-2
    VAR    ${same}    SELECT a.id, b.id AS other FROM orders AS a JOIN orders AS b ON a.customer_id = b.customer_id
    Get Plan    ${same}    text    contains    join: shuffle of a and b
    Get Plan    ${same}    gathers    ==    0
    VAR    ${few}
    ...    SELECT o.id, c.name FROM orders AS o JOIN customers AS c ON o.customer_id = c.id AND c.id IN (1, 2)
    Get Plan    ${few}    text    contains    join: broadcast of c
    Get Plan    SELECT i.line, p.name FROM items AS i JOIN products AS p ON p.id = i.product_id    text    contains
    ...    one of them is everywhere
    VAR    ${chain}    WITH RECURSIVE t(n) AS (SELECT MIN(id) FROM orders UNION ALL SELECT n + 1 FROM t WHERE n < 5)
    Get Plan    ${chain} SELECT n FROM t    text    contains    recursive

Wrong Use Of Plans Is Refused
    [Documentation]    What is no query has no plan, and what is no detail is named.
    [Tags]    priority-3
    Run Keyword And Expect Error    'DELETE FROM orders' is no query*    Get Plan    DELETE FROM orders
    Run Keyword And Expect Error    *SQL 42P01: *    Get Plan    SELECT * FROM order
    Run Keyword And Expect Error    *SQL 42P01: *orders*    Get Plan    SELECT * FROM ordes
