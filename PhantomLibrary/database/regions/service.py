"""What the leader of a region's shard does for clients and for other regions: it holds confirmations back until as many
regions as the policy says have what was written, and answers reads from what is here, if that is all the client has
seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from PhantomLibrary.database.config import ClusterLayout
from PhantomLibrary.database.messages import Command, Execute, NotLeader, Outcome, ShardReply, ShardRequest, Told
from PhantomLibrary.database.regions.feed import Feed, FeedStatus
from PhantomLibrary.database.regions.messages import (
    AdoptPolicy,
    AskPosition,
    Awaited,
    Behind,
    Declined,
    DoneHere,
    Position,
    ReceiveBatch,
)
from PhantomLibrary.database.regions.refusals import WHAT_IS_POSSIBLE
from PhantomLibrary.database.service import ServiceOwner, ShardService
from PhantomLibrary.domain import SECOND_NS, NodeId, ShardId
from PhantomLibrary.domain.operations import RegionalRead, RegionalWrite
from PhantomLibrary.domain.region_policy import RegionPolicy, count_in, covers
from PhantomLibrary.domain.regions import Batch
from PhantomLibrary.protocols.raft.effects import Propose, Read

if TYPE_CHECKING:
    from PhantomLibrary.database.regions.machine import RegionMachine
    from PhantomLibrary.database.service import Replica

_PROPOSE_AGAIN_NS = SECOND_NS


class RegionParts(Protocol):
    @property
    def feed(self) -> type[Feed]: ...


class RegionOwner(ServiceOwner, Protocol):
    """The node, in a cluster whose regions have copies of their own."""

    @property
    def regions_policy(self) -> RegionPolicy | None: ...


class RegionService(ShardService):
    """One region's shard's, on one node."""

    machine: RegionMachine

    def __init__(self, owner: Any, replica: Replica) -> None:
        super().__init__(owner, replica)
        self._layout: ClusterLayout = owner.layout
        self.feed: Feed | None = None  # While this replica leads, and knows all that was decided before.
        self._held: list[tuple[int, NodeId, ShardReply]] = []  # Writes that too few regions have yet, by their counts.
        self._heard: dict[str, int] = {}  # When all was here that a region had written by then.
        self._proposed = (0, 0)  # The epoch of the policy that is on its way into the log, and since when.

    @property
    def is_leading(self) -> bool:
        return bool(self._waiting) or self.feed is not None

    # --- attempts ---------------------------------------------------------------------------------------------------

    def request(self, request: ShardRequest) -> None:
        group, operation = self._replica.group, request.operation
        kind = type(operation)
        self.operations += 1
        if not group.is_leader:
            reason = f"the disk of {self.node} is full" if self._owner.wal.is_full else ""
            self.answer(request, NotLeader(group.leader, may_happen=False, reason=reason))
        elif kind is RegionalRead or kind is AskPosition:
            self._replica.step(Read(request))
        elif kind is RegionalWrite and self._holds(request):
            self.answer(request, Awaited(self._who_is_awaited()))
        elif kind is RegionalWrite:
            # What a client has seen is older than what it writes, for everybody who compares times.
            behind = self.machine.why_behind(operation.seen)  # type: ignore[union-attr]
            if behind and self._is_new(request):
                self.answer(request, Behind(behind))
            else:
                self._propose(request)
        elif kind is Batch:
            self._take_batch(request, operation)  # type: ignore[arg-type]
        elif operation is None:
            self._propose(request)
        else:
            self.answer(request, Declined(WHAT_IS_POSSIBLE))

    def _holds(self, request: ShardRequest) -> bool:
        """Whether what is asked for was done, and is not confirmed."""
        return any((gateway, reply.call) == (request.gateway, request.call) for _, gateway, reply in self._held)

    def _who_is_awaited(self) -> str:
        policy, feed, last = self.machine.policy, self.feed, self.machine.own_count
        others = [each for each in policy.members if each != self.machine.region]
        missing = [each for each in others if feed is None or feed.acknowledged(each) < last]
        return f"replication is {policy.replication}, and region {', '.join(missing)} has not confirmed it"

    def _is_new(self, request: ShardRequest) -> bool:
        """Whether an attempt is the first that comes here of its call."""
        return (request.gateway, request.call) not in self._waiting

    def _propose(self, request: ShardRequest) -> None:
        self._waiting[request.gateway, request.call] = request.attempt
        self._replica.step(Propose(request, self._command(request)))

    def _command(self, request: ShardRequest) -> Command:
        if type(request.operation) is Batch:
            for change in request.operation.changes:
                self.clock.observe(change.at_ns)
            return ReceiveBatch(request.gateway, request.call, request.operation)
        return super()._command(request)

    def read_ready(self, tokens: tuple[ShardRequest, ...]) -> None:
        group = self._replica.group
        if not group.is_leader:
            self.refuse(tokens, group.leader)
            return
        for request in tokens:
            self.answer(request, self._told_now(request))

    def _told_now(self, request: ShardRequest) -> Outcome:
        operation, machine = request.operation, self.machine
        if type(operation) is AskPosition:
            return Told(self.position())
        assert type(operation) is RegionalRead
        if request.epoch != machine.epoch:
            outcome = machine.mismatch(request.epoch)
            assert outcome is not None
            return outcome
        behind = machine.why_behind(operation.seen)
        told = machine.read_here(operation.key, as_written=operation.as_written)
        if not behind and type(told) is DoneHere and machine.policy.conflicts != "last writer wins":
            # Beside a value that came early there may be some whose place was taken by what its writer had seen.
            behind = machine.why_behind(told.seen)
        return Behind(behind) if behind else told

    # --- what other regions send --------------------------------------------------------------------------------------

    def _take_batch(self, request: ShardRequest, batch: Batch) -> None:
        """Have a batch replicated, unless there is nothing new in it."""
        if self._brings_something(batch):
            self._propose(request)
        else:
            self._hear(batch)
            self.answer(request, Told(self.position()))

    def _brings_something(self, batch: Batch) -> bool:
        table = self.machine.table
        if batch.policy.epoch != table.policy.epoch:
            return batch.policy.epoch > table.policy.epoch
        return bool(batch.changes) or self.machine.learns_from(batch)

    def _hear(self, batch: Batch) -> None:
        """All is here that the sender has written so far, unless something is missing."""
        sender = batch.sender
        if count_in(self.machine.table.applied, sender) >= count_in(batch.vector, sender):
            self._heard[sender] = self.monotonic_ns()

    def position(self) -> Position:
        """Return how far this shard is, and how long ago it was level with others."""
        now_ns = self.monotonic_ns()
        return self.machine.position(tuple((region, now_ns - at_ns) for region, at_ns in sorted(self._heard.items())))

    # --- what happens to the replica ----------------------------------------------------------------------------------

    def applied(self, command: Any, outcome: Outcome) -> None:
        attempt = self._waiting.pop((command.gateway, command.call), None)
        if type(command) is ReceiveBatch:
            self._hear(command.batch)
        if attempt is None:
            return
        reply = ShardReply(self.shard, command.call, attempt, outcome)
        if type(command) is Execute and type(outcome) is DoneHere:
            self._held.append((self._count(outcome), command.gateway, reply))
        else:
            self._owner.reply(command.gateway, reply)

    def _count(self, outcome: DoneHere) -> int:
        """Return which of this region's writes was done."""
        return count_in(outcome.seen[0][1], self.machine.region)

    def caught_up(self) -> None:
        if self.feed is None and self._replica.is_current():
            parts: RegionParts = self._owner.parts  # type: ignore[assignment]
            self.feed = parts.feed(self, self._layout)
            self.learn_policy(self._owner.regions_policy)  # type: ignore[attr-defined]
        if self.feed is not None:
            self.release()
            self.feed.look()

    def end(self, leader: NodeId) -> None:
        if self.feed is not None:
            self.feed.close()
            self.feed = None
        self._proposed = (0, 0)
        held, self._held = self._held, []
        for _, gateway, reply in held:
            lost = ShardReply(self.shard, reply.call, reply.attempt, NotLeader(leader, may_happen=True))
            self._owner.reply(gateway, lost)
        super().end(leader)

    def reshaped(self) -> None:
        """Another policy holds, or other nodes are members: nothing here depends on that but confirmations."""
        if self.feed is not None:
            self.release()

    def fire(self) -> None:
        if self.feed is not None:
            self.feed.look()

    def learn_policy(self, policy: RegionPolicy | None) -> None:
        """Have a policy adopted that is newer than the one that holds here."""
        if policy is None or self.feed is None or policy.epoch <= self.machine.policy.epoch:
            return
        now_ns = self.monotonic_ns()
        epoch, since_ns = self._proposed
        if policy.epoch > epoch or now_ns >= since_ns + _PROPOSE_AGAIN_NS:
            self._proposed = (policy.epoch, now_ns)
            self._owner.later(self._replica.step, Propose(None, AdoptPolicy(policy)))

    # --- confirmations ------------------------------------------------------------------------------------------------

    def release(self) -> None:
        """Confirm what enough regions have by now."""
        if not self._held:
            return
        confirmed = self.confirmed_count()
        held, self._held = self._held, []
        for each in held:
            count, gateway, reply = each
            if count <= confirmed:
                self._owner.reply(gateway, reply)
            else:
                self._held.append(each)

    def confirmed_count(self) -> int:
        """Return up to which of this region's writes as many other members have all as the policy says."""
        feed, policy, region = self.feed, self.machine.policy, self.machine.region
        others = [each for each in policy.members if each != region]
        needed = confirmations(policy, len(others))
        if not needed:
            return self.machine.own_count
        if feed is None:
            return 0
        return sorted((feed.acknowledged(each) for each in others), reverse=True)[needed - 1]

    def status(self) -> list[FeedStatus]:
        """Return how each other region stands, as far as is known here; nothing while this replica does not lead."""
        return [] if self.feed is None else self.feed.status()

    # --- for the feed -------------------------------------------------------------------------------------------------

    def send(self, shard: ShardId, batch: Batch, finish: Callable[[Any], object]) -> None:
        self._owner.ask(shard, batch, finish)

    def is_covered(self, batch: Batch) -> bool:
        return covers(self.machine.table.applied, batch.vector)


def confirmations(policy: RegionPolicy, others: int) -> int:
    """Return how many of so many other regions must have a write before it is confirmed."""
    needed = {"synchronous": others, "semi-synchronous": min(1, others), "asynchronous": 0}
    return needed[policy.replication]
