"""PhantomDB as a whole, in small simulated clusters: what it keeps, forgets and answers when the world is unkind."""

from itertools import pairwise

import pytest

from PhantomLibrary.database.config import DatabaseConfig, make_layout
from PhantomLibrary.database.coordinator import Coordinator
from PhantomLibrary.database.messages import Execute, ShardReply, ShardRequest
from PhantomLibrary.domain import (
    SECOND_NS,
    Append,
    Get,
    Increment,
    LogEntry,
    Ok,
    OutcomeUnknown,
    Put,
    Refused,
    ReplicaRecovered,
)
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.protocols.raft.effects import Apply, SetDeadline, SnapshotTaken
from PhantomLibrary.testbed.judge import Recovery, judge_agreement, judge_history, judge_invariants, replicas_agree
from PhantomLibrary.testbed.parts import Parts
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec

SMALL_LOG = {"snapshot_entries": 20, "kept_entries_max": 5, "log_bytes_max": 5_000}


class RepairsNothing(Coordinator):
    """Leaves all shards with the members that they have."""

    def _carry_out(self, now_ns):
        return 0


class Cluster:
    """A run with short words for what these tests do."""

    def __init__(self, parts=None, **fields):
        self.run = Run(RunSpec(**{"seed": 1, **fields}), parts=parts)
        assert self.go(3, lambda: all(self.run.leader(shard) for shard in self.run.shard_ids))
        self._process = 1_000_000

    def go(self, seconds, condition=None):
        return self.run.advance(self.run.now_ns + round(seconds * SECOND_NS), condition)

    def give(self, verb, target="", **arguments):
        now_ns = self.run.now_ns
        return self.run.perform(Command(verb, now_ns, now_ns, target, None, None, arguments))

    def session(self, home=None):
        self._process += 1
        return self.run.sessions.open(self._process, home=home)

    def begin(self, session, operation):
        """Start an operation in a session; its answer will be in the list that is returned."""
        answers = []

        async def story():
            answers.append(await session.call(operation))

        Task(self.run.scheduler, story())
        return answers

    def call(self, session, operation):
        answers = self.begin(session, operation)
        assert self.go(5, lambda: bool(answers))
        return answers[0]

    def read(self, key):
        task = self.give("get value", key=key)
        assert self.go(5, lambda: task.is_done)
        assert type(task.result) is Ok
        return task.result.value

    def settle(self):
        self.run.faults.heal_all()
        assert self.go(20, Recovery(self.run))
        assert self.go(20, replicas_agree(self.run))
        assert judge_invariants(self.run) is None
        assert judge_agreement(self.run).outcome == "valid"

    def replica(self, node, shard):
        return self.run.processes[node].replicas[shard]

    def applied(self, node, shard=1):
        return self.run.watch.states[shard, node].applied_index


def test_a_write_whose_answer_was_lost_happens_once_although_it_is_tried_again():
    cluster = Cluster()
    leader = cluster.run.leader(1)
    follower = next(node for node in cluster.run.voters(1) if node != leader)
    session = cluster.session(home=follower)
    assert cluster.call(session, Increment("n", 1)) == Ok(None)

    cluster.give("drop messages", kind="shard reply")
    answers = cluster.begin(session, Increment("n", 10))
    cluster.go(0.8)
    cluster.give("heal faults")
    cluster.go(2, lambda: bool(answers))

    assert answers == [Ok(None)]
    executed = [
        each
        for each in cluster.replica(leader, 1).group.log.all_entries()
        if isinstance(each.command, Execute) and each.command.operation == Increment("n", 10)
    ]
    assert len(executed) >= 2, "it stands in the log more than once, or this test proves nothing"
    assert cluster.read("n") == "11"


def test_a_retry_in_an_evicted_session_is_unknown_and_has_no_second_effect():
    cluster = Cluster(knobs={"sessions_max": 3})
    leader = cluster.run.leader(1)
    follower = next(node for node in cluster.run.voters(1) if node != leader)
    session = cluster.session(home=follower)
    assert cluster.call(session, Append("list", "a")) == Ok(None)

    cluster.give("drop messages", kind="shard reply", source=leader, target=follower)
    answers = cluster.begin(session, Append("list", "b"))
    cluster.go(0.1)
    assert answers == []
    for _ in range(4):  # Others, by way of the leader's own gateway, open sessions until that one is evicted.
        assert cluster.call(cluster.session(home=leader), Append("other", "x")) == Ok(None)
    cluster.give("heal faults")
    cluster.go(3, lambda: bool(answers))

    assert isinstance(answers[0], OutcomeUnknown)
    assert "expired" in answers[0].reason
    cluster.go(5)
    assert cluster.read("list") == "a b"


def test_a_client_whose_session_was_evicted_while_it_was_idle_notices_nothing():
    cluster = Cluster(knobs={"sessions_max": 3})
    session = cluster.session()
    assert cluster.call(session, Append("list", "a")) == Ok(None)
    for _ in range(4):
        assert cluster.call(cluster.session(), Append("other", "x")) == Ok(None)

    assert cluster.call(session, Append("list", "b")) == Ok(None)
    assert cluster.read("list") == "a b"


@pytest.mark.parametrize("role", ["leader", "follower"])
def test_a_second_copy_of_a_request_is_dropped(role):
    """A copy that comes when the node leads would be taken up after the gateway was told that it never will be."""
    cluster = Cluster()
    leader = cluster.run.leader(1)
    node = leader if role == "leader" else next(each for each in cluster.run.voters(1) if each != leader)
    process, replies = cluster.run.processes[node], []
    process.reply = lambda gateway, reply: replies.append(reply)
    group = cluster.replica(node, 1).group
    cluster.go(1)
    before = group.log.last_index

    request = ShardRequest(1, "n9", 1, 1, 1, 1, 1, 1, Increment("n", 1))
    for _ in range(2):
        process.receive("n9", request)
    cluster.go(1)

    assert [type(reply) for reply in replies] == [ShardReply]
    assert group.log.last_index == before + (role == "leader")


def test_a_leader_that_steps_down_says_of_what_it_took_up_that_nobody_knows():
    """At once, so that its gateways go on elsewhere, and knowing that a write may have happened."""
    cluster = Cluster()
    leader = cluster.run.leader(1)
    process, replies = cluster.run.processes[leader], []
    process.reply = lambda gateway, reply: replies.append(reply)
    cluster.give("isolate node", leader)
    process.receive("n9", ShardRequest(1, "n9", 5, 1, 1, 1, 1, 1, Increment("n", 1)))
    assert replies == []

    assert cluster.go(3, lambda: not cluster.replica(leader, 1).group.is_leader)
    assert [(reply.call, reply.outcome.may_happen) for reply in replies if reply.call == 5] == [(5, True)]
    process.receive("n9", ShardRequest(1, "n9", 6, 1, 1, 1, 1, 1, Increment("n", 1)))
    assert [(reply.call, reply.outcome.may_happen) for reply in replies if reply.call == 6] == [(6, False)]


def test_a_follower_that_lags_too_far_catches_up_by_a_snapshot_and_shows_it():
    cluster = Cluster(knobs=SMALL_LOG)
    leader = cluster.run.leader(1)
    follower = next(node for node in cluster.run.voters(1) if node != leader)
    cluster.give("isolate node", follower)
    session = cluster.session(home=leader)
    for number in range(60):
        assert cluster.call(session, Append("list", str(number))) == Ok(None)
    assert cluster.replica(leader, 1).group.log.snapshot_index > cluster.applied(follower)

    cluster.give("heal faults")
    goal = cluster.applied(leader)
    assert cluster.go(5, lambda: cluster.applied(follower) >= goal), "what it shows is what it has applied"
    # It was shown in the instant in which the state machine had it, not with a later entry.
    assert cluster.replica(follower, 1).group.snapshot.index >= 20
    cluster.settle()
    assert cluster.replica(follower, 1).machine.digest() == cluster.replica(leader, 1).machine.digest()


def test_an_installed_snapshot_is_shown_although_nothing_comes_after_it():
    cluster = Cluster(knobs={**SMALL_LOG, "kept_entries_max": 1, "snapshot_entries": 10})
    leader = cluster.run.leader(1)
    follower = next(node for node in cluster.run.voters(1) if node != leader)
    cluster.give("isolate node", follower)
    session = cluster.session(home=leader)
    while True:
        assert cluster.call(session, Append("list", "x")) == Ok(None)
        group = cluster.replica(leader, 1).group
        if group.snapshot is not None and group.snapshot.index == group.commit_index:
            break
    cluster.give("heal faults")

    assert cluster.go(10, lambda: cluster.applied(follower) == group.commit_index)


def test_a_lost_disk_takes_data_but_neither_votes_nor_counts():
    cluster = Cluster(Parts(coordinator=RepairsNothing))
    leader = cluster.run.leader(1)
    wiped, other = (node for node in cluster.run.voters(1) if node != leader)
    session = cluster.session(home=leader)
    assert cluster.call(session, Append("list", "a")) == Ok(None)

    cluster.give("crash node", wiped)
    cluster.give("restart node", wiped, disk="wiped")
    assert cluster.go(5, lambda: cluster.applied(wiped) == cluster.applied(leader)), "it receives data"
    cluster.give("crash node", other)
    answers = cluster.begin(session, Append("list", "b"))
    cluster.go(4)
    assert not isinstance(answers[0], Ok), "the leader and a node without its disk are no quorum"
    cluster.go(5)
    assert cluster.run.leader(1) == "", "and elect nobody"

    cluster.give("restart node", other)
    assert cluster.go(5, lambda: bool(cluster.run.leader(1)))
    assert cluster.run.leader(1) != wiped
    cluster.settle()
    assert cluster.read("list") in ("a", "a b")


def test_a_leader_elected_later_does_not_count_a_lost_disk_either():
    cluster = Cluster(Parts(coordinator=RepairsNothing))
    wiped = next(node for node in cluster.run.voters(1) if node != cluster.run.leader(1))
    cluster.give("crash node", wiped)
    cluster.give("restart node", wiped, disk="wiped")
    cluster.go(2)
    cluster.give("crash node", cluster.run.leader(1))
    cluster.give("heal faults")
    assert cluster.go(5, lambda: bool(cluster.run.leader(1)))
    cluster.go(1)  # So that all it says to its new leader is yes.
    leader = cluster.run.leader(1)
    session = cluster.session(home=leader)
    assert cluster.call(session, Append("list", "a")) == Ok(None)

    (other,) = (node for node in cluster.run.voters(1) if node not in (leader, wiped))
    cluster.give("crash node", other)
    assert isinstance(cluster.call(session, Append("list", "b")), OutcomeUnknown)


def test_a_lost_disk_is_remembered_over_a_restart():
    cluster = Cluster(Parts(coordinator=RepairsNothing))
    wiped = next(node for node in cluster.run.voters(1) if node != cluster.run.leader(1))
    cluster.give("crash node", wiped)
    cluster.give("restart node", wiped, disk="wiped")
    cluster.go(2)
    cluster.give("crash node", wiped)
    cluster.give("restart node", wiped)

    assert not cluster.replica(wiped, 1).group.formatted


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_power_loss_of_all_nodes_loses_nothing_that_was_confirmed(seed):
    cluster = Cluster(seed=seed, knobs=SMALL_LOG)
    cluster.give("start workload", kind="append", clients=6, rate=300_000, keys=3)
    for _ in range(3):
        cluster.go(2)
        cluster.give("crash node", "all")
        cluster.go(0.3)
        cluster.give("restart node", "all")
        assert cluster.go(10, lambda: all(cluster.run.leader(shard) for shard in cluster.run.shard_ids))
    cluster.go(1)
    cluster.give("stop workload", drain_ns=5 * SECOND_NS)
    cluster.go(6)

    cluster.settle()
    verdict = judge_history(cluster.run, "linearizable", confirmed=100)
    assert verdict.outcome == "valid", verdict.headline


def test_snapshots_are_taken_at_the_same_entries_everywhere_in_the_terms_of_these():
    cluster = Cluster()
    replica, taken = cluster.replica("n1", 1), []
    cluster.go(1)
    last = replica.machine.applied_index
    replica._snapshot_entries = last + 1
    replica.group._handlers[SnapshotTaken] = lambda event, now_ns: taken.append(event.snapshot) or []
    replica.apply(Apply((LogEntry(last + 1, 4, None), LogEntry(last + 2, 5, None))))

    assert [(snapshot.index, snapshot.term) for snapshot in taken] == [(last + 1, 4)]


def test_logs_and_snapshots_stay_small_however_long_the_run():
    cluster = Cluster(knobs=SMALL_LOG)
    cluster.give("start workload", kind="register", clients=4, rate=300_000, keys=3, reads_percent=0)
    cluster.go(10)

    for node in cluster.run.node_names:
        assert len(cluster.run.host(node).env.disk.read("log")) < 5_000 + 20 * 400
        assert len(cluster.replica(node, 1).group.log.all_entries()) < 50


def test_a_restarted_replica_shows_what_it_recovered():
    cluster = Cluster(knobs={"snapshot_entries": 10, "kept_entries_max": 2})
    session = cluster.session()
    for number in range(15):
        assert cluster.call(session, Put(f"k{number % 3}", str(number))) == Ok(None)
    follower = next(node for node in cluster.run.voters(1) if node != cluster.run.leader(1))
    seen, handlers = [], cluster.run.watch._handlers
    judge = handlers[ReplicaRecovered]
    handlers[ReplicaRecovered] = lambda each: (seen.append(each), judge(each))
    cluster.give("crash node", follower)
    cluster.give("restart node", follower)
    cluster.go(0.05)

    (recovered,) = [each for each in seen if each.shard == 1]
    log = cluster.replica(follower, 1).group.log
    assert (recovered.node, recovered.incarnation) == (follower, 2)
    assert recovered.snapshot_index == log.snapshot_index > 0
    assert recovered.entries == log.all_entries() != ()


def test_election_timeouts_are_drawn_between_the_timeout_and_its_double():
    cluster = Cluster()
    timeout_ns = cluster.run.layout.config.election_timeout_ns
    replica = cluster.replica("n1", 1)
    now_ns, due = replica._env.monotonic_ns(), []
    replica._now_ns, replica._set_deadline = now_ns, lambda name, at_ns: due.append((name, at_ns - now_ns))
    for _ in range(200):
        replica.set_deadline(SetDeadline("election", timeout_ns, timeout_ns))

    assert {name for name, _ in due} == {"1/election"}
    waits_ns = [wait_ns for _, wait_ns in due]
    assert timeout_ns <= min(waits_ns) < 1.1 * timeout_ns
    assert 1.9 * timeout_ns < max(waits_ns) < 2 * timeout_ns


def test_a_stale_leader_answers_no_read():
    cluster = Cluster(nodes=5, replicas=5, topology="five-nodes")
    leader = cluster.run.leader(1)
    cluster.call(cluster.session(home=leader), Append("list", "a"))
    cluster.give("partition network", f"{leader} | rest")
    stale = cluster.begin(cluster.session(home=leader), Get("list"))
    cluster.go(4)

    assert isinstance(stale[0], Refused)


def test_shards_divide_the_keys_without_gap_or_overlap():
    for shards in (1, 2, 3, 4, 7, 10, 16):
        layout = make_layout(["n1", "n2", "n3", "n4"], shards=shards, replicas=3, config=DatabaseConfig())
        data = layout.shards[1:]
        assert (data[0].start, data[-1].end) == ("", "")
        assert all(before.end == after.start for before, after in pairwise(data))
        counts = [sum(each.holds(f"k{number}") for number in range(100)) for each in data]
        assert sum(counts) == 100
        assert max(counts) <= 2 * 100 // shards + 11
        assert all(len(set(each.voters)) == 3 for each in layout.shards)


def test_a_cluster_may_have_no_shard_for_data():
    layout = make_layout(["n1", "n2", "n3"], shards=0, replicas=3, config=DatabaseConfig())
    assert [each.shard for each in layout.shards] == [0]
