"""A leader of a region's shard whose group has one replica, and whose peers are played by the test."""

from types import SimpleNamespace

from msgspec.structs import replace

from PhantomLibrary.database.config import DatabaseConfig, make_regional_layout
from PhantomLibrary.database.messages import ShardRequest
from PhantomLibrary.database.regions.feed import Feed
from PhantomLibrary.database.regions.machine import RegionMachine
from PhantomLibrary.database.regions.messages import (
    Position,
)
from PhantomLibrary.database.regions.service import RegionService
from PhantomLibrary.database.sessions import SessionTable
from PhantomLibrary.domain import MILLISECOND_NS, Put, Refused
from PhantomLibrary.domain.operations import RegionalWrite
from PhantomLibrary.domain.region_policy import RegionPolicy, vector_of
from PhantomLibrary.placement.snapshot import PlacedNode
from PhantomLibrary.protocols.mvcc.clock import HybridClock
from PhantomLibrary.protocols.raft.effects import Propose, Read

POLICY = RegionPolicy(0, ("eu", "us", "ap"), ("eu",))
NODES = [PlacedNode(f"n{number}", f"z{number}", region) for number, region in enumerate(POLICY.members, 1)]


class Shard:
    """A service whose group has one replica: what is proposed is applied at once."""

    def __init__(self, replication="asynchronous", region="eu", policy=POLICY, leads=True):
        policy = replace(policy, replication=replication)
        layout = make_regional_layout(NODES, shards=1, replicas=1, config=DatabaseConfig(), policy=policy)
        descriptor = next(each for each in layout.shards if each.region == region)
        self.machine = RegionMachine(layout, descriptor, SessionTable(9))
        self.now_ns, self.due_ns, self.later = 0, 0, []
        self.replies, self.sent = [], []
        self.is_slow = False  # Whether what is proposed is committed later.
        self.proposed = []
        group = SimpleNamespace(is_leader=leads, leader="n1" if leads else "n9", term=1)
        self.replica = SimpleNamespace(
            shard=descriptor.shard,
            group=group,
            machine=self.machine,
            step=self.step,
            is_current=lambda: group.is_leader,
        )
        env = SimpleNamespace(node="n1", monotonic_ns=lambda: self.now_ns, set_deadline=self.set_deadline)
        self.policy = policy
        self.owner = SimpleNamespace(
            env=env, layout=layout, clock=HybridClock(lambda: self.now_ns), parts=SimpleNamespace(feed=Feed),
            wal=SimpleNamespace(is_full=False), regions_policy=policy, ask=self.ask,
            reply=lambda gateway, reply: self.replies.append((reply.call, reply.outcome)),
            later=lambda action, argument: action(argument),
        )  # fmt: skip
        self.service = RegionService(self.owner, self.replica)
        self.session = 0
        self.calls = 0
        if leads:
            self.service.caught_up()
            self.request(None)
            self.session = int(self.outcome().value)

    def set_deadline(self, _name, at_ns):
        self.due_ns = at_ns

    def ask(self, shard, batch, finish):
        self.sent.append((shard, batch, finish))

    def step(self, event):
        if isinstance(event, Read):
            self.service.read_ready((event.token,))
        else:
            assert isinstance(event, Propose)
            self.proposed.append(event.command)
            if not self.is_slow:
                self.commit()

    def commit(self):
        for command in self.proposed:
            outcome = self.machine.apply(self.machine.applied_index + 1, command)
            if outcome is not None and self.service.is_leading:
                self.service.applied(command, outcome)
        self.proposed.clear()
        self.service.caught_up()

    def request(self, operation, *, call=0, sequence=0, attempt=1):
        self.calls = call or self.calls + 1
        shard, epoch = self.replica.shard, self.machine.epoch
        self.service.request(
            ShardRequest(shard, "n9", self.calls, attempt, 1, epoch, self.session, sequence or self.calls, operation)
        )

    def write(self, key="a", value="1", **more):
        self.request(RegionalWrite(key, Put(key, value), more.pop("seen", ())), **more)

    def outcome(self):
        """Take the only answer."""
        ((_, outcome),) = self.replies
        self.replies.clear()
        return outcome

    def peer(self, region):
        return next(each.shard for each in self.owner.layout.shards if each.region == region)

    def answer(self, region, *, policy=None, **counts):
        """Let a region answer the batch that it was sent."""
        shard = self.peer(region)
        found = next(each for each in self.sent if each[0] == shard)
        self.sent.remove(found)
        found[2](Position(vector_of(counts), policy or self.machine.policy))

    def fail(self, region):
        found = next(each for each in self.sent if each[0] == self.peer(region))
        self.sent.remove(found)
        found[2](Refused("nobody answers"))

    def batches(self, region):
        return [batch for shard, batch, _ in self.sent if shard == self.peer(region)]

    def pass_ms(self, milliseconds):
        self.now_ns += milliseconds * MILLISECOND_NS
        self.service.fire()


def connected(replication="asynchronous", **more):
    """A shard whose peers have answered its first, empty batches."""
    shard = Shard(replication, **more)
    for region in ("us", "ap"):
        if region in shard.machine.policy.members and region != shard.machine.region:
            shard.answer(region)
    assert shard.sent == []
    return shard
