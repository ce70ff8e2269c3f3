"""Snapshots in chunks, and the bounds on bytes."""

import pytest
from msgspec.structs import replace

from PhantomLibrary.domain import SECOND_NS, LogEntry
from PhantomLibrary.protocols.raft.effects import (
    Apply,
    DeadlinePassed,
    PaceCopies,
    Persist,
    Persisted,
    Propose,
    Refuse,
    SendEarly,
    SetDeadline,
    SnapshotTaken,
)
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.messages import (
    AppendEntries,
    AppendReply,
    Recovered,
    Snapshot,
    SnapshotReply,
    Vote,
)
from PhantomLibrary.protocols.raft.replica import GroupConfig
from PhantomLibrary.protocols.raft.stream import Stream, checksum_of

# --- the stream -------------------------------------------------------------------------------------------------------


def stream_of(*chunks: bytes) -> Stream:
    stream = Stream(Snapshot(9, 2, chunks))
    stream.sent = len(chunks)
    return stream


def test_checksum_tells_chunks_apart_however_they_are_cut():
    assert checksum_of((b"ab", b"c")) == checksum_of((b"ab", b"c"))
    assert len({checksum_of(each) for each in [(b"ab", b"c"), (b"abc",), (b"ab", b"d"), (b"c", b"ab"), ()]}) == 5


def test_an_answer_that_others_overtook_moves_nothing():
    stream = stream_of(b"a", b"b", b"c")
    stream.acknowledge(2)
    stream.acknowledge(1)
    assert (stream.acknowledged, stream.in_flight) == (2, 1)


def test_what_is_stuck_goes_on_at_the_first_missing_chunk_every_other_heartbeat():
    stream = stream_of(b"a", b"b", b"c")
    stream.acknowledge(1)
    assert not stream.go_back_if_stuck()
    stream.acknowledge(1)
    assert stream.sent == 3, "nothing new, and nothing lost"
    assert stream.go_back_if_stuck()
    assert stream.sent == 1


def test_a_follower_that_lost_its_chunks_is_believed_when_nothing_moves():
    stream = stream_of(b"a", b"b", b"c")
    stream.acknowledge(2)
    stream.go_back_if_stuck()
    stream.acknowledge(0)
    assert (stream.acknowledged, stream.sent) == (0, 0)


def test_a_follower_that_has_more_than_was_sent_is_believed():
    stream = stream_of(b"a", b"b", b"c")
    stream.sent = 1
    stream.acknowledge(2)
    assert (stream.acknowledged, stream.sent) == (2, 2)


# --- bounds on bytes --------------------------------------------------------------------------------------------------


def leader(*, append_bytes_max: int = 100, uncommitted_bytes_max: int = 100, held_max: int = 2) -> Group:
    config = GroupConfig(
        1, "n1", ("n1", "n2", "n3"), 1_000, 100, unacknowledged_max=held_max,
        append_bytes_max=append_bytes_max, uncommitted_bytes_max=uncommitted_bytes_max, command_bytes=_length,
    )  # fmt: skip
    group = Group(config, Recovered(term=1), 5_000)
    group._campaign(5_000)
    for pre, term in ((True, 2), (False, 2)):
        group.step(Vote(1, "n2", term, granted=True, pre=pre, number=0), 5_000)
        group.step(Persisted(group._token), 5_000)
    assert group.is_leader
    acknowledge(group)
    return group


def _length(command: object) -> int:
    return len(command) if isinstance(command, str) else 0


def acknowledge(group: Group) -> list[object]:
    reply = AppendReply(1, "n2", group.term, True, group.log.last_index, 0, 0, 0)
    return [*group.step(Persisted(group._token), 5_000), *group.step(reply, 5_000)]


def test_a_leader_takes_no_more_than_so_many_bytes_ahead_of_the_quorum():
    group = leader()
    assert any(isinstance(each, Persist) for each in group.step(Propose("a", "a" * 100), 5_000))
    assert group.step(Propose("b", "b" * 100), 5_000) == []
    assert group.step(Propose("c", "c" * 100), 5_000) == []
    assert group.step(Propose("d", "d" * 100), 5_000) == [Refuse(("d",), "")]
    # A commit makes room for the next one, and no more.
    effects = acknowledge(group)
    assert any(isinstance(each, Apply) for each in effects)
    assert [each.command[:1] for each in group.log.all_entries() if each.command] == ["a", "b"]
    acknowledge(group)
    acknowledge(group)
    assert [each.command[:1] for each in group.log.all_entries() if each.command] == ["a", "b", "c"]


def test_what_waits_at_a_leader_that_is_deposed_is_refused():
    group = leader()
    group.step(Propose("a", "a" * 100), 5_000)
    group.step(Propose("b", "b" * 100), 5_000)
    effects = group.step(AppendEntries(1, "n3", group.term + 1, 0, 0, (), 0, 0), 5_000)
    assert Refuse(("b",), "n3") in effects


@pytest.mark.parametrize(("size", "carried"), [(10, 5), (40, 2), (60, 1), (200, 1)])
def test_an_append_carries_no_more_than_so_many_bytes_but_one_entry_at_least(size, carried):
    group = leader(uncommitted_bytes_max=10_000, held_max=512)
    first = group.log.last_index + 1
    for number in range(5):
        group.step(Propose(number, "x" * size), 5_000)
    assert group._leadership is not None
    progress = group._leadership.progress["n3"]
    progress.state, progress.waits = "replicate", False
    progress.next_index, progress.match_index = first, first - 1
    fed = group._feed("n3", progress)
    assert isinstance(fed, SendEarly) and isinstance(fed.message, AppendEntries)
    assert [entry.index for entry in fed.message.entries] == list(range(first, first + carried))
    assert all(isinstance(entry, LogEntry) for entry in fed.message.entries)


# --- pace -------------------------------------------------------------------------------------------------------------

_CHUNKS = (b"a" * 100, b"b" * 100, b"c" * 50, b"d" * 100)
_SNAPSHOT = Snapshot(1, 2, _CHUNKS)


def copying(bytes_per_s: int = 1000) -> Group:
    """Return a leader that begins to send n2 a snapshot, at 5,000 ns."""
    group = leader()
    if bytes_per_s:
        assert group.step(PaceCopies((("n2", bytes_per_s),)), 5_000) == []
    group.snapshot = _SNAPSHOT
    group.log.compact(1)
    group._leadership.progress["n2"].refuse(1)
    assert sent(group._feed("n2", group._leadership.progress["n2"])) == [0]
    return group


def sent(*effects: object) -> list[int]:
    return [each.message.chunk for each in effects if isinstance(each, SendEarly)]


def answer(group: Group, received: int, now_ns: int, node: str = "n2") -> list[object]:
    checksum = checksum_of(_CHUNKS)
    return group.step(SnapshotReply(1, node, group.term, 1, checksum, received, 0, 0), now_ns)


def waits(effects: list[object]) -> dict[str, int]:
    return {each.name: each.after_ns for each in effects if isinstance(each, SetDeadline)}


def test_without_a_pace_a_window_goes_at_once():
    assert sent(*answer(copying(0), 1, 6_000)) == [1, 2, 3]


def test_each_chunk_waits_for_the_time_that_the_one_before_takes():
    group, start = copying(), 6_000
    effects = answer(group, 1, start)
    assert sent(*effects) == [] and waits(effects) == {"pace n2": SECOND_NS // 10}
    due = start + SECOND_NS // 10
    effects = group.step(DeadlinePassed("pace n2"), due)
    assert sent(*effects) == [1] and waits(effects) == {"pace n2": SECOND_NS // 10}
    assert sent(*answer(group, 2, due + 10)) == []
    effects = group.step(DeadlinePassed("pace n2"), due + SECOND_NS // 10)
    assert sent(*effects) == [2] and waits(effects) == {"pace n2": SECOND_NS // 20}, "it is half as long"
    assert sent(*answer(group, 3, due + SECOND_NS)) == [3]


def test_a_follower_that_has_most_of_it_is_not_kept_waiting_for_what_it_has():
    group = copying()
    assert waits(answer(group, 3, 6_000)) == {"pace n2": SECOND_NS // 10}
    assert sent(*group.step(DeadlinePassed("pace n2"), 6_000 + SECOND_NS // 10)) == [3]


def test_a_copy_that_waits_for_its_time_is_not_taken_to_be_lost():
    group = copying()
    answer(group, 1, 6_000)
    stream = group._leadership.progress["n2"].stream
    assert [stream.go_back_if_stuck() for _ in range(5)] == [False] * 5


def test_a_pace_that_is_taken_back_is_felt_with_the_next_chunk():
    group = copying()
    answer(group, 1, 6_000)
    group.step(PaceCopies(()), 6_100)
    assert sent(*group.step(DeadlinePassed("pace n2"), 7_000)) == [1, 2, 3]


def test_a_deadline_of_a_copy_that_is_over_or_of_a_leader_that_was_does_nothing():
    group = copying()
    answer(group, 1, 6_000)
    group.step(AppendReply(1, "n2", group.term, True, 2, 2, 0, 0), 6_500)
    assert group.step(DeadlinePassed("pace n2"), 2 * SECOND_NS) == []
    assert group.step(DeadlinePassed("pace n9"), 2 * SECOND_NS) == []
    group._step_down()
    assert group.step(DeadlinePassed("pace n2"), 2 * SECOND_NS) == []


def test_the_log_keeps_what_comes_after_a_copy_that_is_under_way():
    group = copying()
    group.config = replace(group.config, kept_entries_max=0)
    for _ in range(2):
        group.step(Propose(None, "x"), 6_000)
    group.commit_index = group.log.last_index
    assert group._copied_index(3) == 1
    group.step(SnapshotTaken(Snapshot(3, 2, ())), 6_000)
    assert group.log.snapshot_index == 1 and group.snapshot.index == 3
    group._leadership.progress["n2"].active = False
    assert group._copied_index(3) == 3, "nobody keeps anything for a node that does not answer"


def test_the_log_keeps_what_a_learner_lacks_that_has_its_copy_and_catches_up():
    group = leader()
    progress = group._leadership.progress["n2"]
    progress.goal_index, progress.match_index = 9, 4
    assert group._copied_index(9) == 4
    progress.goal_index = 0
    assert group._copied_index(9) == 9


def test_the_log_keeps_no_more_for_a_copy_than_its_bound():
    group = copying()
    assert group._copied_index(50_000) == 50_000 - group.config.copied_entries_max
