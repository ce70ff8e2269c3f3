"""Batches: how many messages they spare, and that nothing is lost, doubled or overtaken on their way."""

import pytest

from PhantomLibrary.protocols.raft.messages import AppendEntries
from tests.unit.protocols.raft_scenario import Scenario


def leading(options: str = "") -> Scenario:
    scenario = Scenario()
    for command in (f"start 3 batch=10ms {options}", "campaign n1", "deliver", "advance 20ms", "deliver"):
        scenario.perform(command)
    return scenario


def performed(scenario: Scenario, *commands: str) -> list[str]:
    return [line for command in commands for line in scenario.perform(command)]


def test_fifty_commands_at_once_take_two_appends_to_each_follower():
    scenario = leading()
    before = len(scenario.past)
    performed(scenario, *(f"propose n1 c{number}" for number in range(50)), "advance 10ms", "deliver")
    appends = [each for _, _, each in scenario.past[before:] if type(each) is AppendEntries and each.entries]
    assert [len(each.entries) for each in appends] == [1, 1, 49, 49]
    assert scenario.hosts["n1"].group.commit_index == 51


def test_order_of_what_was_proposed_is_kept():
    scenario = leading("append=4")
    performed(scenario, *(f"propose n1 c{number}" for number in range(11)), "run 50ms")
    commands = [entry.command for entry in scenario.hosts["n1"].group.log.all_entries()]
    assert commands == [None, *(f"c{number}" for number in range(11))]


def test_where_the_log_will_end_is_known_before_the_batch_begins():
    scenario = leading()
    group = scenario.hosts["n1"].group
    assert group.proposed_index == group.log.last_index == 1
    performed(scenario, "propose n1 a", "propose n1 b", "read n1 r", "propose n1 c")
    assert (group.log.last_index, group.proposed_index) == (2, 4)
    performed(scenario, "advance 10ms")
    assert group.log.last_index == group.proposed_index == 4
    assert scenario.hosts["n2"].group.proposed_index == 1


def test_reads_of_a_batch_share_a_round_though_a_follower_has_to_be_probed():
    scenario = leading()
    performed(scenario, "propose n1 a", "cut n1 n3", "propose n1 b", "read n1 r1", "read n1 r2", "advance 10ms")
    assert "n1 may read r1, r2" in "\n".join(performed(scenario, "deliver"))


def test_lone_voter_batches_too():
    scenario = Scenario()
    performed(scenario, "start 1 batch=10ms", "campaign n1", "advance 20ms", "propose n1 a")
    lines = performed(scenario, "propose n1 b", "read n1 r", "propose n1 c", "advance 10ms")
    assert sum("writes 3/1:b 4/1:c" in line for line in lines) == 1
    assert any("may read r" in line for line in lines)


@pytest.mark.parametrize("way", ["isolate n1", "crash n1"])
def test_what_waits_when_the_leader_is_gone_never_happens(way):
    scenario = leading()
    performed(scenario, "propose n1 a", "deliver", "propose n1 lost", way)
    if way == "crash n1":
        performed(scenario, "restart n1")
    else:
        scenario.hosts["n1"].deadlines.pop("batch")  # As if its processor were too busy to begin it.
    performed(scenario, "silence n2 n3", "campaign n2", "deliver", "heal", "run 2s")
    commands = [entry.command for host in scenario.hosts.values() for entry in host.group.log.all_entries()]
    assert "lost" not in commands and commands.count("a") == 3


def test_reads_ask_a_follower_that_is_probed_where_the_quorum_needs_it():
    scenario = leading()
    performed(scenario, "isolate n2", "propose n1 a", "deliver", "advance 20ms", "propose n1 b", "deliver", "heal")
    performed(scenario, "crash n3", "advance 100ms", "deliver n1>n2 once", "deliver n2>n1 once")
    performed(scenario, "drop n1>n2")  # With which n1 looks for the place where they agree; it waits for an answer.
    assert scenario.hosts["n1"].group._leadership.progress["n2"].waits
    performed(scenario, "propose n1 c", "propose n1 d", "read n1 r", "advance 10ms")
    assert any("may read r" in line for line in performed(scenario, "deliver"))


def test_shard_does_not_fall_quiet_while_something_waits_for_its_batch():
    scenario = Scenario()
    performed(scenario, "start 3 quiet batch=400ms", "campaign n1", "deliver", "run 20ms", "propose n1 a", "run 10ms")
    performed(scenario, "propose n1 b", "run 600ms")
    assert scenario.hosts["n1"].group.commit_index == 3
