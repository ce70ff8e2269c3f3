*** Settings ***
Documentation    A cancel overtakes the action of each step: one row a step, with the leader of the shard of its key.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/sagas.resource

Test Setup       Start Travel Agency
Test Template    Cancel Should Overtake Action

Test Tags        transaction    priority-1


*** Test Cases ***    NUMBER    LEADER
Cancel Overtakes Take Flight
    1    n2
Cancel Overtakes Book Flight
    2    n2
Cancel Overtakes Take Hotel
    3    n3
Cancel Overtakes Book Hotel
    4    n3
Cancel Overtakes Take Car
    5    n2
Cancel Overtakes Book Car
    6    n2


*** Keywords ***
Cancel Should Overtake Action
    [Documentation]    The action is lost, and will be sent again; before that the saga is cancelled and undone.
    [Arguments]    ${number}    ${leader}
    Arm Fault    step executing    isolate node    node=${leader}    occurrence=${number}    phase=before
    Start Saga    travel-booking    wait=no
    Run Until    step executing    count=${number}    timeout=2s
    Run For    50 ms
    Heal Faults
    Cancel Saga    travel-booking
    Run For    2s
    Sagas Should Be Whole    completed=0
    Get Value    flight.bookings    ==    ${EMPTY}
    Replicas Should Agree
