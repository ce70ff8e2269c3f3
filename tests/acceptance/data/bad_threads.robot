*** Settings ***
Documentation       Threads and measurements that make no sense are refused in one sentence, and the running cluster goes on.

Library             PhantomLibrary

Test Setup          Start Small Cluster
Test Teardown       Cluster Goes On
Test Timeout        20 seconds

Test Tags           priority-1


*** Test Cases ***
Threads That Cannot Be
    [Documentation]    None, too few, unknown keywords, wrong arguments, no time.
    Refused
    ...    ValueError: Argument 'threads' got value '0' that cannot be converted to Count: 0 is too few: write a whole number, 1 or more
    ...    Run In Threads    0    Run For    1s
    Refused    100000 threads are too many: write a whole number, 1 to 256    Run In Threads    100000    Run For    1s
    Refused    threads need something to do: write a keyword with its arguments, with AND between several
    ...    Run In Threads    2
    Refused    threads need something to do: write a keyword with its arguments, with AND between several
    ...    Run In Threads    2    Run For    1s    AND
    Refused
    ...    no keyword 'Run Fro' in this library (did you mean Run For?): threads run no others, since Robot's output would break
    ...    Run In Threads    2    Run Fro    1s
    Refused
    ...    no keyword 'Cluster Goes On' in this library*: threads run no others, since Robot's output would break
    ...    Run In Threads    2    Cluster Goes On
    Refused
    ...    ValueError: Argument 'deadline' got value '-1s' that cannot be converted to WallTime: '-1s' is negative: write a wall time above 0, such as 500 ms, 1.5s, 2 minutes or 00:01:30
    ...    Run In Threads    2    Run For    1s    deadline=-1s
    Refused
    ...    ValueError: Argument 'rounds' got value '0' that cannot be converted to Count: 0 is too few: write a whole number, 1 or more
    ...    Run In Threads    2    Run For    1s    rounds=0

Operations That Cannot Be
    [Documentation]    What a thread is to do is read before any thread begins.
    Refused    Run For: missing a required argument: 'duration'    Run In Threads    2    Run For
    Refused
    ...    Run For 1sx: Argument 'duration' got value '1sx' that cannot be converted to VirtualTime: '1sx' is no time: no unit 'sx', write ns, us, ms, s, min, h or d (did you mean s?)
    ...    Run In Threads    2    Run For    1sx
    Refused    Stop Cluster cannot run in a thread: it begins or ends clusters, or runs other keywords
    ...    Run In Threads    2    Run For    1s    AND    Stop Cluster
    Refused    Crash At Every Message cannot run in a thread: it begins or ends clusters, or runs other keywords
    ...    Run In Threads    2    Crash At Every Message    n1    Cluster Goes On
    Refused    Get Nodes active contains n1 n2: too many positional arguments
    ...    Run In Threads    2    Get Nodes    active    contains    n1    n2

What Goes Wrong In Threads
    [Documentation]    It is told with thread and round; refusals may be allowed, but not all may be refused.
    Refused    THR-001: thread 1, round 1, Crash Node n9: no node 'n9': *(2 of 2 threads failed)*thread 2, round 1*
    ...    Run In Threads    2    Crash Node    n9
    Refused    THR-003: 2 threads did nothing: all that they asked for was refused*
    ...    Run In Threads    2    Restart Node    n1    refusals=allowed
    Refused    EXP-001: number of active nodes is 3 at *, expected > 7, in thread 1, round 1, Get Node Count*
    ...    Run In Threads    2    Get Node Count    active    >    7

What A Test Leaves On Disk
    [Documentation]    A temporary file or folder is told by its path until it is gone.
    ${before} =    Get Process Usage    temporary files
    ${folder} =    Evaluate    tempfile.mkdtemp()
    Refused    PRC-001: the test process leaks: temporary files are left: ${folder}
    ...    Process Should Not Leak    memory=1GB
    Refused    EXP-001: temporary files of the test process is *, expected < ${before}
    ...    Get Process Usage    temporary files    <    ${before}
    Evaluate    os.rmdir($folder)
    Stop Cluster
    Process Should Not Leak    memory=1GB
    Start Small Cluster

Measurements That Cannot Be
    [Documentation]    Resources, amounts and counts that make no sense.
    Refused
    ...    ValueError: Argument 'resource' got value 'disk' that cannot be converted to 'cpu', 'memory', 'peak memory', 'threads', 'files', 'temporary files' or 'children'.
    ...    Get Process Usage    disk
    Refused    *-1 is negative: write how many more are allowed, 0 or more    Process Should Not Leak    files=-1
    Refused
    ...    ValueError: Argument 'memory' got value '5 apples' that cannot be converted to Size: '5 apples' is no size: write one such as 5MB or 20kB
    ...    Process Should Not Leak    memory=5 apples
    Refused    3 cycles cannot tell a leak from noise: write 8 or more    Memory Should Stay Flat    3    20kB    Log    x
    Refused    EXP-001: threads of the test process is *, expected > 99    Get Process Usage    threads    >    99


*** Keywords ***
Start Small Cluster
    [Documentation]    Three nodes, one shard, one leader.
    Start Cluster    three-nodes    seed=5
    Leader Should Be Elected

Refused
    [Documentation]    Expects just this failure.
    [Arguments]    ${message}    @{keyword}    &{named}
    Run Keyword And Expect Error    ${message}    @{keyword}    &{named}

Cluster Goes On
    [Documentation]    Data is written and read back, and no thread is left.
    Put Value    after    1
    Get Value    after    ==    1
    Get Process Usage    threads    <    9
    Stop Cluster
