*** Settings ***
Documentation       Resources and balance that make no sense are refused with a sentence; the running cluster goes on.

Library             PhantomLibrary

Test Setup          Start Small Cluster With Load
Test Teardown       Cluster Should Be Usable
Test Timeout        20 seconds

Test Tags           priority-1


*** Test Cases ***
Usage Of Nodes And Resources That There Are Not
    [Documentation]    A node, a resource and a window are refused with those that there are.
    Refused    no node 'n9': this cluster has n1, n2, n3; roles are leader of shard 1, follower of shard 1, random, minority (did you mean n3?)
    ...    Get Node Usage    n9    cpu
    Refused    usage is that of one node, and all is n1, n2, n3    Get Node Usage    all    cpu
    Refused    'random' cannot be looked at: name a node, or a role such as leader of shard 1
    ...    Get Node Usage    random    cpu
    Run Keyword And Expect Error    ValueError: Argument 'resource' got value 'gpu' that cannot be converted to *
    ...    Get Node Usage    n1    gpu
    Refused    window\=500 ms is too short: meters are read once a second, so write 1s or more
    ...    Get Node Usage    n1    cpu    window=500 ms
    Refused    'much' is no number, so it cannot be compared with <, <\=, > or >\=
    ...    Get Node Usage    n1    cpu    <    much
    Refused    n1 has no limit of network bandwidth, so no share of it is used: give its size one in the topology, such as network: 125 MB/s, or start three-small-nodes
    ...    Get Node Usage    n1    network

Usage That Is Not As Expected
    [Documentation]    The failure names the node, what was found and what was expected.
    Run Keyword And Expect Error
    ...    EXP-001: cpu usage of n1 in the last 1s in % is * at t=2.000s, expected > 99*
    ...    Get Node Usage    n1    cpu    >    99    window=1s
    Run Keyword And Expect Error
    ...    EXP-001: disk usage of n1 in the last 10s in % is * at t=3.000s, expected > 100 within 1.000s*
    ...    Get Node Usage    n1    disk    >    100%    within=1s

Balancers That There Are Not
    [Documentation]    Clients are spread in one of three ways.
    Run Keyword And Expect Error    ValueError: Argument 'balancing' got value 'fewest' that cannot be converted to *
    ...    Start Workload    append    balancing=fewest

Balance That Cannot Be
    [Documentation]    What is measured and how far it may spread are refused before anything is judged.
    Run Keyword And Expect Error    ValueError: Argument 'measure' got value 'heat' that cannot be converted to *
    ...    Load Should Be Balanced    heat
    Run Keyword And Expect Error    ValueError: Argument 'spread' got value '120%' that cannot be converted to *
    ...    Load Should Be Balanced    cpu    spread=120%
    ${message} =    Run Keyword And Expect Error    BAL-001: leadership is not balanced: *
    ...    Load Should Be Balanced    leaders    spread=10%
    Should Contain    ${message}    of the mean
    Should Contain    ${message}    n3

Sizes That No Machine Has
    [Documentation]    A topology is refused with its line, and the cluster that runs goes on.
    Refused    ${CURDIR}/bad_sizes.yaml, line 5: $.sizes.own.network: a bandwidth of 0 B/s carries nothing: write more than zero, or leave it out for no limit
    ...    Start Cluster    ${CURDIR}/bad_sizes.yaml
    Refused    no size 'medum': there are tiny, small, medium, large (did you mean medium?)
    ...    Add Node    size=medum

Metrics Of Resources
    [Documentation]    They are asked as all others are.
    Refused    window\=0s holds nothing: write a time above 0, such as 4s    Get Metric    cpu_mean    window=0s
    Run Keyword And Expect Error    no metric 'cpu_men': there are *(did you mean cpu_mean?)    Get Metric    cpu_men
    Get Metric    cpu_max    <=    100    on=n1, n2


*** Keywords ***
Start Small Cluster With Load
    [Documentation]    Starts three nodes under load and lets them elect their leaders.
    Start Cluster    nodes=3    shards=2
    Start Workload    register    clients=2    rate=50/s
    Run For    2s

Refused
    [Documentation]    Asserts that a keyword fails with exactly this message.
    [Arguments]    ${message}    ${keyword}    @{arguments}    &{named}
    Run Keyword And Expect Error    EQUALS:${message}    ${keyword}    @{arguments}    &{named}

Cluster Should Be Usable
    [Documentation]    Goes on, writes, reads back and judges, as if nothing had been asked for.
    Run For    1s
    Put Value    mine    still here
    Get Value    mine    ==    still here
    Stop Workload
    Replicas Should Agree
