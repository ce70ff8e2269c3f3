*** Settings ***
Documentation       Orders and seeds that cannot be, cases that start nothing or explore nothing, and cases that fail.

Library             PhantomLibrary

Test Timeout        20 seconds

Test Tags           priority-1


*** Test Cases ***
Counts And Strategies That Cannot Be
    [Documentation]    They are refused before anything runs, and the cluster that runs goes on.
    Start Small Cluster
    Misspelt    count    0    Count    0 is too few: write a whole number, 1 or more
    ...    For Each Schedule    0    pct    Start Small Cluster
    Misspelt    count    -3    Count    -3 is too few: write a whole number, 1 or more
    ...    For Each Schedule    -3    pct    Start Small Cluster
    Misspelt    count    many    Count    'many' is no count: write a whole number, 1 or more
    ...    For Each Seed    many    Start Small Cluster
    Refused    ValueError: Argument 'strategy' got value 'fifo' that cannot be converted to 'random', 'pct' or 'delay-bounded'.
    ...    For Each Schedule    5    fifo    Start Small Cluster
    Put Value    k1    1
    Get Value    k1    ==    1

Variables That Cannot Be
    [Documentation]    The variable is named, and the cluster that runs goes on.
    Start Small Cluster
    VAR    ${ORDER}    fifo:1    scope=TEST
    Refused    variable \${ORDER}: no strategy 'fifo': there are random, pct, delay-bounded    Start Cluster
    Refused    variable \${ORDER}: no strategy 'fifo': there are random, pct, delay-bounded
    ...    For Each Schedule    5    pct    Start Small Cluster
    VAR    ${ORDER}    pct    scope=TEST
    Refused    variable \${ORDER}: 'pct' is no order of events: write strategy:number, such as pct:17, and after them its depth and how many deliveries are expected
    ...    Start Cluster
    VAR    ${ORDER}    pct:1:0    scope=TEST
    Refused    variable \${ORDER}: depth\=0 makes no pct order: give 1 to 1000    Start Cluster
    VAR    ${ORDER}    ${EMPTY}    scope=TEST
    VAR    ${ORDER_DEPTH}    deep    scope=TEST
    Refused    variable \${ORDER_DEPTH} is 'deep': write a whole number, 1 or more
    ...    For Each Schedule    5    pct    Start Small Cluster
    VAR    ${ORDER_DEPTH}    1001    scope=TEST
    Refused    depth\=1001 makes no pct order: give 1 to 1000    For Each Schedule    5    pct    Start Small Cluster
    Put Value    k1    1
    Get Value    k1    ==    1

Cases That Explore Nothing
    [Documentation]    They start nothing, and the cluster that runs goes on; or everything in them was decided beforehand.
    Start Small Cluster
    Refused    Log has started no cluster: the case begins with Start Cluster    For Each Schedule    5    pct    Log    x
    Refused    Log has started no cluster: the case begins with Start Cluster    For Each Seed    5    Log    x
    Refused    No keyword with name 'Nothing Of The Kind' found, in the default order already
    ...    For Each Schedule    5    pct    Nothing Of The Kind
    Put Value    k1    1
    Get Value    k1    ==    1
    Failed    ORD-001: 5 pct orders of Start Cluster, depth 3, 2 deliveries over 2 channels were all the same run, so nothing was explored
    ...    For Each Schedule    5    pct    Start Cluster
    Failed    ORD-001: 5 seeds of Start With A Seed Of Its Own were all the same run, so nothing was explored
    ...    For Each Seed    5    Start With A Seed Of Its Own

Orders That Hold
    [Documentation]    Counts what was explored; afterwards the case has left no cluster.
    ${number} =    For Each Schedule    4    random    Start Small Cluster
    Should Be Equal As Integers    ${number}    4
    ${number} =    For Each Seed    4    Start Small Cluster
    Should Be Equal As Integers    ${number}    4
    Refused    no cluster runs: none was started in this test; begin with Start Cluster    Run For    1s

Case That Fails In Any Order
    [Documentation]    Then no order is to blame.
    Failed    EXP-001: leader of shard 1 is *, in the default order already
    ...    For Each Schedule    5    delay-bounded    Nobody Should Lead

Case That Fails With Any Seed
    [Documentation]    The seed is named.
    Failed    EXP-001: leader of shard 1 is *, with seed *, number 1 of 5
    ...    For Each Seed    5    Nobody Should Lead

Case That Needs A Quick Network
    [Documentation]    This fails in some order, which is named.
    For Each Schedule    20    random    Operations Should Be Quick

Case That Stops Its Cluster
    [Documentation]    The cluster of the order that fails is written down all the same.
    For Each Schedule    20    random    Operations Should Be Quick    stop


*** Keywords ***
Start Small Cluster
    [Documentation]    Starts three nodes with one shard.
    Start Cluster
    Leader Should Be Elected    1

Start With A Seed Of Its Own
    [Documentation]    Nothing is left to be chosen.
    Start Cluster    seed=7
    Leader Should Be Elected    1

Nobody Should Lead
    [Documentation]    Somebody does.
    Start Small Cluster
    Get Leader    1    ==    nobody

Operations Should Be Quick
    [Documentation]    Operations take a few milliseconds where no message is held back.
    [Arguments]    ${then}=go on
    Start Small Cluster
    Start Workload    register    clients=2    rate=100/s
    Run For    300 ms
    ${slowest} =    Get Metric    latency_max    window=200 ms
    IF    $then == "stop"    Stop Cluster
    IF    ${slowest} > 15    Fail    TOO-SLOW: ${slowest} ms

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
