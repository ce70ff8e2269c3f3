*** Settings ***
Documentation    Leaders that answer reads under a lease, with clocks that drift as far as leases allow for.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource

Test Tags        partition    priority-1


*** Test Cases ***
Leader In The Minority With A Slow Clock Reads Nothing Old
    [Documentation]    Its clock is 2 % slow, so it takes its lease to last longer than it does.
    [Setup]    Start Five Nodes With Leases Led By The First
    Skew Clock    n1    drift=-2 %
    Read And Write Few Keys
    Set Load    40/s
    Run For    500 ms
    Partition Network    n1 | rest
    Read And Write While The Leases End
    Every Confirmed Write Should Be There    confirmed=200

Clocks At The Limit Of Their Drift Read Nothing Old
    [Documentation]    The leader's clock is as slow as leases allow for, and the others' as fast.
    [Setup]    Start Five Nodes With Leases Led By The First
    Skew Clock    n1    drift=-5 %
    Skew Clock    n2, n3, n4, n5    drift=5 %
    Read And Write Few Keys
    Set Load    40/s
    Run For    500 ms
    Partition Network    n1 | rest
    Read And Write While The Leases End
    Every Confirmed Write Should Be There    confirmed=200

Lease Ends Before Another Is Asked To Lead
    [Documentation]    The old leader hands over, and hears nothing any more: not even that another was elected.
    [Setup]    Start Five Nodes With Leases Led By The First
    Set Link    all    all    latency=5 ms
    Read And Write Few Keys
    Run For    300 ms
    Transfer Leadership    5    n3    wait=no
    Run For    7 ms
    Isolate Node    n1    direction=in    duration=1s
    Run For    1s
    Cluster Should Serve Again
    Every Confirmed Write Should Be There    confirmed=200


*** Keywords ***
Read And Write Few Keys
    [Documentation]    Begins a load that has every key written on one side and read on the other within milliseconds.
    Start Workload    append    clients=300    rate=600/s    keys=10    reads=85%

Read And Write While The Leases End
    [Documentation]    Loads both sides from shortly before the old leader's leases end until others lead, then heals.
    Run For    2400 ms
    Set Load    800/s
    Run For    1200 ms
    Set Load    40/s
    Cluster Should Serve Again
