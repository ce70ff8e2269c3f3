"""What the directory knows of moves: those under way, who is to lead after them, and how the last ones ended.

A move takes a replica of a shard from one node to another. Values only: what may be asked for, and what is done next,
is in moving.py.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from PhantomLibrary.domain import NodeId, ShardId
from PhantomLibrary.domain.placement import ChangePlacement

DONE = "done"
CANCELLED = "cancelled"
_ENDED_MAX = 256  # Of more than that nobody asks any more how they ended.


class Move(Struct, frozen=True, array_like=True):
    """One move under way. `plan` names what it is part of; numbers grow, and are given once.

    Its copy takes no more than `throttle` bytes per second, 0 meaning as many as there is room for.
    """

    number: int
    plan: str
    shard: ShardId
    source: NodeId
    target: NodeId
    bytes: int = 0
    is_cancelled: bool = False
    throttle: int = 0


class EndedMove(Struct, frozen=True, array_like=True):
    """A move that has ended: `done`, `cancelled`, or why it failed."""

    move: Move
    outcome: str


class Moves(Struct, frozen=True, array_like=True):
    """`plan` is the latest one that was taken up, `last` the number of the last move.

    `under_way` are moves in the order in which they are carried out, one a shard at a time; `leaders` are shards that
    others are to lead when all have ended; `ended` are those of the latest plans, oldest first.
    """

    plan: str = ""
    last: int = 0
    under_way: tuple[Move, ...] = ()
    leaders: tuple[tuple[ShardId, NodeId], ...] = ()
    ended: tuple[EndedMove, ...] = ()
    at_once: int = 2

    @property
    def is_busy(self) -> bool:
        """Whether anything of the latest plans is still to be done."""
        return bool(self.under_way or self.leaders)

    def of(self, shard: ShardId) -> Move | None:
        """Return the move of a shard that is under way now."""
        return next((each for each in self.under_way if each.shard == shard), None)

    def to(self, node: NodeId) -> list[ShardId]:
        """Return the shards of which a replica moves to a node."""
        return [each.shard for each in self.under_way if each.target == node]

    def paces(self, shard: ShardId) -> tuple[tuple[NodeId, int], ...]:
        """Return how fast a shard may be copied to whom, in bytes per second."""
        slow = [each for each in self.under_way if each.shard == shard and each.throttle]
        return tuple((each.target, each.throttle) for each in slow)

    def with_plan(self, plan: ChangePlacement) -> Moves:
        """Return these with a plan that was taken up."""
        new = tuple(
            Move(
                self.last + position,
                plan.key,
                each.shard,
                each.source,
                each.target,
                each.bytes,
                throttle=plan.throttle,
            )
            for position, each in enumerate(plan.moves, 1)
        )
        led = {shard for shard, _ in plan.leaders}
        return replace(
            self,
            plan=plan.key,
            last=self.last + len(new),
            under_way=(*self.under_way, *new),
            leaders=(*(each for each in self.leaders if each[0] not in led), *plan.leaders),
            at_once=plan.at_once,
        )

    def cancelled(self, shards: tuple[ShardId, ...]) -> Moves:
        """Return these with the moves of some shards, () of all, taken back as far as they can be."""
        under_way = tuple(
            replace(each, is_cancelled=True) if not shards or each.shard in shards else each for each in self.under_way
        )
        leaders = tuple(each for each in self.leaders if shards and each[0] not in shards)
        return replace(self, under_way=under_way, leaders=leaders)

    def with_ended(self, outcomes: tuple[tuple[int, str], ...], led: tuple[ShardId, ...]) -> Moves:
        """Return these without the moves of these numbers, which ended so, and without wishes for leaders that are
        led as they are to be, or cannot be.
        """
        known = dict(outcomes)
        ended = [EndedMove(each, known[each.number]) for each in self.under_way if each.number in known]
        leaders = tuple(each for each in self.leaders if each[0] not in led)
        if not ended and leaders == self.leaders:
            return self
        under_way = tuple(each for each in self.under_way if each.number not in known)
        kept = (*self.ended, *ended)[-_ENDED_MAX:]
        return replace(self, under_way=under_way, leaders=leaders, ended=kept)


NO_MOVES = Moves()
