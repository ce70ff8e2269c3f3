"""The write-ahead log against a model: whatever prefix of the writes a crash leaves, it is a state that was written."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

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
