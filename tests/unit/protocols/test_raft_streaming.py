"""Snapshots in chunks, and the bounds on bytes."""

import pytest

from PhantomLibrary.domain import LogEntry
from PhantomLibrary.protocols.raft.effects import Apply, Persist, Persisted, Propose, Refuse, SendEarly
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.messages import AppendEntries, AppendReply, Recovered, Snapshot, Vote
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
