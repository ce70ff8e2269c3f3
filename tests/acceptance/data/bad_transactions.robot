*** Settings ***
Documentation       What makes no sense of a transaction is told in one sentence, and nothing is lost by it.

Library             PhantomLibrary

Test Setup          Start Small Cluster
Test Timeout        20 seconds

Test Tags           priority-1


*** Test Cases ***
Names That Mean No Transaction
    [Documentation]    Unknown, finished and foreign names.
    Refused    no transaction 't1': none was begun    Commit Transaction    t1
    Begin Transaction    t1
    Refused    no transaction 't2': there is t1 (did you mean t1?)    Commit Transaction    t2
    Refused    no transaction 't2': there is t1 (did you mean t1?)    Read Key    t2    k1
    Refused    no transaction 't2': there is t1 (did you mean t1?)    Rollback Transaction    t2
    Refused    no transaction 't2': there is t1 (did you mean t1?)    Transaction Should Be    t2    active
    Commit Transaction    t1
    Refused    transaction 't1' is committed: begin another one    Commit Transaction    t1
    Refused    transaction 't1' is committed: begin another one    Write Key    t1    k1    1
    Refused    transaction 't1' is committed: begin another one    Rollback Transaction    t1
    Start Cluster
    Refused    transaction 't1' was begun on a cluster that is gone, and went with it    Commit Transaction    t1

Use After Abort
    [Documentation]    Whoever was rolled back has to begin anew; its name is free again.
    Begin Transaction    t1
    Write Key    t1    k1    1
    Rollback Transaction    t1
    Refused    transaction 't1' is rolled back, for it was asked for: begin another one    Read Key    t1    k1
    Refused    transaction 't1' is rolled back, for it was asked for: begin another one    Commit Transaction    t1
    Begin Transaction    t1
    Read Key    t1    k1    ==    ${EMPTY}
    Commit Transaction    t1

Begins That Cannot Be
    [Documentation]    Nested ones, and levels, gateways and names that there are not.
    Begin Transaction    t1
    Refused    transaction 't1' is open already: commit it or roll it back, or take another name
    ...    Begin Transaction    t1
    Misspelt    isolation    serialisable    Isolation
    ...    no isolation level 'serialisable': there is read committed, snapshot, serializable (did you mean serializable?)
    ...    Begin Transaction    t2    isolation=serialisable
    Refused    no node 'n9': this cluster has n1, n2, n3; roles are leader of shard 1, follower of shard 1, random, minority (did you mean n3?)
    ...    Begin Transaction    t2    gateway=n9
    Refused    a transaction needs a name    Begin Transaction    ${SPACE}
    Rollback Transaction    t1

Statements That Cannot Be
    [Documentation]    Ranges that hold nothing, numbers that are none, and keys of others.
    Begin Transaction    t1
    Refused    no key lies between 'k2' and 'k1': write the smaller one first    Read Keys    t1    k2    end=k1
    Refused    equal_to\=ten is no whole number: only such values can be picked    Read Keys    t1    k1    equal_to=ten
    Refused    equal_to\= and multiple_of\= cannot both be given: write the one that is meant
    ...    Read Keys    t1    k1    equal_to=10    multiple_of=5
    Refused    'ten' cannot be added: write a whole number    Update Keys    t1    k1    change=add    value=ten
    Start Workload    register    keys=5
    Refused    k1 belongs to workload register: choose a key of another form than k0    Write Key    t1    k1    1
    Commit Transaction    t1

Outcomes That Did Not Come
    [Documentation]    The message says what came instead, and why.
    Begin Transaction    t1
    Begin Transaction    t2
    Write Key    t1    k1    1
    Failed    OPR-001: transaction t1: reading key k1 ended done at t\=*, expected blocked
    ...    Read Key    t1    k1    outcome=blocked
    Failed    EXP-001: key k1, read in transaction t1, is 1 at t\=*, expected \=\= 2    Read Key    t1    k1    \=\=    2
    Failed    TST-001: transaction t1 is active at t\=*, expected committed
    ...    Transaction Should Be    t1    committed
    Failed    OPR-001: transaction t2: writing key k1 ended aborted at t\=*, expected done: it waited too long for k1, which *
    ...    Write Key    t2    k1    2
    Commit Transaction    t1
    Failed    ILV-001: at snapshot, step 2, w1(x\=11 blocked): it was done, expected blocked
    ...    Run Interleaving    r1(x) w1(x\=11 blocked) c1    isolation=snapshot    shards=1

Locks That Are Not Released
    [Documentation]    Says who holds what since when; time stands still unless it may go on.
    Begin Transaction    t1    gateway=n1
    Write Key    t1    k1    1
    Failed    ATM-006: transaction * of n1 holds key k1 of shard 1 since *, for 0.0*, and is not over
    ...    Locks Should Be Released
    Failed    ATM-006: transaction * of n1 holds key k1 of shard 1 since *, for 1.*, and is not over
    ...    Locks Should Be Released    within=1s
    Commit Transaction    t1
    Locks Should Be Released    within=50 ms

Delays That Cannot Be
    [Documentation]    No such message, and nothing to delay by.
    Run Keyword And Expect Error    GLOB:no message 'comit': there are all, request vote, * (did you mean commit?)
    ...    Delay Messages    comit    by=1s
    Refused    by\=0s delays nothing: write a time above 0 s, such as 5s    Delay Messages    commit    by=0s
    Refused    a probability of 0% delays nothing: write a share above 0 %
    ...    Delay Messages    commit    by=1s    probability=0%

Interleavings That Cannot Be
    [Documentation]    The step is named.
    Refused    step 2, w2(x): row x needs a value, such as x\=10    Run Interleaving    r1(x) w2(x)
    Refused    an interleaving has steps, such as r1(x) w2(x\=11) c1 c2    Run Interleaving    ${EMPTY}
    Refused    shards\=3 cannot be: this cluster has 1    Run Interleaving    r1(x)    shards=3

Crashes That Cannot Be
    [Documentation]    Nodes and cases at which no message can be crashed.
    Refused    'leader of shard 1' cannot be crashed at every message: write a node such as n1, or any
    ...    Crash At Every Message    leader of shard 1    Start Small Cluster
    Refused    Start Small Cluster has 0 messages of transactions on n1: no point to crash at
    ...    Crash At Every Message    n1    Start Small Cluster
    Refused    Log has started no cluster: the case begins with Start Cluster    Crash At Every Message    n1    Log    x

Case That Fails At A Crash
    [Documentation]    The message is that of the case, with the point.
    Failed    OPR-001: transaction t1 could not begin by t\=*: the connection to n1 broke, after a crash of n1 before message 1 of *
    ...    Crash At Every Message    n1    Begin And Commit

Left Open
    [Documentation]    What a test leaves open is rolled back, and named.
    Begin Transaction    t1
    Begin Transaction    t2
    Write Key    t1    k1    1
    Write Key    t2    k1    2    outcome=blocked


*** Keywords ***
Start Small Cluster
    [Documentation]    Starts three nodes with one shard.
    Start Cluster
    Leader Should Be Elected    1

Begin And Commit
    [Documentation]    A transaction that minds a crash.
    Start Small Cluster
    Begin Transaction    t1    gateway=n1
    Write Key    t1    k1    1
    Commit Transaction    t1

Refused
    [Documentation]    Asserts that a keyword fails with exactly this message.
    [Arguments]    ${message}    ${keyword}    @{arguments}    &{named}
    Run Keyword And Expect Error    EQUALS:${message}    ${keyword}    @{arguments}    &{named}

Failed
    [Documentation]    Asserts that a check fails, and how its message begins.
    [Arguments]    ${message}    ${keyword}    @{arguments}    &{named}
    Run Keyword And Expect Error    ${message}*    ${keyword}    @{arguments}    &{named}

Misspelt
    [Documentation]    Asserts that a keyword's argument is refused before the keyword runs, with exactly this reason.
    [Arguments]    ${argument}    ${value}    ${type}    ${reason}    ${keyword}    @{arguments}    &{named}
    VAR    ${message}    ValueError: Argument '${argument}' got value '${value}' that cannot be converted to ${type}: ${reason}
    Run Keyword And Expect Error    EQUALS:${message}    ${keyword}    @{arguments}    &{named}
