*** Settings ***
Documentation       Policies and sizes that make no sense are refused with their values; the running cluster goes on.

Library             PhantomLibrary

Test Setup          Start Small Cluster With Load
Test Teardown       Cluster Should Be Usable
Test Timeout        20 seconds

Test Tags           priority-1


*** Test Cases ***
Policies That Make No Sense
    [Documentation]    Limits and thresholds that cross, and factors that would shrink what is to grow.
    Refused    min_nodes\=5 is above max_nodes\=4    Set Scaling Policy    min_nodes=5    max_nodes=4
    Refused    min_nodes\=2 cannot be: each shard has 3 replicas, each on a node of its own
    ...    Set Scaling Policy    min_nodes=2
    Refused    max_nodes\=2000 cannot be: at most 1000    Set Scaling Policy    max_nodes=2000
    Refused    cpu: down_at\=70 % is not below up_at\=30 %: the thresholds cross
    ...    Set Scaling Policy    cpu    up_at=30%    down_at=70%
    Refused    cpu: down_at\=50 % is not below up_at\=50 %: the thresholds cross
    ...    Set Scaling Policy    cpu    up_at=50%    down_at=50%
    Refused    cpu: up_factor\=90 % cannot be: a factor is 100 % or more    Set Scaling Policy    up_factor=90%
    Refused    cpu: down_factor\=0.1 % cannot be: a factor is 100 % or more    Set Scaling Policy    down_factor=0.1%
    Refused    window\=1 s is shorter than interval\=2 s: no sample would be in it    Set Scaling Policy    window=1s

Amounts That Are None Of The Metric
    [Documentation]    Shares are of machines, and rates of what clients ask for.
    Refused    70% is no amount of queries: write a rate such as 500/s    Set Scaling Policy    queries    down_at=5/s
    Refused    500/s is no amount of cpu: write a share such as 70%    Set Scaling Policy    cpu    up_at=500/s
    Run Keyword And Expect Error    ValueError: Argument 'up_at' got value '120%' that cannot be converted to *
    ...    Set Scaling Policy    cpu    up_at=120%
    Run Keyword And Expect Error    ValueError: Argument 'metric' got value 'heat' that cannot be converted to *
    ...    Set Scaling Policy    heat
    Run Keyword And Expect Error    ValueError: Argument 'min_nodes' got value '0' that cannot be converted to *
    ...    Set Scaling Policy    min_nodes=0

Sizes That The Policy Does Not Allow
    [Documentation]    Nobody scales to nothing, beyond the limits, or without a policy.
    Refused    nothing scales this cluster: begin with Set Scaling Policy, which says how far it may    Scale Cluster    4
    Set Scaling Policy    max_nodes=5
    Refused    nodes\=6 cannot be: the policy allows 3 to 5    Scale Cluster    6
    Refused    nodes\=2 cannot be: the policy allows 3 to 5    Scale Cluster    2
    Run Keyword And Expect Error    ValueError: Argument 'nodes' got value '0' that cannot be converted to *
    ...    Scale Cluster    0
    Get Node Count    active    ==    3

Files That Are No Policies
    [Documentation]    A mistake is named with its line and what is allowed there.
    Refused
    ...    ${CURDIR}/bad_policy.yaml, line 3: $.metrics.cpu.up_on: unknown key 'up_on': allowed are up_at, down_at, up_factor, down_factor (did you mean up_at?)
    ...    Load Scaling Policy    ${CURDIR}/bad_policy.yaml
    Run Keyword And Expect Error    policy nowhere.yaml cannot be read: *    Load Scaling Policy    nowhere.yaml

Judgements Of What Nobody Scales
    [Documentation]    There is nothing to judge without a policy, and a decision that is none is refused.
    Refused    nothing scales this cluster: begin with Set Scaling Policy    Scaling Should Not Flap
    Refused    nothing scales this cluster: begin with Set Scaling Policy    Scaling Should Be Bounded
    Refused    nothing scales this cluster: begin with Set Scaling Policy    Get Scaling Decision
    Set Scaling Policy
    Run Keyword And Expect Error    ValueError: Argument 'expected' got value 'scale_out' that cannot be converted to *
    ...    Get Scaling Decision    ==    scale_out
    Run Keyword And Expect Error    EXP-001: scaling decision is no_action at *
    ...    Get Scaling Decision    ==    scale_up    within=3s


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
