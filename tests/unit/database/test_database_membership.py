"""Members come back without their disks, replicas are begun and given up, and old orders do nothing."""

import pytest

from PhantomLibrary.database.census import Announcement, Order, Report
from PhantomLibrary.database.config import ShardDescriptor
from PhantomLibrary.database.directory import with_shard, with_standing
from PhantomLibrary.database.records import Existence
from PhantomLibrary.database.wal import vote_file
from PhantomLibrary.domain import Append, LogEntry, Ok
from PhantomLibrary.protocols.raft.configuration import LOST, Change
from PhantomLibrary.protocols.raft.messages import Entries, HardState, Invitation, Snapshot
from tests.unit.database.test_database_cluster import SMALL_LOG, Cluster
from tests.unit.database.test_database_wal import log_on


def whole(cluster, shard=1):
    """Whether the shard has three voters that count, and nobody is on the way."""
    leader = cluster.run.leader(shard)
    if not leader or not cluster.replica(leader, shard).group.is_settled:
        return False
    return len(cluster.run.watch.states[shard, leader].configuration.voters) == 3


@pytest.mark.parametrize("knobs", [{}, SMALL_LOG])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_node_without_its_disk_is_readmitted_and_counts_again(seed, knobs):
    cluster = Cluster(seed=seed, knobs=knobs)
    session = cluster.session(home=cluster.run.leader(1))
    for number in range(40):
        assert cluster.call(session, Append("list", str(number))) == Ok(None)
    leader = cluster.run.leader(1)
    wiped, other = (node for node in cluster.run.voters(1) if node != leader)
    cluster.give("crash node", wiped)
    cluster.give("restart node", wiped, disk="wiped")
    assert cluster.go(10, lambda: all(cluster.replica(wiped, shard).number > 0 for shard in (0, 1)))
    assert cluster.go(5, lambda: whole(cluster, 0) and whole(cluster, 1))

    cluster.give("crash node", other)
    session = cluster.session(home=leader)
    assert cluster.call(session, Append("list", "last")) == Ok(None), "it counts in the quorum"
    assert cluster.read("list").split() == [*map(str, range(40)), "last"]
    cluster.give("restart node", other)
    cluster.settle()


def test_a_readmitted_replica_comes_back_from_its_disk_as_the_same():
    cluster = Cluster()
    wiped = next(node for node in cluster.run.voters(1) if node != cluster.run.leader(1))
    cluster.give("crash node", wiped)
    cluster.give("restart node", wiped, disk="wiped")
    assert cluster.go(10, lambda: cluster.replica(wiped, 1).number > 0 and whole(cluster))
    number = cluster.replica(wiped, 1).number
    cluster.give("crash node", wiped)
    cluster.give("restart node", wiped)

    assert cluster.replica(wiped, 1).number == number
    cluster.settle()


def test_an_order_of_an_earlier_coordinator_or_configuration_does_nothing():
    cluster = Cluster()
    leader = cluster.run.leader(1)
    node = cluster.run.processes[leader]
    gone = next(each for each in cluster.run.voters(1) if each != leader)
    cluster.go(1)
    term = node.membership._term
    node.receive("n1", Order(1, term - 1, 0, Change(removed=(gone,))))
    assert cluster.replica(leader, 1).group.configurations.index == 0
    node.receive("n1", Order(1, term, 3, Change(removed=(gone,))))
    assert cluster.replica(leader, 1).group.configurations.index == 0
    assert "have changed since entry 3" in cluster.replica(leader, 1).change_failure
    later = node.membership.directory.version + 1
    node.receive("n1", Order(1, term, 0, Change(removed=(gone,)), later))
    assert cluster.replica(leader, 1).group.configurations.index == 0, "it goes by what is not known here yet"
    for _ in range(5):  # Now and then a leader has not heard of its followers for a moment.
        node.receive("n1", Order(1, term, 0, Change(removed=(gone,))))
        cluster.go(0.1)
    assert cluster.replica(leader, 1).group.configurations.index > 0


def test_an_invitation_for_a_replica_that_was_here_before_begins_nothing():
    cluster = Cluster()
    node = cluster.run.processes["n1"]
    before = node.replicas[1]
    node.receive("n2", Invitation(1, "n2", 9, 0))
    assert node.replicas[1] is before
    node.replica_set.end(1)
    node.receive("n2", Invitation(1, "n2", 9, 0))
    assert 1 not in node.replicas
    node.receive("n2", Invitation(1, "n2", 9, 5))
    assert node.replicas[1].number == 5 and node.replicas[1].machine.applied_index == 0
    node.replica_set.end(1)
    node.receive("n2", Invitation(1, "n2", 9, 5))
    assert 1 not in node.replicas


def test_who_led_in_an_earlier_term_has_no_replica_replaced():
    cluster = Cluster()
    node = cluster.run.processes["n1"]
    before = node.replicas[1]
    node.receive("n2", Invitation(1, "n2", before.group.term - 1, 99))
    assert node.replicas[1] is before
    node.receive("n2", Invitation(1, "n2", before.group.term, 99))
    assert node.replicas[1].number == 99


# --- on the disk ------------------------------------------------------------------------------------------------------


class MemoryDisk:
    def __init__(self):
        self.contents = {"format": b"1"}

    def read(self, file):
        return self.contents.get(file, b"")

    def append(self, file, content):
        self.contents[file] = self.read(file) + content

    def replace(self, file, content):
        self.contents[file] = content

    def remove(self, file):
        self.contents.pop(file, None)

    def files(self):
        return sorted(self.contents)

    def has_room(self):
        return True

    def sync(self, token):
        pass


def entries(*terms):
    return Entries(tuple(LogEntry(index, term, None) for index, term in enumerate(terms, 1)))


def test_a_replica_that_begins_has_nothing_of_the_one_before():
    disk = MemoryDisk()
    wal = log_on(disk)
    wal.append(1, [HardState(4, "n2"), entries(1, 4)], 1)
    wal.save_snapshot(1, Snapshot(1, 1, (b"old",)))
    wal.end(1, 0)
    wal.begin(1, 7)
    found = log_on(disk).recover([1])
    assert found.replicas[1].number == 7 and found.gone == {1: 0}
    assert (found.replicas[1].term, found.replicas[1].entries, found.replicas[1].snapshot) == (0, (), None)
    wal.append(1, [HardState(5, ""), entries(1, 4, 5)], 1)
    wal.save_snapshot(1, Snapshot(2, 4, (b"new",)))
    found = log_on(disk).recover([1])
    assert (found.replicas[1].term, found.replicas[1].snapshot.chunks) == (5, (b"new",))


def test_a_replica_that_is_gone_stays_gone_and_its_number_is_kept_when_the_log_is_rewritten():
    disk = MemoryDisk()
    wal = log_on(disk)
    wal.begin(3, 7)
    wal.end(3, 7)
    found = log_on(disk).recover([1])
    assert 3 not in found.replicas and found.gone == {3: 7}
    wal.rewrite([(3, [Existence(7, holds=False)])])
    assert log_on(disk).recover([1]).gone == {3: 7}


def test_nobody_hears_of_records_of_a_replica_that_is_gone():
    wal = log_on(MemoryDisk())
    heard = wal._owner.done
    wal._owner.log_idle = lambda: None
    wal.append(1, [HardState(1, "")], 1)
    wal.append(2, [HardState(1, "")], 8)
    wal.end(1, 0)
    wal.synced(1, "")
    wal.synced(2, "")
    assert heard == [(2, 8)]


def test_without_the_mark_of_formatting_what_was_there_from_the_beginning_is_lost():
    disk = MemoryDisk()
    wal = log_on(disk)
    wal.append(1, [HardState(1, "")], 1)
    wal.begin(2, 6)
    disk.remove("format")
    found = log_on(disk).recover([1])
    assert (found.replicas[1].number, found.replicas[2].number) == (LOST, 6)


def test_a_replica_whose_beginning_was_damaged_is_known_by_its_vote_and_begins_no_second_time():
    disk = MemoryDisk()
    wal = log_on(disk)
    wal.rewrite([(1, [HardState(1, "")])])
    wal.begin(2, 6)
    wal.append(2, [HardState(3, "n2")], 1)
    content = bytearray(disk.contents["log"])
    content[-60] ^= 1
    wal.append(1, [HardState(2, "")], 2)
    wal.rewrite([(1, [HardState(2, "")])])
    assert log_on(disk).recover([1]).replicas.keys() == {1}  # Whole, and says nothing of it.
    content[30] ^= 1
    disk.contents["log"] = bytes(content)
    found = log_on(disk).recover([1]).replicas[2]
    assert (found.number, found.term, found.vote, found.damaged) == (6, 3, "n2", True)
    disk.remove(vote_file(2, 6))
    assert 2 not in log_on(disk).recover([1]).replicas


def test_a_removed_node_keeps_a_replica_whose_vote_is_needed_until_its_shard_does_without_it():
    """It once gave up all at the news of its removal: in the middle of a joint configuration nobody could decide."""
    cluster = Cluster(topology="five-nodes", nodes=4, shards=1)
    node = cluster.run.processes["n1"]
    directory = node.membership.directory
    gone = with_standing(directory, "n1", "removed", directory.version + 1)
    node.receive("n2", Announcement(0, gone))
    assert node.membership.is_removed and sorted(node.replicas) == [0, 1]
    descriptor = ShardDescriptor(1, "", "", 50, ("n2", "n3"))
    node.receive("n2", Announcement(0, with_shard(gone, descriptor, directory.version + 2)))
    assert sorted(node.replicas) == [0]


def test_a_node_that_knows_nobody_who_could_tell_is_told_by_whom_it_asks():
    cluster = Cluster(topology="five-nodes", nodes=4, shards=1)
    sent = []
    bystander = cluster.run.processes["n4"].membership
    bystander.directory = with_standing(bystander.directory, "n3", "decommissioning", 9)
    bystander.tell = lambda node, message: sent.append((node, message))
    bystander.receive("n1", Report("n1", 1, 4, 1, ()))
    assert sent == [("n1", Announcement(0, bystander.directory))]
    bystander.receive("n1", Report("n1", 1, 9, 2, ()))
    assert len(sent) == 1


def test_a_replica_that_begins_is_not_asked_for_the_snapshot_of_the_one_before():
    disk = MemoryDisk()
    wal = log_on(disk)
    wal.save_snapshot(1, Snapshot(5, 1, (b"old",)))
    wal.end(1, 0)
    wal.begin(1, 7)
    wal.rewrite([(1, [Existence(7, holds=True), HardState(2, "")])])
    found = log_on(disk).recover([1]).replicas[1]
    assert (found.number, found.term, found.damaged) == (7, 2, False)
