*** Settings ***
Documentation    Another region takes over: as planned, by itself, or by force; and what that may cost is told.

Resource         ../../resources/regions.resource
Resource         ../../resources/workloads.resource

Test Tags        partition


*** Test Cases ***
Planned Switch Over Loses Nothing
    [Documentation]    Europe hands over under load, and takes over again later: no write meets another one.
    [Tags]    priority-1
    Start Regions
    Start Workload    register    clients=9    rate=30/s    keys=4
    Run For    2s
    ${missing} =    Fail Over    us
    Should Be Equal As Integers    ${missing}    0
    Run For    2s
    Fail Back
    Run For    1s
    Every Region Should Have What Was Promised    confirmed=90
    Get Conflict Counts    all    ==    0

Fail Over Is Refused Beyond The Bound
    [Documentation]    Virginia has heard nothing for longer than allowed: it takes over only by force.
    [Tags]    priority-1
    Start Regions    lag_max=3s
    Value Is Kept Everywhere    k1    1
    Europe Writes Alone    k1    2    alone=5s
    Run Keyword And Expect Error    fail over us: region us is too far behind: *    Fail Over    us
    Get Writable Regions    ==    eu
    Fail Over    us    force=yes
    Put Value    k2    3    gateway=region us
    Heal Network
    Value Should Be    k1    2

Fail Over With Writes On Both Sides Is Accounted For
    [Documentation]    Europe does not know that it was replaced, and goes on. What both sides confirmed is told.
    [Tags]    priority-1
    Start Regions
    Start Workload    register    clients=9    rate=30/s    keys=20
    Partition Network    region eu | rest    duration=5s
    Run For    1s
    Fail Over    us    force=yes
    Run For    3s
    Europe And Virginia Should Confirm Writes    3    window=3s
    Run For    3s
    Every Region Should Have What Was Promised
    Get Conflict Counts    last writer wins    >=    1

Region That Was Replaced Takes No Writes When It Is Back
    [Documentation]    It hears of the newer policy from whoever talks to it first, and sends its clients on.
    [Tags]    priority-2
    Start Regions
    Crash Node    region eu
    Fail Over    us
    Heal Faults
    Run For    3s
    Put Value    k1    1    gateway=region eu
    Get Value    k1    ==    1    gateway=region us
    Value Should Be    k1    1

Fail Over Comes By Itself
    [Documentation]    Europe is down for longer than the policy waits; the region that is least behind takes over.
    [Tags]    priority-1
    Start Regions    fail_over_after=3s
    Put Value    k1    1
    Regions Should Agree
    Crash Node    region eu
    Get Writable Regions    !=    eu    within=15s
    Run For    1s
    Put Value    k1    2    gateway=region ap
    Get Value    k1    ==    2    gateway=region us    within=2s
    Heal Faults
    Value Should Be    k1    2

Writes Go Back Where They Were
    [Documentation]    The policy says so: once Europe has been whole and level for a while, it takes over again.
    [Tags]    priority-2
    Start Regions    fail_over_after=2s    fail_back_after=3s
    Crash Node    region eu    duration=8s
    Get Writable Regions    !=    eu    within=8s
    Run For    1s
    Put Value    k1    1    gateway=region ap
    Get Writable Regions    ==    eu    within=20s
    Run For    1s
    Put Value    k1    2    gateway=region ap
    Value Should Be    k1    2

Random Trouble Between Regions Is Accounted For
    [Documentation]    Links between regions break either way, nodes crash, and other regions take over, some by force.
    [Tags]    priority-1
    Start Regions
    Start Workload    register    clients=9    rate=20/s    keys=6
    Start Nemesis    region links, fail over, crash    every=1s
    Run For    12s
    Stop Nemesis
    Heal Faults
    Cluster Should Recover    within=10s
    Every Region Should Have What Was Promised

Region That Is Back In Time Is Not Replaced
    [Documentation]    Its outage is shorter than the policy waits.
    [Tags]    priority-2
    Start Regions    fail_over_after=8s
    Crash Node    region eu    duration=4s
    Run For    20s
    Get Writable Regions    ==    eu
    Put Value    k1    1

Region That Is Lost For Ever Is Given Up
    [Documentation]    What only Europe had confirmed is gone, and named; the others agree and go on without it.
    [Tags]    priority-1
    Start Regions
    Value Is Kept Everywhere    k1    1
    Europe Writes Alone    k1    lost
    Crash Node    region eu
    Fail Over    us    force=yes
    Forget Region    eu
    Regions Should Agree
    Get Value    k1    ==    1    gateway=region ap
    ${lost} =    Get Divergence Report    fate=lost
    Should Be Equal    ${lost}[0][key]    k1

Region That Was Given Up Tells Nobody Anything
    [Documentation]    It comes back with all it had: its clients are refused, and nobody hears of its writes.
    [Tags]    priority-2
    Start Regions
    Value Is Kept Everywhere    k1    1
    Europe Writes Alone    k1    2
    Fail Over    us    force=yes
    Forget Region    eu
    Heal Network
    Run For    5s
    Run Keyword And Expect Error    OPR-001: key k1 could not be read by *: region eu is no member any more*
    ...    Get Value    k1    gateway=region eu
    Value Should Be Where It Is Kept    k1    1


*** Keywords ***
Value Should Be Where It Is Kept
    [Documentation]    Waits until the members agree, and asserts what a client reads in Virginia.
    [Arguments]    ${key}    ${value}
    Divergence Should Be Accounted For
    Get Value    ${key}    ==    ${value}    gateway=region us
