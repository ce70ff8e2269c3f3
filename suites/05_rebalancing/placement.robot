*** Settings ***
Documentation    How keys become shards and shards find nodes, by each strategy: what clients wrote is where it belongs.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource

Test Template    Data Should Land Where The Strategy Says

Test Tags        rebalancing


*** Variables ***
@{ROWS}        k1.row    k10.row    k2.row    k30.row    k60.row    k99.row
${IN_ORDER}    k1.row=77777, k10.row=77777, k2.row=77777, k30.row=77777, k60.row=77777, k99.row=77777


*** Test Cases ***
Keys By Range Stay Beside Their Neighbours
    [Documentation]    The keys between k25 and k5 are in the second of four shards.
    [Tags]    priority-1    smoke
    range    2    3
Keys By Hash Go Everywhere
    [Documentation]    A key is where its hash is, whatever the key before it is.
    [Tags]    priority-1
    hash    4    3
Shards By Consistent Hash Are On The Ring
    [Documentation]    A key is where its hash is, and a shard on the nodes that come next on the ring.
    [Tags]    priority-1
    consistent-hash    4    3
Shards By Directory Are Where The Table Says
    [Documentation]    A table says where each shard begins and which nodes hold it.
    [Tags]    priority-2
    directory    1    3


*** Keywords ***
Data Should Land Where The Strategy Says
    [Documentation]    Clients write everywhere; a scan finds keys in order; each replica holds its own and no other.
    [Arguments]    ${placement}    ${shard_of_k27}    ${shard_of_k60}
    Start Cluster    ${TOPOLOGIES}${/}directory.yaml    shards=4    placement=${placement}
    Leader Should Be Elected    4    within=3s
    Write Everywhere
    Rows Should Be In Order
    Get Shard    k27    ==    ${shard_of_k27}
    Get Shard    k60    ==    ${shard_of_k60}
    Data Should Be Placed
    Data Should Be Intact

Write Everywhere
    [Documentation]    Registers all over, and one transaction whose rows are in all shards.
    Start Workload    register    rate=200/s    keys=40
    Begin Transaction    t1    isolation=serializable
    FOR    ${row}    IN    @{ROWS}
        Write Key    t1    ${row}    77777
    END
    Commit Transaction    t1
    Run For    1s
    Stop Workload

Rows Should Be In Order
    [Documentation]    One scan finds the rows of all shards, and nothing twice.
    Begin Transaction    t2    isolation=serializable
    Read Keys    t2    k    ==    ${IN_ORDER}    end=l    equal_to=77777
    Commit Transaction    t2
