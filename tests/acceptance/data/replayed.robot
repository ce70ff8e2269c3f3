*** Settings ***
Documentation       Does a recorded run again; SCHEDULE is given on the command line.

Library             PhantomLibrary


*** Test Cases ***
Recorded Run Is Done Again And Judged
    [Documentation]    The cluster stands where the run ended.
    [Tags]    priority-1
    Replay Schedule    ${SCHEDULE}
    History Should Be    linearizable
    Replicas Should Agree
