*** Settings ***
Documentation    Clients are spread over gateways: in turn, by the connections that these have, or by chance.

Resource         ../../resources/checks.resource
Resource         ../../resources/resources.resource
Resource         ../../resources/workloads.resource

Test Setup       Start Three Slow Nodes

Test Tags        scaling


*** Test Cases ***
Clients In Turn Ask All Gateways Alike
    [Documentation]    Twelve clients of three gateways: each has four, and as much to do for them.
    [Tags]    priority-1
    Start Workload    register    clients=12    rate=60/s    balancing=round robin
    Run For    4s
    Load Should Be Balanced    queries    spread=10%
    Every Confirmed Write Should Be There    confirmed=150

Clients Go Over To A Node That Joins
    [Documentation]    By connections the emptiest comes first, so a new gateway has its share at once.
    [Tags]    priority-1
    Start Workload    register    clients=12    rate=40/s    balancing=least connections
    Run For    2s
    Add Node    n4    size=slow
    Run For    11s
    Load Should Be Balanced    queries    spread=20%
    Every Confirmed Write Should Be There    confirmed=350

Clients Of A Lost Gateway Are Shared Out
    [Documentation]    Whoever it had goes to the two that are left, half to each.
    [Tags]    priority-2
    Start Workload    register    clients=12    rate=60/s    balancing=least connections
    Run For    2s
    Crash Node    n3
    Run For    12s
    Load Should Be Balanced    queries    spread=15%
    Cluster Should Serve Again
    Every Confirmed Write Should Be There    confirmed=300

Chance Leaves No Gateway Out
    [Documentation]    Sixty clients by chance are not twenty each, but not far from it.
    [Tags]    priority-3
    Start Workload    register    clients=60    rate=90/s    balancing=random
    Run For    3s
    Load Should Be Balanced    queries    spread=50%
    Every Confirmed Write Should Be There    confirmed=100
