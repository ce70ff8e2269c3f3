*** Settings ***
Documentation    Sagas: steps over several shards that are all done, or all undone, whoever crashes meanwhile.

Resource         ../../resources/clusters.resource
Resource         ../../resources/workloads.resource
Resource         ../../resources/sagas.resource

Test Tags        transaction


*** Test Cases ***
Trip Is Booked Everywhere
    [Documentation]    Every step is done, each once, over the shards of its keys.
    [Tags]    priority-1    smoke
    [Setup]    Start Travel Agency
    ${trip} =    Start Saga    travel-booking
    Saga Should Be    ${trip}    completed
    Get Value    room.bookings    ==    ${trip}
    Get Value    flight.left    ==    1
    Sagas Should Be Whole    completed=1
    Replicas Should Agree

Trip Without A Car Is Given Up Everywhere
    [Documentation]    The last item is sold out: flight and room are given back, the latest first.
    [Tags]    priority-1    smoke
    [Setup]    Start Travel Agency    cars=0
    ${trip} =    Start Saga    travel-booking
    Saga Should Be    ${trip}    compensated
    Get Value    flight.left    ==    2
    Get Value    room.left    ==    2
    Get Value    flight.bookings    ==    ${EMPTY}
    Sagas Should Be Whole    completed=0

More Trips Than Seats Share What There Is
    [Documentation]    Six trips at one instant, two of everything: nobody takes what another has, and nothing is lost.
    [Tags]    priority-1
    [Setup]    Start Travel Agency
    Start Six Trips At Once
    ${completed} =    Sagas Should Be Whole
    Should Be True    1 <= ${completed} <= 2
    Replicas Should Agree

Step That Nobody Answers Is Tried Again
    [Documentation]    Half of all answers of shards are lost: each action is done once, however often it is sent.
    [Tags]    priority-1
    [Setup]    Start Travel Agency
    Drop Messages    shard reply    probability=50%    duration=10s
    Start Saga    travel-booking
    Start Saga    travel-booking
    Heal Faults
    Sagas Should Be Whole    completed=2

Step Runs Out Of Retries And Is Undone Too
    [Documentation]    Nobody knows whether the flight was taken, for its shard was cut off: so it is undone as well.
    [Tags]    priority-1
    [Setup]    Start Travel Agency
    Drop Messages    shard reply    source=leader of shard 1    duration=8s
    ${trip} =    Start Saga    ${SAGAS}${/}hasty-trip.yaml
    Saga Should Be    ${trip}    compensated    within=10s
    Heal Faults
    Sagas Should Be Whole    completed=0
    Get Value    flight.left    ==    2

Saga That Takes Too Long Is Rolled Back
    [Documentation]    Its time is up while a step still waits for the answer of a shard.
    [Tags]    priority-2
    [Setup]    Start Travel Agency
    Drop Messages    shard reply    source=leader of shard 2    duration=4s
    ${trip} =    Start Saga    ${SAGAS}${/}hurried-trip.yaml    wait=no
    Saga Should Be    ${trip}    compensated    within=10s
    Sagas Should Be Whole    completed=0

Compensation That Fails Stays In Sight
    [Documentation]    A debt that cannot be paid back is no success: the saga is failed until it can be.
    [Tags]    priority-1
    [Setup]    Start Travel Agency
    Start Saga    ${SAGAS}${/}loan.yaml
    Saga Should Be    loan    failed
    Get Saga Steps    loan    ==    failed, compensated
    Put Value    debt    9
    Saga Should Be    loan    compensated    within=10s
    Get Value    debt    ==    4

Steps Without An Order Run At Once
    [Documentation]    Two steps begin together, a third waits for both; it fails, and both are undone.
    [Tags]    priority-2
    [Setup]    Start Travel Agency    cars=0
    Define Trip In Two Strands
    Start Saga    strands
    Saga Should Be    strands    compensated
    Get Value    flight.left    ==    2
    Get Value    room.left    ==    2
    Sagas Should Be Whole    completed=0

Saga Survives Loss Of Power
    [Documentation]    All nodes crash while it is under way; whoever leads next goes on from the log.
    [Tags]    priority-1
    [Setup]    Start Travel Agency
    Arm Fault    step completed    crash node    node=all    occurrence=3    duration=1s
    ${trip} =    Start Saga    travel-booking    wait=no
    Run For    1s
    Saga Should Be    ${trip}    completed    within=10s
    Sagas Should Be Whole    completed=1
    Replicas Should Agree

Trips Of Many Clients Are Whole Under Random Faults
    [Documentation]    Crashes, pauses and partitions, and every trip is still in all of its lists or in none.
    [Tags]    priority-1
    [Setup]    Start Travel Agency
    Start Workload    saga    clients=6    rate=40/s    keys=12    reads=30%
    Start Nemesis    crash, pause, partition, lost messages    every=1s
    Run For    5s
    Stop Nemesis
    Cluster Should Recover    within=10s
    Stop Workload    drain=20s
    Sagas Should Be Whole
    History Should Be    linearizable    confirmed=100
    Replicas Should Agree


*** Keywords ***
Start Six Trips At Once
    [Documentation]    Starts six trips while time stands still, and lets all of them end.
    Start Saga    travel-booking    wait=no
    Start Saga    travel-booking    wait=no
    Start Saga    travel-booking    wait=no
    Start Saga    travel-booking    wait=no
    Start Saga    travel-booking    wait=no
    Start Saga    travel-booking

Define Trip In Two Strands
    [Documentation]    Flight and room at once, then a car.
    Define Saga    strands
    Add Saga Step    strands    flight    key=flight.left    action=increment    value=-1    at_least=0
    ...    compensation=increment    undo=1    after=${EMPTY}
    Add Saga Step    strands    room    key=room.left    action=increment    value=-1    at_least=0
    ...    compensation=increment    undo=1    after=${EMPTY}
    Add Saga Step    strands    car    key=car.left    action=increment    value=-1    at_least=0
    ...    compensation=increment    undo=1    after=flight, room
