"""Moves of replicas: what is refused, what is done next, and how each ends."""

import pytest
from msgspec.structs import replace

from PhantomLibrary.database.census import HandOver, Order, ShardReport
from PhantomLibrary.database.config import DatabaseConfig, make_layout
from PhantomLibrary.database.directory import (
    decode_directory,
    encode_directory,
    first_directory,
    with_shard,
    with_standing,
)
from PhantomLibrary.database.messages import Record
from PhantomLibrary.database.moves import EndedMove, Move
from PhantomLibrary.database.moving import patience_ns, with_cancelled, with_ended, with_plan
from PhantomLibrary.database.repair import Known, Led, plan
from PhantomLibrary.domain import SECOND_NS, Configuration
from PhantomLibrary.domain.placement import ANY_VERSION, CancelMoves, ChangePlacement, MoveWish
from PhantomLibrary.protocols.raft.configuration import Change

NODES = ("n1", "n2", "n3", "n4", "n5")
LAYOUT = make_layout(NODES, shards=2, replicas=3, config=DatabaseConfig())
DIRECTORY = first_directory(LAYOUT)
WHOLE = Configuration(("n1", "n2", "n3"))
LEARNING = Configuration(WHOLE.voters, (), ("n4",))
MOVE = MoveWish(1, "n3", "n4", 1000)


def planned(*moves, directory=DIRECTORY, index=9, **fields):
    directory, reason = with_plan(
        directory, ChangePlacement(f"plan {index}", ANY_VERSION, moves or (MOVE,), **fields), index
    )
    assert not reason
    return directory


MOVING = planned()
CANCELLED = with_cancelled(MOVING, CancelMoves("me", (1,)), 10)


def led(configuration=WHOLE, *, leader="n1", since=0, caught_up=(), lost=(), shard=1):
    return Led(leader, ShardReport(shard, 1, since, configuration, True, caught_up, lost))


def known(directory=MOVING, *leads, **fields):
    reports = {each.report.shard: each for each in leads or (led(),)}
    present = {member.node: member.number for member in directory.members}
    return Known(**{"term": 7, "directory": directory, "led": reports, "present": present, **fields})


def order(version=0, **change):
    return ("n1", Order(1, 7, 0, Change(**change), version))


def ended(outcome, number=1):
    return Record(ended=((number, outcome),))


# --- what may be asked for --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("directory", "wish", "reason"),
    [
        (DIRECTORY, MoveWish(8, "n3", "n4"), "no shard 8: there are shards 0, 1, 2"),
        (
            DIRECTORY,
            MoveWish(0, "n3", "n4"),
            "shard 0, which holds the directory, moves only when a node",
        ),
        (DIRECTORY, MoveWish(1, "n3", "n2"), "n2 holds a replica of shard 1 already: n1, n2, n3 do"),
        (DIRECTORY, MoveWish(1, "n5", "n4"), "n5 holds no replica of shard 1 that could move: n1, n2, n3 do"),
        (DIRECTORY, MoveWish(1, "n3", "n9"), "n9 is no member of the cluster, so it takes no more replicas"),
        (with_standing(DIRECTORY, "n4", "decommissioning", 5), MOVE, "n4 is decommissioning, so it takes no more"),
        (with_standing(DIRECTORY, "n3", "decommissioning", 5), MOVE, "n3 is decommissioning, so its replicas move by"),
        (
            with_shard(DIRECTORY, replace(LAYOUT.shards[1], learners=("n4",), epoch=5), 6),
            MOVE,
            "n4 holds a replica of shard 1 already",
        ),
        (MOVING, MoveWish(1, "n2", "n5"), "shard 1 is moving already, from n3 to n4: wait for that, or cancel it"),
    ],
)
def test_a_move_that_makes_no_sense_is_refused_with_a_reason(directory, wish, reason):
    after, found = with_plan(directory, ChangePlacement("another", ANY_VERSION, (wish,)), 12)
    assert found.startswith(reason)
    assert after is directory


def test_a_plan_that_was_made_from_an_older_directory_is_refused():
    wish = ChangePlacement("stale", MOVING.version - 1, (MoveWish(2, "n2", "n5"),))
    assert "from version 8 of the directory, which is at version 9" in with_plan(MOVING, wish, 12)[1]
    assert not with_plan(MOVING, replace(wish, version=MOVING.version), 12)[1]


def test_a_plan_that_is_asked_for_again_is_taken_up_once():
    again, reason = with_plan(MOVING, ChangePlacement("plan 9", DIRECTORY.version, (MOVE,)), 12)
    assert again is MOVING and reason == ""


def test_several_moves_of_one_shard_come_one_after_the_other():
    directory = planned(MOVE, MoveWish(1, "n2", "n5"))
    assert [each.number for each in directory.moves.under_way] == [1, 2]
    assert directory.moves.of(1).target == "n4"
    _, reason = with_plan(DIRECTORY, ChangePlacement("twice", ANY_VERSION, (MOVE, MoveWish(1, "n3", "n5"))), 9)
    assert reason == "n3 holds no replica of shard 1 that could move: n1, n2, n4 do"


def test_who_is_to_lead_must_hold_a_replica_when_the_moves_are_done():
    wish = ChangePlacement("led", ANY_VERSION, (MOVE,), ((1, "n4"), (2, "n5")))
    assert with_plan(DIRECTORY, wish, 9)[1] == "n5 holds no replica of shard 2 that could lead it"


def test_the_directory_comes_back_from_its_bytes_with_its_moves():
    directory = with_ended(planned(leaders=((2, "n2"),), throttle=5), ((1, "done"),), (), 11)
    assert decode_directory(encode_directory(directory)) == directory


# --- how a move is carried out ----------------------------------------------------------------------------------------


def test_the_target_learns_then_takes_the_place_of_the_source_in_one_change():
    assert plan(known()) == [order(MOVING.version, learners=("n4",))]
    assert plan(known(MOVING, led(LEARNING))) == []
    assert plan(known(MOVING, led(LEARNING, caught_up=("n4",)))) == [order(promoted=("n4",), removed=("n3",))]
    done = led(Configuration(("n1", "n2", "n4")))
    assert plan(known(MOVING, done)) == [ended("done")]


def test_a_source_that_leads_hands_over_first():
    directory = planned(MoveWish(1, "n1", "n4"))
    leads = led(LEARNING, caught_up=("n4",))
    assert plan(known(directory, leads)) == [("n1", HandOver(1, 7, "n2"))]
    assert plan(known(directory, leads, turn=1, unavailable=("n2",))) == [("n1", HandOver(1, 7, "n3"))]


def test_the_only_replica_hands_over_to_the_one_that_takes_its_place():
    directory = replace(planned(MoveWish(1, "n1", "n4"), directory=replace(DIRECTORY, replicas=1)), replicas=1)
    alone = Configuration(("n1",), (), ("n4",))
    assert plan(known(directory, led(alone, caught_up=("n4",)))) == [order(promoted=("n4",))]
    both = Configuration(("n1", "n4"))
    assert plan(known(directory, led(both))) == [("n1", HandOver(1, 7, "n4"))]
    assert plan(known(directory, led(both, leader="n4"))) == [("n4", Order(1, 7, 0, Change(removed=("n1",))))]


def test_nobody_else_takes_the_place_of_a_source_whose_target_has_to_be_waited_for():
    assert plan(known(unavailable=("n4",))) == []
    assert plan(known(present={"n5": 1})) == []
    away = {"unavailable": ("n4",), "absent": ("n4",), "stuck": {(1, "n4")}}
    assert plan(known(MOVING, led(LEARNING), **away)) == []


def test_a_replica_that_is_lost_meanwhile_is_replaced_beside_the_move():
    lost = led(Configuration(("n1", "n2", "n3"), (), ("n4",)), lost=("n2",))
    assert plan(known(MOVING, lost)) == [order(removed=("n2",))]
    short = Configuration(("n1", "n3"), (), ("n4",))
    assert plan(known(MOVING, led(short), waiting={"n2": (1,)})) == [order(learners=("n2",))]
    assert plan(known(MOVING, led(short, caught_up=("n4",)))) == [order(promoted=("n4",), removed=("n3",))]
    moved = Configuration(("n1", "n4"), (), ("n2",))
    assert plan(known(MOVING, led(moved))) == [ended("done")], "the shard is short of one as it was before"


def test_a_target_that_lost_its_disk_begins_again():
    assert plan(known(MOVING, led(LEARNING, lost=("n4",)))) == [order(removed=("n4",))]


def test_no_more_replicas_move_at_one_time_than_the_plan_allows():
    wishes = (MOVE, MoveWish(2, "n2", "n5"))
    other = led(Configuration(("n2", "n3", "n4")), leader="n2", shard=2)
    for at_once, steps in ((2, 2), (1, 1)):
        assert len(plan(known(planned(*wishes, at_once=at_once), led(), other))) == steps
    one = planned(*wishes, at_once=1)
    assert plan(known(one, led(LEARNING), other)) == [], "the first one still learns"


def test_moves_whose_target_cannot_be_reached_stand_back():
    one = planned(MOVE, MoveWish(2, "n2", "n5"), at_once=1)
    other = led(Configuration(("n2", "n3", "n4")), leader="n2", shard=2)
    (step,) = plan(known(one, led(), other, unavailable=("n4",)))
    assert step[1].shard == 2 and step[1].change.learners == ("n5",)


def test_a_node_to_which_replicas_move_is_taken_for_one_that_has_them():
    layout = make_layout((*NODES, "n6"), shards=2, replicas=3, config=DatabaseConfig())
    directory = planned(MoveWish(2, "n2", "n5"), directory=first_directory(layout))
    short = led(Configuration(("n1", "n2")))
    (step,) = plan(known(directory, short, unavailable=("n3", "n4")))
    assert step[1].change.learners == ("n6",)


# --- how it ends otherwise --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("directory", "configuration", "fields", "outcome"),
    [
        (with_standing(MOVING, "n4", "decommissioning", 10), LEARNING, {}, "n4 is decommissioning"),
        (with_standing(MOVING, "n4", "removed", 10), WHOLE, {}, "n4 is removed"),
        (MOVING, Configuration(("n1", "n2"), (), ("n4",)), {}, "n3 holds no replica of shard 1 any more"),
        (MOVING, LEARNING, {"overdue": [(1, "n4")]}, "n4 has not caught up in time"),
        (MOVING, LEARNING, {"missing": ["n4"]}, "n4 is down"),
        (CANCELLED, WHOLE, {}, "cancelled"),
        (CANCELLED, Configuration(("n1", "n2", "n4")), {}, "done"),
    ],
)
def test_a_move_that_cannot_go_on_ends_with_a_reason(directory, configuration, fields, outcome):
    assert plan(known(directory, led(configuration), **fields)) == [ended(outcome)]


def test_the_learner_of_a_move_that_has_ended_goes():
    after = with_ended(MOVING, ((1, "n4 is down"),), (), 12)
    assert after.moves.ended == (EndedMove(Move(1, "plan 9", 1, "n3", "n4", 1000), "n4 is down"),)
    assert plan(known(after, led(LEARNING))) == [order(removed=("n4",))]


def test_a_cancelled_move_gives_up_its_learner_but_completes_what_has_its_vote():
    assert plan(known(CANCELLED, led(LEARNING, caught_up=("n4",)))) == [order(removed=("n4",))]
    both = Configuration(("n1", "n2", "n3", "n4"))
    assert plan(known(CANCELLED, led(both))) == [order(removed=("n3",))]
    other = planned(MoveWish(2, "n2", "n5"), directory=CANCELLED, index=11)
    assert with_cancelled(other, CancelMoves("me", (1,)), 12).moves.of(2).is_cancelled is False


def test_a_move_that_has_ended_does_not_end_again():
    after = with_ended(MOVING, ((1, "done"),), (), 12)
    assert with_ended(after, ((1, "cancelled"),), (), 13) is after


def test_a_slow_copy_is_given_more_time():
    moves = planned(throttle=100).moves
    assert patience_ns(moves.of(1)) == 20 * SECOND_NS
    assert patience_ns(MOVING.moves.of(1)) == 0


def test_each_plan_has_a_throttle_of_its_own():
    directory = planned(MoveWish(2, "n2", "n5"), directory=planned(throttle=100), index=11)
    assert directory.moves.paces(1) == (("n4", 100),)
    assert directory.moves.paces(2) == ()


# --- who leads then ---------------------------------------------------------------------------------------------------

LEADERS = planned(leaders=((2, "n3"),))
SECOND = led(Configuration(("n2", "n3", "n4")), leader="n2", shard=2)


def test_others_lead_when_all_moves_have_ended():
    assert plan(known(LEADERS, SECOND)) == []
    after = with_ended(LEADERS, ((1, "done"),), (), 12)
    assert plan(known(after, SECOND)) == [("n2", HandOver(2, 7, "n3"))]
    assert plan(known(after, replace(SECOND, leader="n3"))) == [Record(led=(2,))]
    assert plan(known(after, SECOND, unavailable=("n3",))) == [Record(led=(2,))], "it cannot be"
    assert not with_ended(after, (), (2,), 13).moves.is_busy


def test_a_shard_that_is_no_more_needs_no_leader():
    after = with_ended(LEADERS, ((1, "done"),), (), 12)
    gone = replace(after, shards=tuple(each for each in after.shards if each.shard != 2))
    assert plan(known(gone)) == [Record(led=(2,))]


def test_who_is_to_lead_is_what_the_latest_plan_says():
    again, reason = with_plan(LEADERS, ChangePlacement("another", ANY_VERSION, (), ((2, "n4"),)), 12)
    assert reason == "" and again.moves.leaders == ((2, "n4"),)


def test_the_directory_keeps_how_the_latest_moves_ended_and_not_all():
    directory = DIRECTORY
    for number in range(1, 301):
        source, target = ("n3", "n4") if number % 2 else ("n4", "n3")
        moved = replace(LAYOUT.shards[1], voters=("n1", "n2", source), epoch=number)
        wish = ChangePlacement(f"plan {number}", ANY_VERSION, (MoveWish(1, source, target),))
        directory, reason = with_plan(replace(directory, shards=(moved,)), wish, number)
        assert reason == ""
        directory = with_ended(directory, ((number, "done"),), (), number)
    assert len(directory.moves.ended) == 256 and directory.moves.ended[-1].move.number == 300
