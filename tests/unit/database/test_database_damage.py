"""Whatever a disk does to what was durable is found out, and what a crash has cut short is not taken for that."""

import pytest

from PhantomLibrary.database.frames import HEAD_BYTES, Framing
from PhantomLibrary.database.messages import Execute
from PhantomLibrary.database.records import StoredEntries, StoredEntry, StoredState
from PhantomLibrary.database.recovery import OwnFile, Replay
from PhantomLibrary.database.wal import FORMAT_FILE, LOG_FILE, snapshot_file, vote_file
from PhantomLibrary.domain import LogEntry, Put
from PhantomLibrary.protocols.raft.configuration import LOST
from PhantomLibrary.protocols.raft.messages import Damaged, Entries, HardState, Repaired, Snapshot, SnapshotRecord
from tests.unit.database.test_database_wal import FakeDisk, log_on, recover

ENTRIES = [LogEntry(index, 2, Execute("n1", 7, 1, 1, index, 0, Put("k", "v" * 20))) for index in range(1, 9)]


def written(*, marked=True, vote="n2"):
    """A log as a node writes it: begun anew, then record by record, each synced, a mark at the end."""
    disk = FakeDisk()
    log = log_on(disk)
    log.recover([1])
    log.rewrite([(1, (HardState(1, ""), Entries(tuple(ENTRIES[:2]))))])
    log.append(1, (HardState(2, vote),), 1)
    sync(log, disk)
    for entry in ENTRIES[2:]:
        log.append(1, (Entries((entry,)),), entry.index)
        sync(log, disk)
    if marked:
        log.mark()
        sync(log, disk)
    return disk.after(10**6)


def sync(log, disk):
    while disk.syncs:
        log.synced(disk.syncs.pop(0)[0], "")


def flipped(disk, file, bit):
    content = bytearray(disk.read(file))
    content[bit // 8] ^= 1 << bit % 8
    return FakeDisk({**disk.before, file: bytes(content)})


def bits_of(disk, file):
    return range(8 * len(disk.read(file)))


def places_of_frames(content):
    return [place for place, frame in Framing("n1", LOG_FILE)._frames(content) if frame is not None]


def test_each_flipped_bit_of_the_log_is_found_and_nothing_but_what_follows_is_lost():
    disk = written()
    whole = recover(disk, [1])[1]
    assert not whole.damaged and whole.entries == tuple(ENTRIES) and (whole.term, whole.vote) == (2, "n2")
    last_mark = 8 * places_of_frames(disk.read(LOG_FILE))[-1]
    for bit in range(0, len(bits_of(disk, LOG_FILE)), 3):
        found = recover(flipped(disk, LOG_FILE, bit), [1])[1]
        assert found.damaged == (bit < last_mark), f"bit {bit}"
        assert found.entries == tuple(ENTRIES[: len(found.entries)])
        assert (found.term, found.vote, found.number) == (2, "n2", 0)
        if not found.damaged:
            assert found.entries == tuple(ENTRIES)


def test_damage_of_the_last_record_is_told_from_a_tail_only_by_the_mark():
    for marked in (True, False):
        disk = written(marked=marked)
        found = recover(flipped(disk, LOG_FILE, 8 * (len(disk.read(LOG_FILE)) - 3 - 26 * marked)), [1])[1]
        assert found.damaged == marked
        assert found.entries == tuple(ENTRIES[:-1]) if not marked else len(found.entries) < len(ENTRIES)


def test_every_part_of_a_tail_that_was_not_synced_is_a_crash_and_no_damage():
    disk = written()
    log = log_on(disk)
    recovered = log.recover([1]).replicas[1]
    log.rewrite([(1, (HardState(2, "n2"), Entries(recovered.entries)))])
    begin = len(disk.read(LOG_FILE))
    for index in (9, 10, 11):
        log.append(1, (Entries((LogEntry(index, 2, ENTRIES[0].command),)),), index)
    content = disk.read(LOG_FILE)
    ends = [*places_of_frames(content)[-3:], len(content)]
    for cut in range(begin, len(content) + 1):
        for torn in (content[:cut], content[:begin] + bytes(cut - begin) + content[cut:]):
            found = recover(FakeDisk({**disk.after(10**6).before, LOG_FILE: torn}), [1])[1]
            assert not found.damaged and found.entries[:8] == recovered.entries
            if torn == content[:cut]:
                assert len(found.entries) == 8 + sum(end <= cut for end in ends[1:])


def test_each_flipped_bit_of_a_vote_is_found_and_the_log_knows_it_still():
    disk = written()
    for bit in bits_of(disk, vote_file(1)):
        found = recover(flipped(disk, vote_file(1), bit), [1])[1]
        assert not found.damaged and (found.term, found.vote, found.number) == (2, "n2", 0)


def test_a_scrub_finds_whatever_is_not_as_it_was_written_also_behind_a_vote_that_can_be_read():
    disk = written()
    content = disk.read(vote_file(1))
    for found in (content, b""):
        assert log_on(FakeDisk({vote_file(1): found})).is_intact(vote_file(1))
    for found in (content + b"n4", content[:-1], b"x" + content[1:]):
        assert not log_on(FakeDisk({vote_file(1): found})).is_intact(vote_file(1))


def test_who_has_lost_its_vote_twice_has_lost_everything_for_good():
    disk = flipped(flipped(written(), vote_file(1), 100), LOG_FILE, 400)
    log = log_on(disk)
    assert log.recover([1]).replicas[1].number == LOST
    log.rewrite([(1, (HardState(2, ""),))])
    assert recover(disk.after(10**6), [1])[1].number == LOST


def test_each_flipped_bit_of_a_snapshot_is_found_and_its_entries_are_gone_with_it():
    disk = FakeDisk()
    log = log_on(disk)
    log.recover([1])
    log.save_snapshot(1, Snapshot(5, 2, (b"content",)))
    log.rewrite([(1, (HardState(2, "n2"), Entries(tuple(ENTRIES[5:]))))])
    disk = disk.after(10**6)
    assert recover(disk, [1])[1].entries == tuple(ENTRIES[5:])
    for bit in bits_of(disk, snapshot_file(1)):
        found = recover(flipped(disk, snapshot_file(1), bit), [1])[1]
        assert found.damaged and found.snapshot is None and found.entries == ()
        assert (found.term, found.vote, found.number) == (2, "n2", 0)


@pytest.mark.parametrize(
    ("states", "promised"),
    [
        (((2, ""), (2, "n2")), (2, "n2")),
        (((2, "n2"), (2, "")), (2, "n2")),  # A vote that was given stays given.
        (((2, "n2"), (3, "")), (3, "")),
        (((3, ""), (2, "n2")), (3, "")),
        (((2, "n2"), (1, "n3"), (2, "n2")), (2, "n2")),
    ],
)
def test_the_latest_of_what_was_promised_anywhere_holds(states, promised):
    replay = Replay(0)
    for state in states:
        replay.promise(StoredState(*state))
    assert (replay.term, replay.vote) == promised


@pytest.mark.parametrize(
    ("snapshot", "first", "is_damaged"), [(None, 1, False), (None, 2, True), (4, 5, False), (4, 4, False), (4, 6, True)]
)
def test_entries_that_do_not_follow_what_is_there_are_missed_themselves(snapshot, first, is_damaged):
    replay = Replay(0)
    replay.take(StoredEntries([StoredEntry(index, 2, None) for index in range(first, first + 3)]))
    found = replay.finish(
        OwnFile(Snapshot(snapshot, 2, (b"s",)) if snapshot else None), OwnFile(), log_is_damaged=False
    )
    begin = (snapshot or 0) + 1
    assert (found.damaged, [each.index for each in found.entries]) == (
        is_damaged,
        [] if is_damaged else list(range(begin, first + 3)),
    )


def test_a_snapshot_that_never_arrived_is_missed():
    for keeps_entries in (True, False):
        disk = FakeDisk()
        log = log_on(disk)
        log.recover([1])
        log.save_snapshot(1, Snapshot(3, 2, (b"old",)))
        kept = disk.after(10**6).before[snapshot_file(1)]
        log.append(1, (SnapshotRecord(Snapshot(5, 2, (b"new",)), False),), 1)
        log.rewrite([(1, (HardState(2, "n2"), *([Entries(tuple(ENTRIES[5:]))] if keeps_entries else [])))])
        found = recover(FakeDisk({**disk.after(10**6).before, snapshot_file(1): kept}), [1])[1]
        assert found.damaged and found.snapshot.index == 3 and found.entries == ()


def test_a_frame_in_the_place_of_another_is_found_whatever_it_says():
    disk = written()
    content = disk.read(LOG_FILE)
    places = places_of_frames(content)
    frames = [content[begin:end] for begin, end in zip(places, [*places[1:], len(content)], strict=True)]
    assert len(set(map(len, frames[4:-1]))) == 1
    for target in range(4, len(frames) - 2):
        for source in range(4, len(frames) - 1):
            if source != target:
                changed = b"".join([*frames[:target], frames[source], *frames[target + 1 :]])
                found = recover(FakeDisk({**disk.before, LOG_FILE: changed}), [1])[1]
                assert found.damaged and found.entries == tuple(ENTRIES[: len(found.entries)])


def overwritten(disk, file, content):
    """Let something land on the beginning of a file."""
    return FakeDisk({**disk.before, file: content + disk.read(file)[len(content) :]})


@pytest.mark.parametrize("file", [vote_file(1), snapshot_file(1), FORMAT_FILE, "other"])
def test_the_last_record_is_missed_where_it_is_found_elsewhere(file):
    """A hole at the end of the log looks like what a crash has torn, but for what stands in the wrong place."""
    disk = written(marked=False)
    log = log_on(disk)
    log.recover([1])
    log.save_snapshot(1, Snapshot(1, 2, (b"s",)))
    log.put("other", b"others")
    disk = disk.after(10**6)
    content = disk.read(LOG_FILE)
    record = content[places_of_frames(content)[-1] :]
    torn = FakeDisk({**disk.before, LOG_FILE: content[: -len(record)] + bytes(len(record))})
    found = recover(torn, [1])[1]
    assert not found.damaged and found.entries[-1].index == 7
    found = recover(overwritten(torn, file, record), [1])[1]
    assert found.damaged and (found.number == LOST) == (file == vote_file(1))
    whole = recover(overwritten(disk, file, record), [1])[1]
    assert whole.damaged == (file == snapshot_file(1)) and whole.entries[-1].index == 8


@pytest.mark.parametrize("damage", ["that of before", "nothing", "more behind it"])
def test_a_scrub_finds_that_a_file_does_not_hold_what_was_written_last(damage):
    disk = FakeDisk()
    log = log_on(disk)
    log.recover([1])
    for number in (1, 2):
        log.append(1, (HardState(number, "n2"),), number)
        log.save_snapshot(1, Snapshot(number, 1, (b"s",)))
        log.put("other", b"%d" % number)
        sync(log, disk)
        if number == 1:
            before = disk.after(10**6).before
    for file in (vote_file(1), snapshot_file(1), "other"):
        assert log.is_intact(file)
        wrong = {"that of before": before[file], "nothing": b"", "more behind it": disk.read(file) + b"x"}[damage]
        disk.writes.append(("replace", file, wrong))
        assert not log.is_intact(file)


def test_what_a_restart_has_read_is_what_a_scrub_compares_with():
    disk = written()
    log = log_on(disk)
    log.recover([1])
    assert log.is_intact(vote_file(1))
    disk.writes.append(("replace", vote_file(1), written(vote="n3").read(vote_file(1))))
    assert not log.is_intact(vote_file(1))


def test_a_file_of_another_node_or_another_name_is_not_believed():
    disk = written()
    assert not Framing("n2", LOG_FILE).read(disk.read(LOG_FILE)).bodies
    assert Framing("n1", vote_file(2)).read(disk.read(vote_file(1))).is_damaged


def test_a_log_that_was_not_replaced_is_missed_by_what_was_written_behind_it():
    disk = written()
    old = disk.read(LOG_FILE)
    log = log_on(disk)
    log.recover([1])
    log.rewrite([(1, (HardState(2, "n2"), Entries(tuple(ENTRIES))))])
    begin = len(disk.read(LOG_FILE))
    log.append(1, (Entries((LogEntry(9, 2, None),)),), 9)
    behind = disk.read(LOG_FILE)[begin:]
    assert recover(FakeDisk({**disk.before, LOG_FILE: old + behind}), [1])[1].damaged


def test_a_replica_is_damaged_until_it_is_repaired_however_often_it_starts():
    disk = flipped(written(), LOG_FILE, 8 * 450)
    log = log_on(disk)
    found = log.recover([1]).replicas[1]
    assert found.damaged
    log.rewrite([(1, (HardState(2, "n2"), Entries(found.entries), Damaged()))])
    assert recover(disk.after(10**6), [1])[1].damaged
    log.append(1, (Repaired(),), 1)
    assert not recover(disk.after(10**6), [1])[1].damaged


def test_what_cannot_be_read_is_lost_like_what_is_wrong():
    disk = written()
    disk.unreadable = (LOG_FILE,)
    found = recover(disk, [1])[1]
    assert found.damaged and (found.term, found.vote, found.number) == (2, "n2", 0)
    disk.unreadable = (LOG_FILE, vote_file(1))
    assert recover(disk, [1])[1].number == LOST
    disk.unreadable = (FORMAT_FILE,)
    assert recover(disk, [1])[1].number == LOST


@pytest.mark.parametrize("file", [LOG_FILE, vote_file(1)])
def test_reading_back_finds_every_flipped_bit(file):
    disk = written()
    assert log_on(disk).is_intact(file)
    for bit in list(bits_of(disk, file))[::5]:
        assert not log_on(flipped(disk, file, bit)).is_intact(file)
    assert HEAD_BYTES == 22
