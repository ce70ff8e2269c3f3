"""What the verbs of a schedule do, when, and for how long."""

from typing import ClassVar

import pytest

from PhantomLibrary.database.performer import Performer
from PhantomLibrary.domain import SECOND_NS, Get, Ok, OutcomeUnknown
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.protocols.raft.effects import Persist
from PhantomLibrary.testbed.parts import Parts
from PhantomLibrary.testbed.replay import replay
from PhantomLibrary.world.node import NodeState

# --- nodes ------------------------------------------------------------------------------------------------------------


def test_a_crashed_node_is_down_until_it_is_restarted(it):
    assert it.give("crash node", "n1") == ["n1"]
    it.go(1)
    assert it.run.live_nodes() == ["n2", "n3"]

    it.give("restart node", "n1")
    assert it.run.live_nodes() == ["n1", "n2", "n3"]
    assert it.run.faults.active == []


def test_a_crash_with_a_duration_heals_itself(it):
    it.give("crash node", "n1", duration_s=1)
    it.go(0.999)
    assert it.run.host("n1").is_down
    it.go(0.001)
    assert not it.run.host("n1").is_down


def test_a_node_that_was_restarted_early_is_not_restarted_again_by_the_end_of_its_crash(it):
    it.give("crash node", "n1", duration_s=1)
    it.go(0.5)
    it.give("restart node", "n1")
    it.give("crash node", "n1", duration_s=5)
    it.go(1)

    assert it.run.host("n1").is_down, "the second crash lasts longer"
    it.go(4)
    assert not it.run.host("n1").is_down


def test_a_paused_node_that_crashes_is_paused_no_more(it):
    it.give("pause node", "n1")
    it.give("crash node", "n1")
    with pytest.raises(InvalidState, match="n1 is not paused"):
        it.give("resume node", "n1")
    it.give("restart node", "n1")

    assert it.run.host("n1").state is NodeState.UP
    with pytest.raises(InvalidState, match="n1 is not paused"):
        it.give("resume node", "n1")


def test_a_node_that_is_paused_twice_goes_on_when_both_pauses_are_over(it):
    it.give("pause node", "n1", duration_s=1)
    it.give("pause node", "n1", duration_s=2)
    it.go(1.5)
    assert it.run.host("n1").state is NodeState.PAUSED
    it.go(1)
    assert it.run.host("n1").state is NodeState.UP


def test_a_resumed_node_goes_on_however_often_it_was_paused(it):
    it.give("pause node", "n1")
    it.give("pause node", "n1")
    it.give("resume node", "n1")

    assert it.run.host("n1").state is NodeState.UP


class _CrashingPerformer(Performer):
    """Crashes its node in the middle of a handler, when a run is put here."""

    armed: ClassVar[list] = []

    def __init__(self, host):
        super().__init__(host)
        persist = self._handlers[Persist]

        def crash_and_persist(effect):
            if self.armed:
                self.armed.pop().world.crash(host.node)
            persist(effect)

        self._handlers[Persist] = crash_and_persist


def test_a_node_that_crashes_in_the_middle_of_a_handler_says_nothing_more(drive):
    it = drive(parts=Parts(performer=_CrashingPerformer)).elect().load()
    _CrashingPerformer.armed.append(it.run)
    assert it.go(5, lambda: len(it.run.live_nodes()) == 2)
    it.go(0.1)

    assert {node for _, node in it.run.watch.states} == set(it.run.live_nodes())


def test_healing_a_node_heals_its_faults_and_no_others(it):
    it.give("crash node", "n1")
    it.give("pause node", "n2")
    it.give("isolate node", "n1")
    it.give("skew clock", "n3", offset_ns=SECOND_NS)

    assert it.give("heal faults", "n1") == 2
    assert [each.command.verb for each in it.run.faults.active] == ["pause node", "skew clock"]
    assert it.give("heal faults") == 2
    assert it.run.faults.active == []
    assert it.give("heal faults") == 0


def test_healing_the_network_leaves_crashed_nodes_down(it):
    it.give("crash node", "n1")
    it.give("isolate node", "n2")
    it.give("drop messages", kind="vote")

    assert it.give("heal network") == 2
    assert it.run.host("n1").is_down


def test_a_partition_that_was_healed_by_hand_is_not_healed_twice(it):
    it.give("partition network", "n1 | rest", duration_s=1)
    it.give("heal network")
    it.give("partition network", "n1 | rest", duration_s=3)
    it.go(1.5)

    assert len(it.run.faults.active) == 1


def test_a_wiped_disk_is_empty(it):
    it.give("crash node", "n1")
    it.give("restart node", "n1", disk="wiped")

    assert not it.run.processes["n1"].replicas[1].group.formatted


# --- later ------------------------------------------------------------------------------------------------------------


def test_a_later_command_comes_at_its_time_and_lasts_from_then_on(it):
    it.give("crash node", "n1", at_s=5, duration_s=2)
    seen = []
    for _ in range(90):
        it.go(0.1)
        if it.run.host("n1").is_down:
            seen.append(it.now_s)

    assert 5 <= seen[0] <= 5.11
    assert 6.88 <= seen[-1] < 7.0


def test_a_later_command_means_the_nodes_of_its_time(it):
    it.give("crash node", "leader of shard 1", at_s=4)
    old = it.run.leader(1)
    it.give("crash node", old)
    it.elect()
    new = it.run.leader(1)
    it.give("restart node", old)
    assert it.now_s < 4
    it.go(4 - it.now_s)

    assert it.run.schedule.commands[0].resolved == [new]


def test_a_later_command_that_makes_no_sense_at_its_time_fails_then_and_ends_nothing(it):
    it.give("crash node", "n1", at_s=3)
    it.give("isolate node", "n2", at_s=3, duration_s=1)
    it.give("crash node", "n1", at_s=2)
    with pytest.raises(InvalidState, match="n1 is down already"):
        it.go(5)

    assert it.now_s == 3
    assert len(it.run.faults.active) == 2, "what else was planned for that instant was done"
    assert not it.run.ended
    it.give("heal faults")
    it.go(1)
    schedule = it.run.finish()
    assert [command.verb for command in schedule.commands] == ["isolate node", "crash node", "heal faults"]
    assert replay(schedule).finish().digest == schedule.digest


@pytest.mark.parametrize("target", ["n9", "leader of shard 7", "region nowhere", "n1, n9"])
def test_a_name_that_can_never_mean_anything_is_refused_when_it_is_given(it, target):
    with pytest.raises(InvalidInput, match=r"no (node|shard|region)"):
        it.give("crash node", target, at_s=50)

    assert it.run.schedule.commands == []


# --- clients ----------------------------------------------------------------------------------------------------------


def test_operations_by_keyword_may_be_under_way_together(it):
    tasks = [it.give("put value", key=f"k{number}", value="x") for number in range(3)]
    it.go(2)

    assert [type(task.result) for task in tasks] == [Ok, Ok, Ok]
    assert len({event.process for event in it.run.recorder.events}) == 3
    it.put("k1", "y")
    it.put("k1", "z")
    assert len({event.process for event in it.run.recorder.events}) <= 4, "a session that is free is used again"


def test_what_was_under_way_at_a_gateway_that_crashes_is_unknown_and_its_clients_go_elsewhere(it):
    gateway = "n1"
    session = it.run.sessions.open(10_000, home=gateway)
    assert session.node == gateway
    task = it.give("put value", key="k1", value="x")
    node = it.run.recorder.events
    it.go(0.0001)
    it.give("crash node", gateway)
    it.go(1)

    assert session.node != gateway
    assert task.is_done
    assert node[0].node != gateway or isinstance(task.result, OutcomeUnknown)


def test_an_answer_to_an_earlier_question_is_not_taken_for_one_to_the_present(it):
    session = it.run.sessions.open(10_000)
    task = Task(it.run.scheduler, session.call(Get("k1")))
    it.go(0)

    assert not session.answered(7, Ok("of another question"))
    assert not task.is_done
    it.go(1)
    assert task.result == Ok(None)
    assert not session.answered(1, Ok("a second answer"))


def test_a_client_that_left_blames_no_gateway(it):
    it.load(clients=3, rate=0)
    it.go(1)
    it.give("partition network", "halves")
    it.give("stop workload", drain_ns=SECOND_NS // 100)
    it.go(10)

    assert it.run.sessions._waiting == {}
    assert it.run.sessions._sessions == {}
