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


Keywords For Regions That Share Nothing
    [Documentation]    One group for all regions has no copies to fail over, to compare or to account for.
    [Template]    Refused
    regions have no copies of their own here: start the cluster with replication\=    Fail Over    eu
    regions have no copies of their own here: start the cluster with replication\=    Fail Back
    regions have no copies of their own here: start the cluster with replication\=    Forget Region    eu
    regions have no copies of their own here: start the cluster with replication\=    Get Writable Regions
    regions have no copies of their own here: start the cluster with replication\=    Get Replication Lag    eu
    regions have no copies of their own here: start the cluster with replication\=    Get Replication Status
    regions have no copies of their own here: start the cluster with replication\=    Get Conflict Counts
    regions have no copies of their own here: start the cluster with replication\=    Regions Should Agree
    regions have no copies of their own here: start the cluster with replication\=    Divergence Should Be Accounted For
    regions have no copies of their own here: start the cluster with replication\=    Get Divergence Report

Regions And Measures That There Are Not
    [Documentation]    Names are looked up among the cluster's regions, and among those that are members still.
    [Setup]    Start Regions
    [Template]    Refused
    no region 'uss': this cluster has eu, us, ap (did you mean us?)    Fail Over    uss
    no region 'moon': this cluster has eu, us, ap    Forget Region    moon
    no region 'apx': this cluster has eu, us, ap (did you mean ap?)    Get Replication Lag    apx
    no region 'usa': this cluster has eu, us, ap (did you mean us?)    Get Replication Lag    eu    behind=usa
    no region 'xx': this cluster has eu, us, ap    Get Conflict Counts    region=xx
    fate\=los is none: there are any, visible, overwritten, superseded, lost, unaccounted (did you mean lost?)
    ...    Get Divergence Report    fate=los
    each region has a copy of its own here, and nothing moves: there is no placement to judge    Data Should Be Placed
    each region has a copy of its own here: a key has an owner in each of them, not one    Shards Should Have One Owner
    a workload of kind append needs one order of all writes, which regions that have copies of their own do not keep: there are register, set, counter
    ...    Start Workload    append

Wishes That Cannot Be Granted
    [Documentation]    Each says why, and nothing has changed.
    [Setup]    Start Regions    lag_max=1s
    Refused    forget eu: region eu is the only one that takes writes: fail over to another one first
    ...    Forget Region    eu
    Partition Network    region eu | rest
    Put Value    more    1    gateway=region eu
    Run For    4s
    Run Keyword And Expect Error    fail over us: region us is too far behind: *force the fail-over*    Fail Over    us
    Get Writable Regions    ==    eu
    Run Keyword And Expect Error    RGN-001: regions have not applied the same writes: *    Regions Should Agree    within=1s
    Run Keyword And Expect Error    RGN-001: *    Divergence Should Be Accounted For    within=1s
    Heal Network
    Regions Should Agree

Values That Do Not Fit Their Keys
    [Documentation]    A counter is no set, and none of them is deleted; elements are words.
    [Setup]    Start Regions
    Add To Counter    hits    3
    Run Keyword And Expect Error    OPR-001: changing key hits ended aborted at *: hits is a counter: append is for a set*
    ...    Add Element    hits    x
    Run Keyword And Expect Error    OPR-001: changing key hits ended aborted at *a counter is not deleted*    Delete Value    hits
    Refused    'two words' is no element: write a word without spaces    Add Element    cart    two words
    Refused    outcome\=blocked cannot be: a single write waits until it is done or refused
    ...    Delete Value    hits    outcome=blocked
    Get Value    hits    ==    3

Nothing To Account For
    [Documentation]    Where nothing was written there is nothing that a check could prove.
    [Setup]    Start Cluster    three-regions    replication=asynchronous
    [Teardown]    Stop Cluster
    Run Keyword And Expect Error    DIV-006: no write was confirmed*    Divergence Should Be Accounted For

*** Keywords ***
Start Small Cluster
    [Documentation]    Starts a cluster and writes a key that is to be there at the end.
    Start Cluster    three-nodes
    Put Value    kept    1

Start Regions
    [Documentation]    Starts regions that tell each other of their writes, and writes a key.
    [Arguments]    &{more}
    Start Cluster    three-regions    replication=asynchronous    &{more}
    Run For    2s
    Put Value    kept    1
    Regions Should Agree

Refused
    [Documentation]    Runs a keyword that has to be refused with just this message.
    [Arguments]    ${message}    ${keyword}    @{arguments}    &{named}
    Run Keyword And Expect Error    EQUALS:${message}    ${keyword}    @{arguments}    &{named}

Cluster Should Be Usable
    [Documentation]    The cluster from the setup goes on as if nothing had been asked of it.
    Get Value    kept    ==    1
