*** Settings ***
Documentation    What was durable is damaged: it is noticed, repaired from peers, and never outvotes those who have it.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/checks.resource

Test Tags        node-failure


*** Test Cases ***
One Bit Of Each Record Rots And Is Repaired
    [Documentation]    Records of one replica's log rot one by one; each is noticed at the next start and brought back.
    [Tags]    priority-1
    [Setup]    Start Cluster    three-nodes
    Do A Few Appends
    ${records} =    Bit Rot Should Be Repaired    follower of shard 1
    Should Be True    ${records} > 15
    Every Confirmed Write Should Be There    confirmed=20

Votes And Snapshots That Rot Are Repaired
    [Documentation]    The vote stands in the log as well; the snapshot comes from the leader.
    [Tags]    priority-1
    [Setup]    Start Three Nodes With Small Logs
    Start Workload    append    clients=4    rate=200/s    keys=5
    Run For    1s
    Bit Rot Should Be Repaired    follower of shard 1    file=vote-1
    Bit Rot Should Be Repaired    follower of shard 1    file=snapshot-1
    Every Confirmed Write Should Be There    confirmed=200

Damaged Replica Elects Nobody Who Lacks What It Lost
    [Documentation]    It had acknowledged what the one who asks for its vote has never seen, and the third is down.
    [Tags]    priority-1    smoke
    [Setup]    Start Cluster    three-nodes
    ${late} =    Crash Node    follower of shard 1
    Load Few Lists Heavily
    ${damaged}    ${leader} =    Crash All And Damage What A Follower Acknowledged
    Restart Node    ${late}, ${damaged}
    Run For    4s
    Get Metric    confirmed_writes    ==    0    window=3s
    Restart Node    ${leader}
    Disks Should Be Intact
    Cluster Should Recover    within=5s
    Every Confirmed Write Should Be There    confirmed=300

Last Record Is Missed Where It Lies Elsewhere
    [Documentation]    It landed on a vote, and the log ends in a hole: who has lost it elects nobody.
    [Tags]    priority-1
    [Setup]    Start Cluster    three-nodes
    Put Value    k1    old
    ${late} =    Crash Node    follower of shard 1
    Run For    500 ms
    ${leader}    ${forgetful} =    Let The Last Record Go Astray
    Restart Node    ${late}, ${forgetful}
    Run For    4s
    Restart Node    ${leader}
    Cluster Should Recover    within=5s
    Get Value    k1    ==    new
    Disks Should Be Intact

Snapshot Of Another Shard Is Not Believed
    [Documentation]    A snapshot lands on that of another shard: whole, but where it does not belong.
    [Tags]    priority-1
    [Setup]    Start Three Nodes With Small Logs    shards=2
    Load Few Lists Heavily
    ${node} =    Fail Disk    follower of shard 1    misdirected write    file=snapshot-1    onto=snapshot-2
    Run For    800 ms
    Crash Node    ${node}    duration=200 ms
    Run For    400 ms
    Disks Should Be Intact
    Every Confirmed Write Should Be There    confirmed=400

Rot On A Running Node Is Found In Its Turn
    [Documentation]    Nodes read their files back, one after the other, and write anew what is not as it was.
    [Tags]    priority-2
    [Setup]    Start Three Nodes
    Load The Cluster
    Fail Disk    leader of shard 1    bit rot    file=log    record=3
    Disks Should Be Intact    within=15s
    Every Confirmed Write Should Be There

Read Errors At A Start Cost No Data
    [Documentation]    A log that cannot be read is lost like one that is damaged: the others bring it back.
    [Tags]    priority-2
    [Setup]    Start Three Nodes
    Load The Cluster
    ${node} =    Crash Node    follower of shard 1
    Fail Disk    ${node}    io error    operation=read    file=log    probability=100%    duration=500 ms
    Restart Node    ${node}
    Run For    1s
    Disks Should Be Intact
    Every Confirmed Write Should Be There

More Damage Than Can Be Survived Is Refused
    [Documentation]    A second replica of three is not damaged while the first has not got back what it lost.
    [Tags]    priority-2
    [Setup]    Start Three Nodes
    Load The Cluster
    Crash Node    n2
    Fail Disk    n2    bit rot    file=log
    Run Keyword And Expect Error    bit rot on the disk of n3 is more than shard *
    ...    Fail Disk    n3    bit rot    file=log
    Run For    500 ms
    Restart Node    n2
    Disks Should Be Intact
    Bit Rot Should Be Repaired    n3    file=log    every=400
    Every Confirmed Write Should Be There


*** Keywords ***
Crash All And Damage What A Follower Acknowledged
    [Documentation]    The follower and the leader of two that are up crash; the follower's log is damaged meanwhile.
    ${leader} =    Get Leader    1
    ${damaged} =    Crash Node    follower of shard 1
    Fail Disk    ${damaged}    bit rot    file=log    record=3
    Crash Node    ${leader}
    RETURN    ${damaged}    ${leader}

Do A Few Appends
    [Documentation]    Makes a log that is small enough to rot record by record.
    Start Workload    append    clients=3    rate=30/s    keys=3
    Run For    1s
    Stop Workload
    Start Workload    append    clients=1    rate=1/s    name=later

Let The Last Record Go Astray
    [Documentation]    A write is confirmed that a follower's disk puts elsewhere, and all crash before the next one.
    ${leader} =    Get Leader    1
    ${forgetful} =    Fail Disk    follower of shard 1    misdirected write
    ...    operation=append    file=log    onto=vote-0
    Put Value    k1    new
    Crash Node    ${forgetful}, ${leader}
    RETURN    ${leader}    ${forgetful}
