"""How many messages and bytes Raft may spend: for elections, agreement, idleness, and on logs that went wrong."""

import msgspec
import pytest

from PhantomLibrary.protocols.raft.effects import Effect
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.messages import AppendEntries, AppendReply, RaftMessage
from tests.unit.protocols.raft_scenario import Scenario


def group_of(nodes: int) -> Scenario:
    """Return nodes of which n1 leads, with what they have sent so far counted."""
    scenario = Scenario()
    for command in (f"start {nodes}", "campaign n1", "deliver", "advance 100ms", "deliver"):
        scenario.perform(command)
    return scenario


def sent_by(scenario: Scenario, *commands: str) -> list[RaftMessage]:
    """Return the messages that the commands cause."""
    before = len(scenario.past)
    for command in commands:
        scenario.perform(command)
    return [message for _, _, message in scenario.past[before:]]


def size(message: RaftMessage) -> int:
    return len(msgspec.msgpack.encode(message))


@pytest.mark.parametrize("nodes", [3, 5, 7])
def test_election_takes_two_questions_and_one_entry_for_each_follower(nodes):
    scenario = Scenario()
    scenario.perform(f"start {nodes}")
    assert len(sent_by(scenario, "campaign n1", "deliver")) == 6 * (nodes - 1)


@pytest.mark.parametrize("nodes", [3, 5, 7])
def test_idle_second_costs_a_heartbeat_and_its_answer_ten_times(nodes):
    messages = sent_by(group_of(nodes), "run 1s")
    assert len(messages) == 2 * 10 * (nodes - 1)
    assert sum(map(size, messages)) < 64 * len(messages)


@pytest.mark.parametrize("nodes", [3, 5])
def test_each_command_crosses_each_link_once(nodes):
    scenario = group_of(nodes)
    text = "x" * 5_000
    messages = sent_by(scenario, *(line for _ in range(10) for line in (f"propose n1 {text}", "deliver")))
    assert len(messages) == 2 * 10 * (nodes - 1)
    assert 50_000 * (nodes - 1) < sum(map(size, messages)) < 51_000 * (nodes - 1)
    assert all(host.group.commit_index >= 10 for host in scenario.hosts.values())


def test_commands_at_once_take_no_more_messages_than_one_after_the_other():
    scenario = group_of(3)
    messages = sent_by(scenario, *(f"propose n1 c{number}" for number in range(50)), "deliver")
    assert len(messages) == 2 * 50 * 2
    assert scenario.hosts["n1"].group.commit_index == 51


def test_read_costs_one_round_however_many_wait_for_it():
    scenario = group_of(3)
    messages = sent_by(scenario, "read n1 a", *(f"read n1 r{number}" for number in range(20)), "deliver")
    assert len(messages) == 2 * 2 * 2  # A round for the first, and one for all that came while it was under way.


def repair(wrong_terms: int, length: int, group_class: type[Group] = Group) -> list[RaftMessage]:
    """Return what is sent to bring a long log in line whose end is wrong, in as many terms as told."""
    right = "1" * length + "2" * length + "3" * length
    wrong = "1" * length + "".join(str(4 + term) * length for term in range(wrong_terms))
    scenario = Scenario(group_class)
    for command in (f"start append=1000 term=9 n1={right}9 n2={right}9 n3={wrong}", "isolate n3", "campaign n1"):
        scenario.perform(command)
    scenario.perform("deliver")
    scenario.perform("heal")
    messages = sent_by(scenario, "advance 100ms", "deliver")
    logs = [host.group.log.all_entries() for host in scenario.hosts.values()]
    assert logs[0] == logs[1] == logs[2]
    return messages


class GoesBackOneByOne(Group):
    """Tells the leader to try one entry earlier, whatever the terms."""

    def _refuse_append(self, message: AppendEntries, index: int, index_term: int) -> Effect:
        index = max(min(message.prev_index - 1, self.log.last_index), 0)
        return super()._refuse_append(message, index, self.log.term_at(index) or 0)


def questions(messages: list[RaftMessage]) -> int:
    """Return how often the wrong log refused an append."""
    return sum(isinstance(each, AppendReply) and not each.accepted for each in messages)


@pytest.mark.parametrize("length", [50, 500])
@pytest.mark.parametrize("wrong_terms", [1, 4])
def test_back_off_over_a_long_wrong_log_takes_round_trips_by_term_and_not_by_entry(length, wrong_terms):
    messages = repair(wrong_terms, length)
    assert 1 <= questions(messages) <= wrong_terms + 1
    assert len(messages) <= 2 * (wrong_terms + 6)  # The questions, two appends at most, and heartbeats to both.
    assert sum(map(size, messages)) < 12 * 2 * length * 2 + 64 * len(messages)


def test_budget_of_back_off_would_notice_steps_of_one_entry():
    assert questions(repair(1, 50, GoesBackOneByOne)) >= 50
