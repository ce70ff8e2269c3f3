*** Settings ***
Documentation    Queries run as messages: exact, or an error that says why, while leaders die and shards move.

Library          PhantomLibrary
Resource         ../../resources/execution.resource
Resource         ../../resources/tables.resource

Test Tags        query


*** Test Cases ***
Leader Dies Between Two Chunks
    [Documentation]    What it had sent is dropped, and its part is run again by the next one: each row comes once.
    [Tags]    priority-1    smoke
    [Setup]    Start Orders
    Arm Fault    chunk sent    crash node    on=leader of shard 2    occurrence=2    duration=1s
    ${rows} =    Get Rows    ${ALL}
    ${numbers} =    Evaluate    [row["id"] for row in $rows]
    ${expected} =    Evaluate    list(range(90))
    Should Be Equal    ${numbers}    ${expected}    QRY-001: rows are missing, or came twice    values=False
    Run For    1s
    Replicas Should Agree

Rows Come In Chunks Without Gap Or Overlap
    [Documentation]    Each row comes once, wherever one chunk ends and the next one begins.
    [Tags]    priority-1
    [Setup]    Start Orders
    ${rows} =    Get Rows    ${ALL}
    ${numbers} =    Evaluate    [row["id"] for row in $rows]
    ${expected} =    Evaluate    list(range(90))
    Should Be Equal    ${numbers}    ${expected}    QRY-001: rows are missing, or came twice    values=False

Leader Dies With What It Was Given
    [Documentation]    A leader that is brought rows to join loses them: they are brought to the next one.
    [Tags]    priority-1
    [Setup]    Start Orders
    ${before} =    Get Rows    ${PER_PERSON}
    Arm Fault    chunk delivered    crash node    on=leader of shard 3    phase=after    occurrence=3
    ...    duration=1s
    Rows Should Be    ${PER_PERSON}    ${before}

Restarted Part Reads The Same Snapshot
    [Documentation]    What was written since a transaction began is not seen by a part that another leader runs again.
    [Tags]    priority-1
    [Setup]    Start Orders
    Begin Transaction    t1    isolation=snapshot
    ${before} =    Get Rows    ${ALL}    txn=t1
    Run For    1s    # So that no clock may hold the update for older than the transaction.
    Execute Sql    UPDATE orders SET amount = amount + 100
    Arm Fault    chunk sent    crash node    on=leader of shard 3    occurrence=2    duration=1s
    Rows Should Be    ${ALL}    ${before}    txn=t1
    Commit Transaction    t1

Joins Stay Exact While Shards Split
    [Documentation]    Each row is counted once, on whichever side of a split it is, and at whichever moment.
    [Tags]    priority-1
    [Template]    Answer Of Join Should Stay
    1    ${PER_PERSON}    1
    3    ${PAIRS}    2
    7    ${PER_PERSON}    4

Answers Stay While Shards Merge And Move
    [Documentation]    What was asked of a shard that is no more is asked of the one that has its rows.
    [Tags]    priority-2
    [Setup]    Start Orders
    Answers Should Stay During    ${PER_PERSON}    Merge Shards    1    2
    Answers Should Stay    ${PAIRS}    Transfer Leadership    3    follower of shard 3
    Answers Should Stay During    ${ALL}    Merge Shards    1    3

Partition Leaves Answers Whole
    [Documentation]    A leader that is cut off answers nobody any more; the next one has all that it had.
    [Tags]    priority-1
    [Setup]    Start Orders
    ${before} =    Get Rows    ${PER_PERSON}
    Isolate Node    leader of shard 1    duration=2s
    Rows Should Be    ${PER_PERSON}    ${before}

Shard Without A Quorum Is Named
    [Documentation]    Where a shard cannot answer there is no answer, not what the others have.
    [Tags]    priority-1
    [Setup]    Start Orders    nodes=5    topology=three-nodes    shards=5
    Crash Node    n4, n5
    Run Keyword And Ignore Error    Get Rows    ${ALL}    # Whoever was there goes to another one.
    ${status}    ${error} =    Run Keyword And Ignore Error    Get Rows    ${ALL}
    Should Be Equal    ${status}    FAIL    QRY-001: a part was given for an answer    values=False
    Should Match Regexp    ${error}    shard \\d+ (could not be asked|did not answer)

Image Follows A Replica That Was Restored
    [Documentation]    A replica that led, fell behind and took over a snapshot answers with what that holds.
    [Tags]    priority-1
    [Setup]    Start Orders    topology=${CURDIR}/../../resources/topologies/tiny-logs.yaml
    ${before} =    Get Rows    ${ALL}
    ${old} =    Isolate Node    leader of shard 2
    FOR    ${amount}    IN RANGE    5
        Execute Sql    UPDATE orders SET amount = ?    ${amount}
    END
    Heal Faults
    Run For    2s
    Transfer Leadership    2    ${old}
    ${expected} =    Evaluate    [{**row, "amount": 4} for row in $before]
    Rows Should Be    ${ALL}    ${expected}

Rows From A Clock Ahead Are Seen
    [Documentation]    What was committed before a query is in it, though its timestamp lies in the query's future.
    [Tags]    priority-1
    [Setup]    Start Orders    nodes=5    topology=three-nodes
    Skew Clock    leader of shard 1    offset=200 ms
    Execute Sql    UPDATE orders SET amount = 1000
    FOR    ${reader}    IN    at one gateway    at the next    at a third    at a fourth    at the last
        Begin Transaction    ${reader}    isolation=snapshot
        Rows Should Be    SELECT min(amount) AS least FROM orders    ${{[{"least": 1000}]}}    ${reader}
        Commit Transaction    ${reader}
    END

Transfers Leave The Total As It Is
    [Documentation]    A join that runs while money moves between shards sees all of it or nothing.
    [Tags]    priority-1
    [Setup]    Start Bank Of Tables
    Begin Transaction    reads    isolation=snapshot
    Total Should Be    400.00    reads
    FOR    ${source}    IN RANGE    1    3
        Move Money    ${source}    ${source + 1}
        Total Should Be    400.00
        Total Should Be    400.00    reads
    END
    Commit Transaction    reads

More Than A Query May Hold Is Refused
    [Documentation]    The message names the bound and the step; the cluster goes on, and nothing stays open.
    [Tags]    priority-1
    [Setup]    Start Orders
    Run Keyword And Expect Error
    ...    SQL 53200: *more than the 20000 bytes that a query may take (query_memory_bytes)*
    ...    Get Rows    SELECT a.id, b.id AS other, c.id AS third FROM orders a, orders b, orders c
    Rows Should Be    SELECT count(*) AS n FROM orders    ${{[{"n": 90}]}}


*** Keywords ***
Answer Of Join Should Stay
    [Documentation]    Asks while shards split, one after the other, and once more after each.
    [Arguments]    ${shards}    ${query}    @{splitting}
    Start Orders    shards=${shards}
    FOR    ${shard}    IN    @{splitting}
        Answers Should Stay During    ${query}    Split Shard    ${shard}
    END

Total Should Be
    [Documentation]    Fails unless all accounts together, each with itself, hold so much.
    [Arguments]    ${total}    ${txn}=${EMPTY}
    ${expected} =    Evaluate    [{"total": decimal.Decimal($total)}]
    Rows Should Be    SELECT sum(a.balance) AS total FROM accounts a JOIN accounts b ON a.owner = b.owner
    ...    ${expected}    txn=${txn}

Move Money
    [Documentation]    Moves money in a transaction, and looks at the total in its midst, from within and from without.
    [Arguments]    ${source}    ${target}
    Begin Transaction    moves    isolation=snapshot
    Execute Sql    UPDATE accounts SET balance = balance - 10 WHERE id = ?    ${source}    txn=moves
    Total Should Be    400.00
    Execute Sql    UPDATE accounts SET balance = balance + 10 WHERE id = ?    ${target}    txn=moves
    Total Should Be    400.00    moves
    Commit Transaction    moves
