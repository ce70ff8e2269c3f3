*** Settings ***
Documentation    Sagas whose orchestrator crashes, sleeps or is replaced at every point of their way.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/sagas.resource

Test Tags        transaction


*** Test Cases ***
Orchestrator Crashes Before Its First Step
    [Documentation]    The begin of the saga is in the log, and nothing else: whoever takes over begins it.
    [Tags]    priority-1
    [Setup]    Start Travel Agency
    Crash The Orchestrator At    saga started    phase=before
    The Trip Should Be Completed

Orchestrator Crashes As It Sends An Action
    [Documentation]    Nobody can know whether it was sent: it is sent again, and done once.
    [Tags]    priority-1    smoke
    [Setup]    Start Travel Agency
    Crash The Orchestrator At    step executing    occurrence=3
    The Trip Should Be Completed

Orchestrator Crashes Before It Writes Down That A Step Is Done
    [Documentation]    Its successor asks again and hears that it was done.
    [Tags]    priority-1
    [Setup]    Start Travel Agency
    Crash The Orchestrator At    step completed    occurrence=2    phase=before
    The Trip Should Be Completed

Orchestrator Crashes In The Middle Of A Rollback
    [Documentation]    That the saga is undone is written down, so its successor goes on undoing.
    [Tags]    priority-1
    [Setup]    Start Travel Agency    cars=0
    Crash The Orchestrator At    compensation begun    occurrence=2
    The Trip Should Be Compensated

Orchestrator Crashes Before It Writes Down That A Step Is Undone
    [Documentation]    The compensation is asked for again, and done once.
    [Tags]    priority-1
    [Setup]    Start Travel Agency    cars=0
    Crash The Orchestrator At    step compensated    occurrence=3    phase=before
    The Trip Should Be Compensated

Orchestrator Loses Its Disk As The Saga Ends
    [Documentation]    The others have the log, so nothing is begun anew.
    [Tags]    priority-2
    [Setup]    Start Travel Agency
    Arm Fault    saga ended    lose disk    phase=before    duration=1s
    Start Saga    travel-booking    wait=no
    The Trip Should Be Completed

Two Orchestrators Undo A Trip
    [Documentation]    The first one sleeps with an action on its way; when it wakes, its successor has undone the step.
    [Tags]    priority-1
    [Setup]    Start Travel Agency
    Arm Fault    step executing    pause node    phase=before    occurrence=3    duration=3s
    Start Saga    travel-booking    wait=no
    Leader Should Change From    n1
    Cancel Saga    travel-booking
    Run For    5s
    The Trip Should Be Compensated

Action Arrives Long After Its Orchestrator Was Replaced
    [Documentation]    It is six seconds on its way; meanwhile a successor has sent it again, and undone it.
    [Tags]    priority-2
    [Setup]    Start Travel Agency
    Let An Action Be Late
    Pause Node    n1    duration=7s
    Leader Should Change From    n1
    Cancel Saga    late-trip
    Run For    8s
    The Trip Should Be Compensated

Every Action And Compensation Is Interrupted Once
    [Documentation]    The same trip again and again: its orchestrator crashes before or after each thing that it sends.
    [Tags]    priority-1
    [Setup]    Start Travel Agency    cars=0
    Start Saga    ${SAGAS}${/}short-trip.yaml
    ${points} =    Crash Points Should Be Survived    act
    Should Be Equal As Integers    ${points}    8

Every Write Of A Saga Is Interrupted Once
    [Documentation]    The same trip again and again: whoever writes to its disk crashes before or after it.
    [Tags]    priority-2
    [Setup]    Start Travel Agency    cars=0
    Start Saga    ${SAGAS}${/}short-trip.yaml
    Crash Points Should Be Survived    persist    every=7


*** Keywords ***
Crash The Orchestrator At
    [Documentation]    Starts a trip, and lets its orchestrator crash at this point of it.
    [Arguments]    ${event}    ${occurrence}=1    ${phase}=after
    Arm Fault    ${event}    crash node    occurrence=${occurrence}    phase=${phase}    duration=1s
    Start Saga    travel-booking    wait=no

Let An Action Be Late
    [Documentation]    Starts a trip, and slows the way to the rooms when the flight is taken.
    Start Saga    ${SAGAS}${/}late-trip.yaml    wait=no
    Run For    6 ms
    Set Link    n1    n3    latency=6s    duration=6s
    Run For    100 ms

Leader Should Change From
    [Documentation]    Waits until another node orchestrates.
    [Arguments]    ${old}
    Get Leader    0    !=    ${old}    within=4s

The Trip Should Be Completed
    [Documentation]    Everything is booked, once, and all replicas say so.
    Saga Should Be    travel-booking    completed    within=10s
    Sagas Should Be Whole    completed=1
    Get Value    flight.left    ==    1
    Get Value    room.bookings    ==    travel-booking-1
    Replicas Should Agree

The Trip Should Be Compensated
    [Documentation]    Nothing is booked and nothing is missing, and all replicas say so.
    Sagas Should Be Whole    completed=0
    Get Value    flight.left    ==    2
    Get Value    room.left    ==    2
    Replicas Should Agree
