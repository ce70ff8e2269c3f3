"""When a log calls something durable, what it does when it cannot, and what waits for room."""

from PhantomLibrary.database.frames import Framing
from PhantomLibrary.database.wal import LOG_FILE, WriteAheadLog
from PhantomLibrary.domain import LogEntry
from PhantomLibrary.protocols.raft.messages import Entries, HardState
from tests.unit.database.test_database_wal import SHARDS, FakeDisk, FakeOwner, recover


class Synced:
    """A log whose syncs come back when the test says so."""

    def __init__(self):
        self.disk = FakeDisk()
        self.owner = FakeOwner()
        self.persisted = self.owner.done
        self.owner.log_idle = lambda: None
        self.wal = WriteAheadLog(self.disk, "n1", self.owner)

    def append(self, shard, token):
        self.wal.append(shard, (Entries((LogEntry(token, 1, None),)),), token)

    def sync(self):
        token, covered = self.disk.syncs.pop(0)
        self.wal.synced(token, "")
        return covered


def test_nothing_is_durable_before_a_sync_that_began_after_it_was_written():
    log = Synced()
    log.append(0, 1)
    log.append(1, 2)
    log.append(0, 3)
    assert log.persisted == []

    assert log.sync() == 1
    assert log.persisted == [(0, 1)]
    assert log.sync() == 3
    assert log.persisted == [(0, 1), (1, 2), (0, 3)]
    assert log.disk.syncs == []


def test_what_is_flushed_while_a_sync_is_under_way_has_one_that_begins_after_it():
    log = Synced()
    log.wal.put("directory", b"first")
    log.wal.flush()
    log.wal.put("directory", b"second")
    log.wal.flush()
    log.wal.flush()

    log.sync()
    assert len(log.disk.syncs) == 1
    log.sync()
    assert log.disk.syncs == []
    assert log.persisted == []


def test_one_sync_serves_all_who_wait():
    log = Synced()
    log.append(0, 1)
    for token in range(2, 10):
        log.append(token % 2, token)
    log.sync()

    assert len(log.disk.syncs) == 1
    log.sync()
    assert len(log.persisted) == 9


def test_what_is_written_in_answer_to_a_sync_waits_for_the_next():
    log = Synced()

    def persisted(shard, token):
        log.persisted.append((shard, token))
        if token == 1:
            log.append(0, 5)

    log.owner.persisted = persisted
    log.append(0, 1)
    log.sync()
    assert log.persisted == [(0, 1)]

    assert log.sync() == 2
    assert log.persisted == [(0, 1), (0, 5)]


def test_a_log_that_is_rewritten_while_a_sync_is_under_way_loses_nothing_that_waits():
    log = Synced()
    log.append(0, 1)
    log.append(0, 2)
    entries = tuple(LogEntry(index, 1, None) for index in (1, 2))
    log.wal.rewrite([(0, (Entries(entries),)), (1, (HardState(0, ""),))])
    for number in range(5):
        assert len(recover(log.disk.after(number), SHARDS)[0].entries) == min(number, 2)
    log.append(0, 3)
    covered = log.sync()
    assert len(recover(log.disk.after(covered), SHARDS)[0].entries) >= log.persisted[-1][1]
    covered = log.sync()

    assert log.persisted == [(0, 1), (0, 2), (0, 3)]
    assert len(recover(log.disk.after(covered), SHARDS)[0].entries) == 3


def test_the_size_of_the_log_is_known_after_writing_and_rewriting():
    log = Synced()
    for token in range(1, 20):
        log.append(0, token)
    assert log.wal.bytes == len(log.disk.read(LOG_FILE)) > 0
    log.wal.rewrite([(0, (HardState(19, ""),))])
    assert log.wal.bytes == len(log.disk.read(LOG_FILE))


def test_a_sync_that_failed_is_the_end_and_is_never_asked_for_again():
    log = Synced()
    log.append(0, 1)
    log.append(0, 2)
    token, _ = log.disk.syncs.pop(0)
    log.wal.synced(token, "input/output error")

    assert log.persisted == ["input/output error"]
    assert log.disk.syncs == []


def test_what_a_full_disk_does_not_take_waits_in_order_and_is_durable_when_it_is():
    log = Synced()
    log.append(0, 1)
    log.sync()
    log.disk.is_full = True
    log.append(0, 2)
    log.append(1, 3)
    log.wal.rewrite((shard, (HardState(4, ""),)) for shard in (0, 1))
    written = len(log.disk.writes)
    assert log.wal.is_full and not log.wal.retry() and len(log.disk.writes) == written
    log.disk.is_full = False
    assert log.wal.retry() and not log.wal.is_full
    log.append(0, 4)
    log.sync()
    log.sync()

    assert log.persisted == [(0, 1), "full", "room", (0, 2), (1, 3), (0, 4)]
    assert recover(log.disk.after(99), SHARDS)[1].term == 4


def test_a_mark_says_once_what_is_durable():
    log = Synced()
    log.owner.log_idle = lambda: log.persisted.append("idle")
    log.append(0, 1)
    log.wal.mark()  # Too early: a sync is under way.
    log.sync()
    assert log.persisted == ["idle", (0, 1)]
    log.wal.mark()
    log.wal.mark()
    assert len(log.disk.writes) == 2 and len(log.disk.syncs) == 1
    log.sync()
    log.wal.mark()
    assert log.persisted == ["idle", (0, 1)] and log.disk.syncs == []


def test_a_log_that_waited_for_room_to_begin_anew_becomes_durable_without_anybody_waiting():
    log = Synced()
    log.disk.is_full = True
    log.wal.rewrite([(0, (HardState(3, ""),))])
    log.wal.flush()
    log.sync()
    log.disk.is_full = False
    log.wal.retry()
    covered = log.sync()
    assert recover(log.disk.after(covered), SHARDS)[0].term == 3 and log.disk.syncs == []


def test_no_frame_calls_durable_what_came_after_the_sync_that_has_come_back():
    log = Synced()
    log.append(0, 1)
    log.append(0, 2)
    log.sync()
    log.append(0, 3)
    frames = [each for _, each in Framing("n1", LOG_FILE)._frames(log.disk.read(LOG_FILE))]
    assert [(each.number, each.durable) for each in frames] == [(1, 0), (2, 0), (3, 1)]


def test_a_small_file_of_others_is_read_back_and_given_up_when_it_is_not_what_was_written():
    log = Synced()
    assert log.wal.get("rounds") == b"" and log.wal.kept == {}
    log.wal.put("rounds", b"seven")
    written = log.disk.after(10**6).before
    again = WriteAheadLog(FakeDisk(written), "n1", log.owner)
    assert again.get("rounds") == b"seven" and again.kept == {"rounds": b"seven"}

    content = bytearray(written["rounds"])
    content[-1] ^= 1
    disk = FakeDisk({**written, "rounds": bytes(content)})
    rotten = WriteAheadLog(disk, "n1", log.owner)
    assert rotten.get("rounds") == b"" and rotten.kept == {} and disk.read("rounds") == b""
    disk = FakeDisk(written)
    disk.unreadable = ("rounds",)
    disk.remove = lambda file: None
    assert WriteAheadLog(disk, "n1", log.owner).get("rounds") == b""
