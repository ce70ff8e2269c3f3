"""The parts of a snapshot that are on a disk: found again, cut off where they are damaged, given up for the whole."""

from types import SimpleNamespace

from PhantomLibrary.database.snapshot_parts import parts_file
from PhantomLibrary.database.wal import FORMAT_FILE, WriteAheadLog
from PhantomLibrary.protocols.raft.messages import HardState, Snapshot, SnapshotPart, SnapshotRecord


class Files(dict):
    """A disk that keeps everything."""

    def __init__(self):
        super().__init__({FORMAT_FILE: b"1"})

    def read(self, file):
        return self.get(file, b"")

    def append(self, file, content):
        self[file] = self.read(file) + content

    def replace(self, file, content):
        self[file] = content

    def remove(self, file):
        self.pop(file, None)

    def files(self):
        return sorted(self)

    def has_room(self):
        return True

    def sync(self, token):
        """All is durable already."""


def log_on(disk):
    return WriteAheadLog(disk, "n1", SimpleNamespace())


def recover(disk, shards):
    return log_on(disk).recover(shards).replicas


def part(chunk, checksum=7):
    return SnapshotPart(9, 2, checksum, chunk, b"x" * 10)


def test_parts_of_a_snapshot_are_found_again_up_to_the_first_that_is_damaged():
    disk = Files()
    wal = log_on(disk)
    wal.append(1, (HardState(2, "n1"), part(0), part(1), part(2)), 1)
    assert recover(disk, [1])[1].parts == (part(0), part(1), part(2))
    assert recover(disk, [1])[1].term == 2

    content = bytearray(disk.read(parts_file(1)))
    content[len(content) // 2] ^= 1
    disk.replace(parts_file(1), bytes(content))
    assert recover(disk, [1])[1].parts == (part(0),)
    disk.replace(parts_file(1), bytes(content[:20]))
    assert recover(disk, [1])[1].parts == ()


def test_parts_give_way_to_another_snapshot_and_to_the_whole():
    disk = Files()
    wal = log_on(disk)
    wal.append(1, (part(0), part(1), part(0, checksum=8)), 1)
    assert recover(disk, [1])[1].parts == (part(0, checksum=8),)
    wal.append(1, (SnapshotRecord(Snapshot(9, 2, (b"x",)), keeps_tail=False),), 2)
    found = recover(disk, [1])[1]
    assert found.parts == () and found.snapshot == Snapshot(9, 2, (b"x",))


def test_parts_go_on_behind_those_that_a_crash_left_whole():
    disk = Files()
    log_on(disk).append(1, (part(0), part(1)), 1)
    disk.replace(parts_file(1), disk.read(parts_file(1))[:-3])
    wal = log_on(disk)
    assert wal.recover([1]).replicas[1].parts == (part(0),)
    wal.append(1, (part(1),), 2)
    assert recover(disk, [1])[1].parts == (part(0), part(1))
