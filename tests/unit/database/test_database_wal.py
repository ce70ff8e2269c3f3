"""The write-ahead log against a model: whatever prefix of the writes a crash leaves, it is a state that was written."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from PhantomLibrary.database.frames import Framing
from PhantomLibrary.database.messages import Execute
from PhantomLibrary.database.wal import FORMAT_FILE, LOG_FILE, WriteAheadLog
from PhantomLibrary.domain import LogEntry, Put
from PhantomLibrary.kernel.process import ReadError
from PhantomLibrary.protocols.raft.configuration import LOST
from PhantomLibrary.protocols.raft.messages import Entries, HardState, Recovered, Snapshot, SnapshotRecord

SHARDS = (0, 1)


class FakeDisk:
    """Keeps each write, so that a crash can be tried after any of them. A sync comes back when the test says so."""

    def __init__(self, files=None):
        self.before = dict(files or {FORMAT_FILE: b"1"})
        self.writes = []
        self.syncs = []
        self.is_full = False
        self.unreadable = ()

    def append(self, file, content):
        self.writes.append(("append", file, content))

    def replace(self, file, content):
        self.writes.append(("replace", file, content))

    def remove(self, file):
        if self.read(file):
            self.writes.append(("replace", file, b""))

    def sync(self, token):
        self.syncs.append((token, len(self.writes)))

    def after(self, number):
        """Return the disk as a crash leaves it that kept the first `number` writes."""
        files = dict(self.before)
        for kind, file, content in self.writes[:number]:
            files[file] = files.get(file, b"") + content if kind == "append" else content
        return FakeDisk(files)

    def files(self):
        return sorted(self.after(len(self.writes)).before)

    def has_room(self):
        return not self.is_full

    def read(self, file):
        if file in self.unreadable:
            raise ReadError(file)
        return self.after(len(self.writes)).before.get(file, b"")


class FakeOwner:
    """Notes what the log says."""

    def __init__(self):
        self.done = []

    def persisted(self, shard, token):
        self.done.append((shard, token))

    def log_failed(self, error):
        self.done.append(error)

    def log_full(self, is_full):
        self.done.append("full" if is_full else "room")

    def log_idle(self):
        self.done.append("idle")


def log_on(disk):
    return WriteAheadLog(disk, "n1", FakeOwner())


def recover(disk, shards):
    return log_on(disk).recover(shards).replicas


class Model:
    """What one shard's log says, as a replica of Raft would write it."""

    def __init__(self, shard):
        self.shard = shard
        self.term, self.vote = 0, ""
        self.snapshot = None
        self.log = {}  # index to LogEntry, of all that the replica holds after its snapshot

    @property
    def start(self):
        return self.snapshot.index if self.snapshot else 0

    @property
    def last(self):
        return max(self.log, default=self.start)

    def recovered(self):
        return Recovered(self.term, self.vote, self.snapshot, tuple(self.log[index] for index in sorted(self.log)))

    def records(self):
        entries = tuple(self.log[index] for index in sorted(self.log))
        state = HardState(self.term, self.vote)
        return (state, Entries(entries)) if entries else (state,)

    def half_installed(self, snapshot):
        """The state with a new snapshot's file on disk, and nothing of it in the log yet."""
        agrees = snapshot.index in self.log and self.log[snapshot.index].term == snapshot.term
        tail = tuple(self.log[index] for index in sorted(self.log) if index > snapshot.index) if agrees else ()
        return Recovered(self.term, self.vote, snapshot, tail)


class Writer:
    """Writes random but legal records of two shards, and notes what each number of writes should recover to."""

    def __init__(self, seed, steps):
        self.draw = random.Random(seed)
        self.disk = FakeDisk()
        self.wal = log_on(self.disk)
        self.models = {shard: Model(shard) for shard in SHARDS}
        self.expected = [self._all()]
        for step in range(steps):
            model = self.models[self.draw.choice(SHARDS)]
            self.draw.choice([self.vote, self.append, self.append, self.append, self.take, self.install, self.rewrite])(
                model, step
            )
            while self.disk.syncs and self.draw.random() < 0.7:
                self.wal.synced(self.disk.syncs.pop()[0], "")

    def _all(self, **changed):
        return {shard: changed.get(str(shard), model.recovered()) for shard, model in self.models.items()}

    def _written(self, *halfway):
        self.expected += [*halfway, self._all()]

    def vote(self, model, step):
        model.term += 1
        model.vote = self.draw.choice(["", "n1", "n2"])
        self.wal.append(model.shard, (HardState(model.term, model.vote),), step)
        self._written(self._all())  # The vote's own file comes first.

    def append(self, model, step):
        """Entries at the end, or over an end that is not committed; with a new term as a follower gets them."""
        model.term = max(1, model.term + self.draw.choice([0, 0, 1]))
        half = self._all()
        first = self.draw.randint(max(model.start + 1, model.last - 2), model.last + 1)
        count = self.draw.randint(1, 4)
        entries = tuple(LogEntry(first + each, model.term, self._command(step)) for each in range(count))
        for index in [index for index in model.log if index >= first]:
            del model.log[index]
        model.log.update({entry.index: entry for entry in entries})
        self.wal.append(model.shard, (HardState(model.term, model.vote), Entries(entries)), step)
        self._written(half)

    def take(self, model, step):
        """A snapshot of its own covers some of the log."""
        if not model.log:
            return
        index = self.draw.randint(model.start + 1, model.last)
        model.snapshot = Snapshot(index, model.log[index].term, (b"own", b"%d" % step))
        model.log = {each: entry for each, entry in model.log.items() if each > index}
        self.wal.save_snapshot(model.shard, model.snapshot)
        self._written()

    def install(self, model, step):
        """A leader's snapshot, which may agree with the log, contradict it, or lie beyond it."""
        index = self.draw.randint(model.start + 1, model.last + 3)
        held = model.log.get(index)
        keeps_tail = held is not None and self.draw.random() < 0.5
        term = held.term if keeps_tail else model.term + 1
        snapshot = Snapshot(index, term, (b"leader", b"%d" % step))
        if term > model.term:
            model.term, model.vote = term, ""
        halves = self._all(), self._all(**{str(model.shard): model.half_installed(snapshot)})
        model.snapshot = snapshot
        model.log = {each: entry for each, entry in model.log.items() if each > index} if keeps_tail else {}
        records = (HardState(model.term, model.vote), SnapshotRecord(snapshot, keeps_tail))
        self.wal.append(model.shard, records, step)
        self._written(*halves)

    def rewrite(self, _model, step):
        self.wal.rewrite((shard, model.records()) for shard, model in self.models.items())
        self._written(self._all(), self._all())  # Votes first.

    def _command(self, step):
        return None if step % 5 == 0 else Execute("n1", step, 1, 3, step, step, Put("k1", f"v{step}"))


@settings(max_examples=150)
@given(st.integers(0, 10**9), st.integers(1, 25))
def test_any_prefix_of_the_writes_recovers_to_what_they_said(seed, steps):
    writer = Writer(seed, steps)
    assert len(writer.expected) == len(writer.disk.writes) + 1

    for number, expected in enumerate(writer.expected):
        assert recover(writer.disk.after(number), SHARDS) == expected, f"after {number} writes"


@settings(max_examples=60)
@given(st.integers(0, 10**9), st.integers(1, 15), st.integers(0, 10**9))
def test_a_recovered_node_that_rewrites_its_log_and_goes_on_recovers_again(seed, steps, crash):
    writer = Writer(seed, steps)
    number = crash % len(writer.expected)
    disk, expected = writer.disk.after(number), writer.expected[number]

    wal = log_on(disk)
    contents = []
    for shard, found in wal.recover(SHARDS).replicas.items():
        state = HardState(found.term, found.vote)
        contents.append((shard, (state, Entries(found.entries)) if found.entries else (state,)))
    wal.rewrite(contents)
    last = (
        expected[0].entries[-1].index
        if expected[0].entries
        else expected[0].snapshot.index
        if expected[0].snapshot
        else 0
    )
    new = LogEntry(last + 1, 99, None)
    wal.append(0, (Entries((new,)),), 1)

    for number in range(4):  # Two votes, and the log.
        assert recover(disk.after(number), SHARDS) == expected
    assert recover(disk.after(4), SHARDS)[0].entries == (*expected[0].entries, new)


@given(st.integers(0, 10**6), st.integers(0, 400))
def test_a_record_that_is_cut_short_is_dropped_with_all_after_it(seed, cut):
    entries = [LogEntry(index, 1, Execute("n1", seed, 1, 1, index, 0, Put("k", "v" * 20))) for index in range(1, 6)]
    disk = FakeDisk()
    wal = log_on(disk)
    ends = [0]
    for entry in entries:
        wal.append(1, (Entries((entry,)),), entry.index)
        ends.append(len(disk.read(LOG_FILE)))
    content = disk.read(LOG_FILE)
    cut = min(cut, len(content))

    found = recover(FakeDisk({FORMAT_FILE: b"1", LOG_FILE: content[:cut]}), [1])[1]

    assert len(found.entries) == sum(end <= cut for end in ends[1:])


def test_a_disk_that_was_lost_is_told_from_one_that_is_empty():
    assert recover(FakeDisk(), [1])[1] == Recovered()
    assert recover(FakeDisk({"other": b""}), [1])[1] == Recovered(number=LOST)


# --- syncs ------------------------------------------------------------------------------------------------------------


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
