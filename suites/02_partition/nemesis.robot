*** Settings ***
Documentation    Random trouble in the network, plans of it, and cuts at the moment of an election.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource

Test Tags        partition


*** Test Cases ***
Random Trouble In The Network Loses No Confirmed Write
    [Documentation]    Cuts of every shape, flapping, slow and lossy links, for 20 seconds.
    [Tags]    priority-1
    [Setup]    Start Five Nodes
    Start Workload    register    clients=${CLIENTS}    rate=50/s    keys=10
    Start Nemesis    partition, isolate, flapping, slow links, lossy links, lost messages    every=1s
    Run For    20s
    Stop Nemesis
    Cluster Should Recover    within=10s
    Run For    1s
    Every Confirmed Write Should Be There    confirmed=300

Flaky Network Loses No Confirmed Write
    [Documentation]    Slow and lossy links, a flapping node and lost appends, all from a plan.
    [Tags]    priority-2
    [Setup]    Start Three Nodes
    Load The Cluster
    Run Fault Plan    flaky-network
    Run For    9s
    Cluster Should Recover    within=5s
    Every Confirmed Write Should Be There

Outage Of A Region Loses No Confirmed Write
    [Documentation]    One region of three is slow, then cut off, then without power; the others serve meanwhile.
    [Tags]    priority-2
    [Setup]    Start Three Regions
    Start Workload    register    clients=9    rate=50/s    keys=10
    Run For    2s
    Run Fault Plan    region-outage
    Run For    9s
    Get Metric    confirmed_writes    >    10    window=2s
    Cluster Should Recover    within=10s
    Every Confirmed Write Should Be There    confirmed=120

New Leader Is Cut Off As It Begins
    [Documentation]    Each of two leaders is isolated before it has told anybody; what it wrote is never confirmed.
    [Tags]    priority-1
    [Setup]    Start Five Nodes
    Load The Cluster
    Arm Fault    leader elected    isolate node    phase=before    duration=3s
    Arm Fault    leader elected    isolate node    phase=before    occurrence=2    duration=3s
    Crash Node    leader of shard 1    duration=1s
    Run For    8s
    Cluster Should Recover    within=5s
    Every Confirmed Write Should Be There
