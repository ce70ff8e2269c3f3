"""Snapshots in chunks, step by step: what a follower takes, and what a leader makes of its answers."""

import pytest

from PhantomLibrary.domain import LogEntry
from PhantomLibrary.protocols.raft.configuration import LOST
from PhantomLibrary.protocols.raft.effects import (
    Effect,
    InstallSnapshot,
    Persisted,
    Read,
    ReadReady,
)
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.messages import (
    AppendReply,
    HardState,
    Snapshot,
    SnapshotChunk,
    SnapshotPart,
    SnapshotReply,
)
from PhantomLibrary.protocols.raft.stream import checksum_of
from tests.unit.protocols.raft_replicas import (
    BORN_NS,
    applied,
    be_elected,
    leader,
    replica,
    reply,
    said,
    written,
)


def chunks_of(*contents: bytes, index: int = 5, term: int = 2, checksum: int | None = None) -> list[SnapshotChunk]:
    checksum = checksum_of(contents) if checksum is None else checksum
    return [
        SnapshotChunk(1, "n2", 2, index, term, checksum, number, len(contents), content, None, 0, 0)
        for number, content in enumerate(contents)
    ]


def received(it: Group, chunk: SnapshotChunk) -> int:
    (answer,) = said(it.step(chunk, BORN_NS))
    assert isinstance(answer, SnapshotReply)
    return answer.received


def test_a_snapshot_whose_chunks_do_not_fit_together_is_taken_from_the_beginning():
    it = replica(1)
    good = chunks_of(b"a", b"b")
    bad = chunks_of(b"x", b"b", checksum=good[0].checksum)
    assert [received(it, chunk) for chunk in bad] == [1, 0]
    assert received(it, good[0]) == 1
    effects = it.step(good[1], BORN_NS)
    assert [each.snapshot.chunks for each in effects if isinstance(each, InstallSnapshot)] == [(b"a", b"b")]


@pytest.mark.parametrize("other", [{"index": 6}, {"term": 1}, {"checksum": 7}])
def test_a_chunk_of_another_snapshot_is_not_added_to_those_that_are_here(other):
    it = replica(1)
    first, _ = chunks_of(b"a", b"b")
    assert received(it, first) == 1
    assert received(it, chunks_of(b"a", b"b", **other)[1]) == 0


@pytest.mark.parametrize(
    ("parts", "has"),
    [
        ([(0, b"a", 9), (1, b"b", 9)], 2),
        ([(0, b"a", 9), (2, b"c", 9)], 1),  # One is missing.
        ([(0, b"a", 9), (1, b"b", 8)], 1),  # Of another one.
        ([(1, b"b", 9)], 0),
        ([(0, b"x", 8), (1, b"y", 8), (0, b"a", 9)], 1),  # Of two, the last that began.
    ],
)
def test_a_replica_that_restarts_goes_on_from_the_parts_that_it_had(parts, has):
    stored = tuple(SnapshotPart(5, 2, checksum, chunk, content) for chunk, content, checksum in parts)
    it = replica(1, parts=stored)
    for chunk, going_on in ((3, has), (0, 1 if has == 0 else has)):
        message = SnapshotChunk(1, "n2", 2, 5, 2, 9, chunk, 4, b"a", None, 0, 0)
        assert received(it, message) == going_on


def test_a_log_that_agrees_with_a_snapshot_begins_after_it():
    it = replica(1, 1, 2, 2)
    (whole,) = chunks_of(b"a", index=3)
    it.step(whole, BORN_NS)
    assert (it.log.snapshot_index, it.log.snapshot_term) == (3, 2)
    assert [entry.index for entry in it.log.all_entries()] == [4]


def test_a_chunk_from_an_earlier_term_is_refused():
    it = replica(1, 3)
    (whole,) = chunks_of(b"a")
    assert said(it.step(whole, BORN_NS)) == [AppendReply(1, "n1", 3, False, 0, 0, 0, 0)]
    assert it.leader == ""


def test_a_chunk_takes_a_follower_into_the_term_of_its_sender():
    it = replica(1)
    first, second = chunks_of(b"a", b"b")
    assert HardState(2, "") in written(it.step(first, BORN_NS))
    assert HardState(2, "") not in written(it.step(second, BORN_NS))


def test_what_a_snapshot_replaced_counts_no_more_as_durable():
    it = replica(1, 1, 1, 1, 1)
    (whole,) = chunks_of(b"a", index=3)
    it.step(whole, BORN_NS)
    it.step(Persisted(it._token), BORN_NS)
    be_elected(it, 3)
    assert it.is_leader and it.log.last_index == 4
    assert not applied(it.step(AppendReply(1, "n2", 3, True, 4, 0, 0, 0), BORN_NS)), "its own copy is on no disk yet"
    assert applied(it.step(Persisted(it._token), BORN_NS)) == [4]


SNAPSHOT = Snapshot(3, 1, (b"a", b"b", b"c"))


def feeding() -> Group:
    """Return a leader that has sent n3 the first chunk of a snapshot."""
    it = leader(2, 1, snapshot=SNAPSHOT, entries=(LogEntry(4, 1, "d"),))
    it.step(reply("n2", 2, it.log.last_index), BORN_NS)
    effects = it.step(AppendReply(1, "n3", 2, False, 0, 0, 0, 0), BORN_NS)
    assert chunks_sent(effects) == [0]
    return it


def chunks_sent(effects: list[Effect]) -> list[int]:
    return [each.message.chunk for each in effects if isinstance(getattr(each, "message", None), SnapshotChunk)]


def has_chunks(count: int, *, asked_in_round: int = 0, number: int = 0) -> SnapshotReply:
    return SnapshotReply(1, "n3", 2, 3, checksum_of(SNAPSHOT.chunks), count, asked_in_round, number)


def test_a_follower_that_gets_a_snapshot_goes_on_with_the_entries_behind_it():
    it = feeding()
    assert it.step(reply("n3", 2, 1), BORN_NS) == [], "what it once had is no news"
    assert chunks_sent(it.step(has_chunks(1), BORN_NS)) == [1, 2]
    (rest,) = it.step(reply("n3", 2, 3), BORN_NS)
    assert [entry.index for entry in rest.message.entries] == [4, 5]


def test_who_gets_a_snapshot_confirms_reads_meanwhile():
    it = feeding()
    it.step(Read("r"), BORN_NS)
    assert ReadReady(("r",)) not in it.step(has_chunks(1), BORN_NS)
    assert ReadReady(("r",)) in it.step(has_chunks(2, asked_in_round=1), BORN_NS)


def test_a_replica_that_lost_its_disk_gets_its_snapshot_and_does_not_count():
    it = feeding()
    assert chunks_sent(it.step(has_chunks(1, number=LOST), BORN_NS)) == [1, 2]
    assert it.voters_lost() == ("n3",)


def test_an_answer_of_another_replica_says_nothing_about_the_snapshot():
    it = feeding()
    assert it.step(has_chunks(1, number=7), BORN_NS) == []
    assert chunks_sent(it.step(has_chunks(1), BORN_NS)) == [1, 2]
