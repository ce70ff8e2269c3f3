*** Settings ***
Documentation    Health under partial connectivity: whom a node cannot reach, others may; after the heal all is well.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource

Test Setup       Start Five Nodes

Test Tags        partition


*** Test Cases ***
One Broken Link Is No Reason To Suspect
    [Documentation]    Two nodes cannot talk, but all others reach both.
    [Tags]    priority-1
    Load The Cluster Lightly
    Set Load    15/s
    Partition Network    n1 | n2    duration=12s
    Run For    12s
    Health Should Be Accurate    within=5s
    Every Confirmed Write Should Be There

Bridge Is No Reason To Suspect
    [Documentation]    Two halves meet in one node only, which can ask for either.
    [Tags]    priority-1
    Partition Network    bridge
    Run For    20s
    Health Should Be Accurate    within=5s
    Get Node Count    active    ==    5

Minority Is Down For The Majority Until The Heal
    [Documentation]    Each side gives the other up, and finds it again.
    [Tags]    priority-1
    Partition Network    n1, n2 | rest
    Get Nodes    down    ==    n1, n2    within=6s
    Run For    20s
    Heal Network
    Health Should Be Accurate    within=6s
    Get Node Count    active    ==    5

Four Nodes Fall Apart In Halves And Find Each Other Again
    [Documentation]    Neither side is the majority, and each has held the other for down for half a minute.
    [Tags]    priority-1
    [Setup]    Start Cluster    five-nodes    nodes=4    replicas=4
    Run For    2s
    Partition Network    halves
    Run For    30s
    Heal Network
    Health Should Be Accurate    within=6s

Node That Nobody Hears Brings Nobody Down When It Is Back
    [Documentation]    It held all others for down, and says so; they are suspected at most, and refute.
    [Tags]    priority-1
    Isolate Node    n4    direction=out    duration=20s
    Get Nodes    down    ==    n4    within=6s
    Run For    25s
    Health Should Be Accurate    within=6s

Node That Hears Nobody Is Down Until The Heal
    [Documentation]    It sends, and gets nothing; nobody takes its own word for anything.
    [Tags]    priority-1
    Isolate Node    n2    direction=in    duration=15s
    Run For    20s
    Health Should Be Accurate    within=6s

Lossy Links Bring Nobody Down
    [Documentation]    Every tenth message is lost: somebody may be suspected now and then, and refutes.
    [Tags]    priority-2
    Set Link    all    all    loss=10%    duration=40s
    Run For    40s
    Health Should Be Accurate    within=5s    false_suspicions=12
    Get Node Count    down    ==    0
