*** Settings ***
Documentation    The fifteen cases of Hermitage at snapshot: all statements see one state, and the first updater wins.
...              What the level forbids does not happen, and what it allows raises no alarm, with the rows on one
...              shard and on two.

Library          PhantomLibrary
Resource         ../../resources/checks.resource
Resource         ../../resources/transactions.resource

Test Setup       Start Two Shards
Test Template    Run At Snapshot

Test Tags        priority-1    transaction


*** Test Cases ***
Dirty Writes Do Not Mix
    [Documentation]    G0: the second writer waits, and is rolled back when the first one commits.
    r2(x=10) w1(x=11) w2(x=12 blocked) w1(y=21) c1 w2(aborted) r3(x=11,y=21)
Aborted Write Is Not Read
    [Documentation]    G1a: what is rolled back in the end has never been seen.
    w1(x=101) r2(all) -> {x=10, y=20} a1 r2(all) -> {x=10, y=20} c2
Intermediate Write Is Not Read
    [Documentation]    G1b: neither the first nor the last of several writes is seen in an older snapshot.
    w1(x=101) r2(all) -> {x=10, y=20} w1(x=11) c1 r2(all) -> {x=10, y=20} c2 r3(x=11)
Information Does Not Flow In A Circle
    [Documentation]    G1c: neither of two transactions sees what the other writes.
    w1(x=11) w2(y=22) r1(y=20) r2(x=10) c1 c2
Observed Transaction Does Not Vanish
    [Documentation]    OTV: a snapshot stays as it is; the second writer is rolled back when the first one commits.
    r2(x=10) w1(x=11) w1(y=19) w2(x=12 blocked) c1 r3(all) -> {x=11, y=19} w2(aborted) r3(all) -> {x=11, y=19} c3
Phantom Does Not Show
    [Documentation]    PMP of reads: a row that another transaction inserts is not in the snapshot.
    r1(value=30) -> {} i2(z=30) c2 r1(value%3=0) -> {} c1
Predicate Write On Old Rows Is Refused
    [Documentation]    PMP of writes: a row of the range was written since the snapshot.
    w1(all += 10) r2(value=20) -> {y=20} d2(value=20 blocked) c1 d2(aborted) r3(all) -> {x=20, y=30}
Lost Update Is Refused
    [Documentation]    P4: the first updater wins.
    r1(x=10) r2(x=10) w1(x=11) w2(x=12 blocked) c1 w2(aborted) r3(x=11)
Read Skew Does Not Show
    [Documentation]    G-single: both rows are from before the other transaction.
    r1(x=10) r2(x=10) r2(y=20) w2(x=12) w2(y=18) c2 r1(y=20) c1
Read Skew Of A Range Does Not Show
    [Documentation]    G-single of predicates: no row moves from one range to the other.
    r1(value%5=0) -> {x=10, y=20} w2(value=10 := 12) c2 r1(value%3=0) -> {} c1
Predicate Write After A Later Commit Is Refused
    [Documentation]    G-single of predicate writes: the row that it would delete was written since the snapshot.
    r1(x=10) r2(all) -> {x=10, y=20} w2(x=12) w2(y=18) c2 d1(value=20 aborted) r3(x=12,y=18)
Writer That Rolls Back Is No Conflict
    [Documentation]    G-single, writer rolled back: whoever waited for it goes on and commits.
    r1(x=10) r2(all) -> {x=10, y=20} w2(x=12) d1(value=20) w2(y=18 blocked) a1 w2(done) c2 r3(x=12,y=18)
Write Skew Is Allowed
    [Documentation]    G2-item: each writes what the other has read, and both commit.
    r1(x=10,y=20) r2(x=10,y=20) w1(x=11) w2(y=21) c1 c2 r3(x=11,y=21)
Write Skew Of A Range Is Allowed
    [Documentation]    G2: each inserts into the range that the other has read, and both commit.
    r1(value%3=0) -> {} r2(value%3=0) -> {} i1(z=30) i2(u=42) c1 c2 r3(value%3=0) -> {u=42, z=30}
Reader May See An Order That Did Not Happen
    [Documentation]    G2 with two edges: with what the third one saw, the first one came neither before nor after the
    ...                second.
    r1(all) -> {x=10, y=20} w2(y=25) c2 r3(all) -> {x=10, y=25} c3 w1(x=0) c1 r4(x=0,y=25)


*** Keywords ***
Run At Snapshot
    [Documentation]    Runs a case with the rows on two shards, and once more with all of them on one.
    [Arguments]    ${steps}
    Run Interleaving    ${steps}    isolation=snapshot
    Run Interleaving    ${steps}    isolation=snapshot    shards=1
    Replicas Should Agree
