*** Settings ***
Documentation    Clients run transactions over several shards while nodes and links fail; all that they saw is judged by
...              the dependencies between transactions, at the level at which they ran.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource

Test Setup       Start Cluster    five-nodes    shards=3
Test Template    Transactions Should Keep Their Level

Test Tags        transaction


*** Variables ***
${TXN_RATE}         60/s
${TXN_CONFIRMED}    30


*** Test Cases ***
Lists Are Serializable While Leaders Crash
    [Documentation]    Appends and reads of lists: the order of versions shows in what was read.
    [Tags]    priority-1
    list-append    serializable    Crash Node    leader of shard 1    duration=1s
Lists Keep One Snapshot While A Node Is Isolated
    [Documentation]    Every transaction reads at one time, and the first of two that change a list wins.
    [Tags]    priority-1
    list-append    snapshot    Isolate Node    leader of shard 2    duration=1s
Lists Are Read Committed While A Node Stands Still
    [Documentation]    Nothing is seen of transactions that were rolled back, or of what they wrote in between.
    [Tags]    priority-2
    list-append    read committed    Pause Node    leader of shard 1    duration=1s
Registers Are Serializable While The Network Is Cut
    [Documentation]    Registers are read before they are written, on three shards.
    [Tags]    priority-1
    rw-register    serializable    Partition Network    halves    duration=1s
Bank Keeps Its Total While Leaders Crash
    [Documentation]    Money goes from shard to shard; each read of all accounts adds up to the same.
    [Tags]    priority-1    smoke
    bank    serializable    Crash Node    leader of shard 1    duration=1s
Bank Keeps Its Total At Snapshot
    [Documentation]    Without locks on what is read no transfer is lost, and no account is overdrawn.
    [Tags]    priority-1
    bank    snapshot    Isolate Node    leader of shard 3    duration=1s
Bank Keeps Its Total At Read Committed
    [Documentation]    One statement that reads all accounts sees all of a transfer or nothing.
    [Tags]    priority-2
    bank    read committed    Crash Node    leader of shard 2    duration=1s
Pairs Are Never Both Taken
    [Documentation]    Each of two looks whether the other is there before it comes in: only one of them may.
    [Tags]    priority-1
    write-skew    serializable    Crash Node    leader of shard 1    duration=1s
Pairs May Both Be Taken At Snapshot
    [Documentation]    Write skew is legal there, and raises no alarm.
    [Tags]    priority-2
    write-skew    snapshot    Pause Node    leader of shard 1    duration=1s
Readers Do Not Disagree About The Order Of Writes
    [Documentation]    Two readers of several keys never see two writes in different orders.
    [Tags]    priority-1
    long-fork    snapshot    Crash Node    leader of shard 3    duration=1s
Counters Only Grow
    [Documentation]    All readers see counters on several shards go through the same states.
    [Tags]    priority-2
    monotonic    serializable    Isolate Node    leader of shard 1    duration=1s


*** Keywords ***
Transactions Should Keep Their Level
    [Documentation]    Runs one kind of transactions at a level, breaks something, and judges what clients saw.
    [Arguments]    ${kind}    ${level}    ${fault}    @{arguments}    &{named}
    Start Workload    ${kind}    clients=6    rate=${TXN_RATE}    keys=8    isolation=${level}
    Run For    1s
    Run Keyword    ${fault}    @{arguments}    &{named}
    Run For    3s
    Stop Workload
    History Should Be    ${level}    confirmed=${TXN_CONFIRMED}
    Data Should Be Intact
