*** Settings ***
Documentation    Liveness after trouble: a core is healed, all else stays broken, and the cluster has to serve.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource

Test Setup       Start Five Nodes

Test Tags        node-failure


*** Test Cases ***
Three Of Five Crash And One Of Them Is Enough
    [Documentation]    One node has to come back for a quorum; the other two stay down, and all is there.
    [Tags]    priority-1
    Load The Cluster
    Crash Node    n1, n2, n3
    Run For    2s
    Cluster Should Recover    within=5s
    Run For    2s
    Get Node Count    down    ==    2    within=5s
    Every Confirmed Write Should Be There

Everything Is Broken In Another Way And The Core Serves
    [Documentation]    Two nodes are down, one stands still, one is cut off, and one has a disk that hangs.
    [Tags]    priority-1
    Load The Cluster
    Crash Node    n1, n2
    Pause Node    n3
    Isolate Node    n4
    Fail Disk    n5    stall
    Run For    3s
    Cluster Should Recover    within=10s
    Run For    2s
    Heal Faults
    Every Confirmed Write Should Be There

Core Serves Around A Leader That Hears Nobody
    [Documentation]    It stays outside of the core, still sends, and must not keep others from leading.
    [Tags]    priority-2
    Load The Cluster
    Isolate Node    leader of shard 1    direction=in
    Cluster Should Recover    within=10s
    Run For    1s
    Heal Faults
    Every Confirmed Write Should Be There
