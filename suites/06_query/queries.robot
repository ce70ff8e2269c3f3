*** Settings ***
Documentation    Queries are answered as by a single node with the same rows: NULLs, ties and empty shards included.

Library          PhantomLibrary
Resource         ../../resources/queries.resource

Suite Setup      Start Shop

Test Tags        query


*** Test Cases ***
Joins Of All Kinds
    [Documentation]    Inner, left, right, full and cross joins, over keys that are NULL or that nobody refers to.
    [Tags]    priority-1    smoke
    VAR    ${on}    o.customer_id = c.id
    Queries Should Match Oracle
    ...    SELECT c.id, o.id FROM customers AS c JOIN orders AS o ON ${on}
    ...    SELECT c.id, o.id FROM customers AS c LEFT JOIN orders AS o ON ${on} AND o.status = 'paid'
    ...    SELECT c.id, o.id FROM customers AS c RIGHT JOIN orders AS o ON ${on} WHERE o.total < 50
    ...    SELECT c.id, o.id FROM customers AS c FULL JOIN orders AS o ON ${on} AND c.segment IS NOT NULL
    ...    SELECT p.id, q.id FROM products AS p CROSS JOIN products AS q WHERE p.price < q.price
    ...    SELECT a.id, b.id FROM orders AS a JOIN orders AS b ON a.customer_id = b.customer_id AND a.id < b.id
    ...    SELECT c.id FROM customers AS c LEFT JOIN orders AS o ON ${on} AND o.total > 60 ORDER BY total, c.id LIMIT 9
    ...    SELECT c.segment, COUNT(o.status) FROM customers AS c LEFT JOIN orders AS o ON ${on} GROUP BY c.segment
    ...    SELECT id FROM orders WHERE id = 7 OR id = 8 OR id = 60 OR id = 90
    ...    SELECT c.id, o.id AS n FROM customers AS c LEFT JOIN orders AS o ON ${on} WHERE o.id IS NULL

Subqueries
    [Documentation]    Scalar ones, IN and NOT IN where NULLs are among the values, EXISTS and its opposite, correlated.
    [Tags]    priority-1
    VAR    ${of}    FROM orders AS o WHERE o.customer_id = c.id
    Queries Should Match Oracle
    ...    SELECT c.id, (SELECT MAX(o.total) ${of}) FROM customers AS c
    ...    SELECT id FROM customers WHERE id IN (SELECT customer_id FROM orders WHERE total > 30)
    ...    SELECT id FROM customers WHERE id NOT IN (SELECT customer_id FROM orders)
    ...    SELECT c.id FROM customers AS c WHERE NOT EXISTS (SELECT 1 ${of}) AND c.born IS NOT NULL
    ...    SELECT id FROM orders WHERE total > (SELECT AVG(total) FROM orders) ORDER BY total DESC

Aggregates Of Nulls And Of Nothing
    [Documentation]    AVG, COUNT of an expression, DISTINCT and SUM leave NULLs out; of no rows they are NULL or 0.
    [Tags]    priority-1
    VAR    ${aggregates}    COUNT(*), COUNT(discount), COUNT(DISTINCT discount), AVG(discount), SUM(DISTINCT discount)
    Queries Should Match Oracle
    ...    SELECT ${aggregates} FROM items
    ...    SELECT ${aggregates} FROM items WHERE quantity > 99
    ...    SELECT product_id, ${aggregates} FROM items GROUP BY product_id HAVING COUNT(discount) > 1
    ...    SELECT quantity, MIN(discount), MAX(price) FROM items WHERE quantity > 99 GROUP BY quantity
    ...    SELECT AVG(weight), SUM(weight), COUNT(CASE WHEN price > 10 THEN weight END) FROM products
    ...    SELECT segment, country, AVG(credit_limit) FROM customers GROUP BY segment, country
    ...    SELECT DISTINCT segment, is_active FROM customers

Order And Limit With Ties
    [Documentation]    The first rows are those that the order asks for; of rows that it holds for equal any may come.
    [Tags]    priority-1
    Queries Should Match Oracle
    ...    SELECT id, segment FROM customers ORDER BY segment
    ...    SELECT id, segment FROM customers ORDER BY segment DESC, credit_limit LIMIT 7
    ...    SELECT id FROM orders ORDER BY status, total DESC LIMIT 5 OFFSET 20
    ...    SELECT status, COUNT(*) FROM orders GROUP BY status ORDER BY 2 DESC LIMIT 2
    ...    SELECT id FROM items AS i JOIN orders AS o ON o.id = i.order_id ORDER BY i.quantity LIMIT 9 OFFSET 3
    ...    SELECT id, born FROM customers ORDER BY born NULLS LAST, id LIMIT 25
    ...    SELECT id FROM orders LIMIT 3
    ...    SELECT id FROM orders ORDER BY id LIMIT 5 OFFSET 1000

Set Operations
    [Documentation]    UNION with and without ALL, INTERSECT and EXCEPT hold NULLs for equal.
    [Tags]    priority-2
    Queries Should Match Oracle
    ...    SELECT segment FROM customers UNION SELECT status FROM orders
    ...    SELECT customer_id FROM orders UNION ALL SELECT id FROM customers
    ...    SELECT customer_id FROM orders INTERSECT SELECT id FROM customers ORDER BY 1
    ...    SELECT customer_id FROM orders EXCEPT SELECT id FROM customers WHERE is_active
    ...    SELECT note FROM orders EXCEPT SELECT name FROM customers ORDER BY 1 DESC LIMIT 3

Windows And Common Tables
    [Documentation]    Rows are numbered and summed within their groups; a common table is used twice.
    [Tags]    priority-2
    VAR    ${by}    OVER (PARTITION BY customer_id ORDER BY total, id)
    VAR    ${sums}    WITH s AS (SELECT customer_id AS c, SUM(total) AS t FROM orders GROUP BY customer_id)
    Queries Should Match Oracle
    ...    SELECT id, ROW_NUMBER() ${by}, SUM(total) ${by}, LAG(total) ${by} FROM orders
    ...    SELECT id, RANK() OVER (ORDER BY status), AVG(total) OVER (PARTITION BY status) FROM orders
    ...    ${sums} SELECT a.c, b.c FROM s AS a JOIN s AS b ON a.t < b.t AND a.c < b.c
    ...    ${sums} SELECT COUNT(*), MAX(t), MIN(t) FROM s WHERE c IS NOT NULL

Texts And Parameters Of All Kinds
    [Documentation]    Texts of all alphabets, quotes and wildcards are found as they are; no parameter is read as SQL.
    [Tags]    priority-2
    Query Should Match Oracle    SELECT id FROM customers WHERE name LIKE ? ORDER BY name, id    %e%
    Query Should Match Oracle    SELECT id FROM orders WHERE note = ? OR note = ?    100%_sure    it's a gift 🎁
    Query Should Match Oracle    SELECT id FROM customers WHERE name = ?    ' OR 1 = 1 --
    Query Should Match Oracle    SELECT id FROM orders WHERE ordered_at >= ? AND total < ?    2023-06-01    ${30}
    Query Should Match Oracle    SELECT EXTRACT(YEAR FROM ordered_at) AS y, COUNT(*) FROM orders GROUP BY 1 ORDER BY 1

Keys Say Which Shards Are Asked
    [Documentation]    A key is looked up on one shard, a join of what stands together moves nothing but its answer.
    [Tags]    priority-1
    Get Plan    SELECT * FROM orders WHERE id = 7    shards_touched    ==    1
    Get Plan    SELECT * FROM orders WHERE status = 'paid'    shards_touched    ==    3
    Get Plan    SELECT * FROM products    shards_touched    ==    1
    Get Plan    SELECT COUNT(*) FROM orders AS o JOIN items AS i ON i.order_id = o.id    rows_moved    <=    3
    Get Plan    SELECT status, AVG(total) FROM orders GROUP BY status    gathers    ==    0
    Get Plan    SELECT id FROM orders ORDER BY total DESC, id LIMIT 2    rows_moved    <=    6
