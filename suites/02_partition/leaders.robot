*** Settings ***
Documentation    One group for all regions, led from one of them: what a write costs, and who leads while it is away.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource

Test Setup       Start Three Regions Led From Europe

Test Tags        partition


*** Test Cases ***
Write Led From Europe Takes The Way To Virginia And Back
    [Documentation]    Of three regions two are a quorum, and the nearer one answers after 80 ms, not 176.
    [Tags]    priority-2
    Start Workload    register    clients=9    rate=40/s    keys=10    reads=0%
    Run For    4s
    Get Metric    latency_min    >=    78    on=region eu    window=2s
    Get Metric    latency_p50    <    100    on=region eu    window=2s
    Get Metric    latency_min    >=    156    on=region us    window=2s
    Get Metric    latency_p50    <    185    on=region us    window=2s
    Stop Workload
    History Should Be    linearizable    confirmed=80

Leadership Comes Back With Its Region And Stays
    [Documentation]    While Europe is cut off others lead. It takes over again when it has been back for a while.
    [Tags]    priority-1
    Start Workload    register    clients=9    rate=40/s    keys=10
    Partition Network    region eu | rest    duration=5s
    Run For    7s
    Get Leader    2    !=    n4
    Get Leader    1    ==    n1    within=6s
    Get Leader    2    ==    n4    within=1s
    Run For    4s
    Leaders Should Stay    window=3s
    Stop Workload
    History Should Be    linearizable    confirmed=200

Region That Comes And Goes Gets No Leader
    [Documentation]    Europe is reached for two seconds at a time: each hand-over would cost another election.
    [Tags]    priority-2
    Partition Network    region eu | rest    flapping=2s
    Run For    6s
    ${led} =    Get Leader    1    !=    n1
    Run For    10s
    Leaders Should Stay    window=8s
    Get Leader    1    ==    ${led}
