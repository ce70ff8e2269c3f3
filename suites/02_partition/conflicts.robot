*** Settings ***
Documentation    Writes of regions that knew nothing of each other, and what becomes of them: the same everywhere.

Resource         ../../resources/regions.resource
Resource         ../../resources/workloads.resource

Test Tags        partition


*** Test Cases ***
Last Writer Wins Everywhere
    [Documentation]    Of two writes on both sides of a split the later one is what everybody reads.
    [Tags]    priority-1
    Start Regions That Both Write
    Europe And Virginia Write    k1    last    lost
    Value Should Be    k1    last
    Get Conflict Counts    last writer wins    ==    1

Write That Saw Another Is Never Lost To It
    [Documentation]    Virginia's clocks are four seconds ahead. Europe overwrites what it has read from there.
    [Tags]    priority-1
    Start Regions That Both Write
    Skew Clock    region us    offset=4s
    Put Value    k1    from the future    gateway=region us
    Get Value    k1    ==    from the future    gateway=region eu    within=2s
    Put Value    k1    answer    gateway=region eu
    Value Should Be    k1    answer
    Get Conflict Counts    all    ==    0

Clocks Far Apart Lose Nothing That Was Seen
    [Documentation]    Three regions, each with clocks of its own, under load and with a split in the middle.
    [Tags]    priority-1
    Start Regions    writable=all
    Skew Clock    region us    offset=3s
    Skew Clock    region ap    offset=-3s
    Start Workload    register    clients=9    rate=25/s    keys=4
    Run For    2s
    Partition Network    region us | rest    duration=2s
    Run For    4s
    Every Region Should Have What Was Promised

Siblings Stay Until Somebody Has Read Them
    [Documentation]    Both values are read, in any region, until a client writes that has read both.
    [Tags]    priority-1
    Start Regions That Both Write    conflicts=multi value
    Europe And Virginia Write    k1    tea    coffee
    Regions Should Agree
    Get Siblings    k1    ==    coffee, tea    gateway=region ap
    Put Value    k1    blind    gateway=n9
    Get Siblings    k1    ==    coffee, tea, blind    gateway=region us    within=2s
    Put Value    k1    both    gateway=region us
    Get Siblings    k1    ==    both    gateway=region eu    within=2s

Sets And Counters Merge
    [Documentation]    What both sides of a split have added is there, once each.
    [Tags]    priority-1
    Start Regions That Both Write
    Start Workload    set    clients=9    rate=30/s    keys=2
    Start Workload    counter    clients=9    rate=30/s    keys=2
    Partition Network    region eu | rest    duration=4s
    Run For    5s
    Every Region Should Have What Was Promised

Element That Is Added Meanwhile Survives Its Removal
    [Documentation]    Who removes an element removes what was there, not what somebody adds in the same moment.
    [Tags]    priority-2
    Start Regions That Both Write
    Add Element    cart    apples    gateway=region eu
    Add Element    cart    pears    gateway=region eu
    Regions Should Agree
    Partition Network    region eu | rest
    Remove Element    cart    apples    gateway=region us
    Remove Element    cart    pears    gateway=region us
    Add Element    cart    apples    gateway=region eu
    Heal Network
    Value Should Be    cart    apples

Deleted Keys Stay Deleted After A Long Split
    [Documentation]    Singapore has written them before they were deleted elsewhere, and tells it a minute later.
    [Tags]    priority-1
    Start Regions    writable=eu, ap
    Value Is Kept Everywhere    k1    gone
    Partition Network    region ap | rest    duration=1 minute
    Put Value    k1    late    gateway=region ap
    Run For    1s
    Delete Value    k1
    Run For    1 minute
    Value Should Be    k1    ${EMPTY}

Delete Wins Over What Was Written Before And Comes After
    [Documentation]    Virginia wrote behind a split, and Europe deleted the key later: what arrives then stays away.
    [Tags]    priority-1
    Start Regions That Both Write
    Value Is Kept Everywhere    k1    first
    Partition Network    region us | rest
    Put Value    k1    late    gateway=region us
    Run For    1s
    Delete Value    k1    gateway=region eu
    Run For    2s
    Heal Network
    Value Should Be    k1    ${EMPTY}

Function Of One's Own Merges
    [Documentation]    Here the value that comes last in the alphabet; any function of a list of texts can be named.
    [Tags]    priority-2
    Start Regions That Both Write    conflicts=custom    merge=builtins:max
    Partition Network    region eu | rest
    Put Value    k1    apples    gateway=region us
    Put Value    k1    pears    gateway=region eu
    Put Value    k1    bananas    gateway=region us
    Heal Network
    Value Should Be    k1    pears

Merge That Fails Harms Nothing Else
    [Documentation]    One raises, another returns a number: reads of that key say so, and all else goes on.
    [Tags]    priority-2
    [Template]    Merge Should Fail
    json:loads    merge function json:loads raised TypeError for k1
    builtins:len    merge function builtins:len returned int, no str, for k1

Key That No Function Can Merge Is Put In Order By Hand
    [Documentation]    Who has looked at what the function was given writes the key anew, and all can read it again.
    [Tags]    priority-2
    Merge Should Fail    json:loads    merge function json:loads raised TypeError for k1
    Get Siblings    k1    ==    1, 2    gateway=region ap
    Put Value    k1    3    gateway=region ap
    Get Value    k1    ==    3    gateway=region us    within=2s

Types That Meet Are Shown In One Order
    [Documentation]    One region made a set of a key and the other one a counter: both are kept, and all show the set.
    [Tags]    priority-3
    Start Regions That Both Write
    Partition Network    region eu | rest
    Add Element    k1    apples    gateway=region eu
    Add To Counter    k1    3    gateway=region us
    Heal Network
    Value Should Be    k1    apples
    Remove Element    k1    apples    gateway=region eu
    Value Should Be    k1    3


*** Keywords ***
Merge Should Fail
    [Documentation]    Lets values meet that a function cannot merge, and asserts what a reader is told.
    [Arguments]    ${merge}    ${reason}
    Start Regions That Both Write    conflicts=custom    merge=${merge}
    Partition Network    region eu | rest
    Put Value    k1    1    gateway=region eu
    Put Value    k1    2    gateway=region us
    Put Value    k2    2    gateway=region us
    Heal Network
    Value Should Be    k2    2
    Run Keyword And Expect Error    OPR-001: key k1 could not be read by *: ${reason}*
    ...    Get Value    k1    gateway=region ap
    Replicas Should Agree
