*** Settings ***
Documentation    What nodes hold of each other: who failed is known to all in time, who lives is accused by nobody.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource

Test Setup       Start Five Nodes

Test Tags        node-failure


*** Test Cases ***
Crashed Node Is Down For All And Comes Back
    [Documentation]    All others know of the crash within five seconds, and of the restart within two.
    [Tags]    priority-1    smoke
    ${node} =    Crash Node    leader of shard 1
    Health Should Be Accurate    within=5s
    Get Nodes    down    ==    ${node}
    Get Node Count    active    ==    4
    Restart Node    ${node}
    Get Node Count    active    ==    5    within=2s
    Health Should Be Accurate    within=5s
    Get Metric    detection_max    <=    5000
    Get Metric    failover_max    <=    2000
    Get Metric    recovery_max    <=    2000

Two Of Five Crash And The Rest Know
    [Documentation]    The second failure is found as well as the first, although there are fewer to confirm it.
    [Tags]    priority-1
    Crash Node    n2
    Run For    700 ms
    Crash Node    n4
    Health Should Be Accurate    within=6s
    Get Nodes    down    ==    n2, n4
    Restart Node    n2
    Restart Node    n4
    Health Should Be Accurate    within=6s

Node That Crashes Again Soon After Its Restart Is Down
    [Documentation]    Rumours that it lives are still under way, and bring it back in nobody's view.
    [Tags]    priority-1
    Crash Node    n3    duration=6s
    Run For    7s
    Crash Node    n3
    Run For    15s
    Health Should Be Accurate    within=5s
    Get Nodes    down    ==    n3

Node That Stands Still Is Down And Accuses Nobody Afterwards
    [Documentation]    It goes on after twelve seconds, and its own old probes are no reason to suspect anybody.
    [Tags]    priority-1
    Load The Cluster Lightly
    Pause Node    follower of shard 1    duration=12s
    Get Node Count    down    ==    1    within=5s
    Run For    12s
    Health Should Be Accurate    within=5s
    Cluster Should Recover    within=5s
    Every Confirmed Write Should Be There

Slow Node Blames Few For Its Own Slowness
    [Documentation]    Its answers come late, to all, so its own probes fail: it gives them more time.
    [Tags]    priority-2
    Set Link    n5    n1, n2, n3, n4    latency=350 ms    duration=60s
    Set Link    n1, n2, n3, n4    n5    latency=350 ms    duration=60s
    Run For    60s
    Health Should Be Accurate    within=5s    false_suspicions=60

Stalled Disk Is No Reason To Suspect A Node
    [Documentation]    The leader's disk hangs while its heartbeats go on: it is replaced, and suspected by nobody.
    [Tags]    priority-1
    Load The Cluster Lightly
    ${old} =    Fail Disk    leader of shard 1    stall    duration=10s
    Get Leader    1    !=    ${old}    within=4s
    Run For    10s
    Get Node Count    active    ==    5
    Health Should Be Accurate    within=5s
    Cluster Should Serve Again
    Every Confirmed Write Should Be There    confirmed=400

Random Failures Of Nodes Are Noticed
    [Documentation]    Nodes crash and stand still at random for half a minute.
    [Tags]    priority-2
    Start Nemesis    crash, pause    every=4s
    Run For    30s
    Stop Nemesis
    Health Should Be Accurate    within=8s
