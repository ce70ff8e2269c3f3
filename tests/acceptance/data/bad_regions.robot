*** Settings ***
Documentation       What regions cannot promise is refused with the values; the running cluster goes on.

Library             PhantomLibrary

Test Setup          Start Small Cluster
Test Teardown       Cluster Should Be Usable
Test Timeout        20 seconds

Test Tags           priority-1


*** Test Cases ***
Strategies Without A Region
    [Documentation]    There has to be another region, and a strategy that exists.
    Refused
    ...    replication\=synchronous needs a region to replicate to: all nodes stand in region 'eu'; use a topology such as three-regions
    ...    Start Cluster    three-nodes    replication=synchronous
    Refused
    ...    conflicts\= means nothing without replication\=: give one of synchronous, semi-synchronous, asynchronous
    ...    Start Cluster    three-regions    conflicts=multi value
    Refused
    ...    lag_max\= means nothing without replication\=: give one of synchronous, semi-synchronous, asynchronous
    ...    Start Cluster    three-regions    lag_max=5s
    Run Keyword And Expect Error    ValueError: Argument 'replication' got value 'eventual' that cannot be converted to *
    ...    Start Cluster    three-regions    replication=eventual
    Run Keyword And Expect Error    ValueError: Argument 'conflicts' got value 'mine' that cannot be converted to *
    ...    Start Cluster    three-regions    replication=asynchronous    conflicts=mine

Regions That There Are Not
    [Documentation]    The nearest guess is given.
    Refused    writable\=uss: no region 'uss': there are eu, us, ap (did you mean us?)
    ...    Start Cluster    three-regions    replication=asynchronous    primary=uss
    Refused    writable\=au: no region 'au': there are eu, us, ap (did you mean us?)
    ...    Start Cluster    three-regions    replication=asynchronous    writable=eu, au
    Refused    leaders\=uss: no region 'uss': there are eu, us, ap (did you mean us?)
    ...    Start Cluster    three-regions    leaders=uss

Regions That Contradict Each Other
    [Documentation]    One primary where all have to agree, and one way to say who takes writes.
    Refused
    ...    replication\=synchronous has one primary region, but eu, us are given: name one, or let several take writes with replication\=asynchronous
    ...    Start Cluster    three-regions    replication=synchronous    writable=eu, us
    Refused    primary\=eu and writable\=us are both given: which regions take writes?
    ...    Start Cluster    three-regions    replication=asynchronous    primary=eu    writable=us
    Refused
    ...    fail_over_after\= means nothing with writable\=eu, us: the others take writes already
    ...    Start Cluster    three-regions    replication=asynchronous    writable=eu, us    fail_over_after=5s
    Refused
    ...    leaders\=eu means nothing with replication\=asynchronous: each region has shards, and so leaders, of its own; say which one takes writes with primary\=
    ...    Start Cluster    three-regions    replication=asynchronous    leaders=eu

Merge Functions That Are None
    [Documentation]    One that is not named, not there, or no function.
    Refused    conflicts\=custom needs merge\=: a function as module:function, such as my_merges:longest
    ...    Start Cluster    three-regions    replication=asynchronous    conflicts=custom
    Refused    merge\=builtins:max means nothing with conflicts\=multi value: give conflicts\=custom
    ...    Start Cluster    three-regions    replication=asynchronous    conflicts=multi value    merge=builtins:max
    Refused    merge\=longest names no function: write module:function, such as my_merges:longest
    ...    Start Cluster    three-regions    replication=asynchronous    conflicts=custom    merge=longest
    Refused    merge\=builtins:maxi: builtins has no maxi (did you mean max?)
    ...    Start Cluster    three-regions    replication=asynchronous    conflicts=custom    merge=builtins:maxi
    Refused    merge\=math:pi: that is no function, but float
    ...    Start Cluster    three-regions    replication=asynchronous    conflicts=custom    merge=math:pi
    Run Keyword And Expect Error    merge=no_such_module:f: module no_such_module cannot be imported (*
    ...    Start Cluster    three-regions    replication=asynchronous    conflicts=custom    merge=no_such_module:f

Shapes That Regions Cannot Have
    [Documentation]    Replicas stand in their region, and ranges of keys never change.
    Refused
    ...    replicas\=4 is not possible: each region has all of a shard's replicas for itself, and region eu has 3 nodes (n1, n4, n7)
    ...    Start Cluster    three-regions    replicas=4    replication=asynchronous
    Refused    placement\=consistent-hash is not possible with replication\=: there are range, hash
    ...    Start Cluster    three-regions    replication=asynchronous    placement=consistent-hash
    Refused
    ...    ${CURDIR}/bad_regions.yaml: $.database.regions: unknown key 'replicaton': there are replication, conflicts, writable, merge, lag_max, fail_over_after, fail_back_after (did you mean replication?)
    ...    Start Cluster    ${CURDIR}/bad_regions.yaml


*** Keywords ***
Start Small Cluster
    [Documentation]    Starts a cluster and writes a key that is to be there at the end.
    Start Cluster    three-nodes
    Put Value    kept    1

Refused
    [Documentation]    Runs a keyword that has to be refused with just this message.
    [Arguments]    ${message}    ${keyword}    @{arguments}    &{named}
    Run Keyword And Expect Error    EQUALS:${message}    ${keyword}    @{arguments}    &{named}

Cluster Should Be Usable
    [Documentation]    The cluster from the setup goes on as if nothing had been asked of it.
    Get Value    kept    ==    1
