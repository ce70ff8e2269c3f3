"""Sessions where each region has a copy of its own: what a client knows goes along with what it asks.

A client has seen what it wrote, what it read, and what those who wrote that had seen; no answer may be from before.
Beside that it knows of each key what its last read or write of it told, so that writing again takes the place of that
and of nothing else.

Source: Terry et al., "Session guarantees for weakly consistent replicated data" (1994): vectors kept by the client.
"""

from __future__ import annotations

from msgspec.structs import replace

from PhantomLibrary.database.config import ClusterLayout
from PhantomLibrary.domain import (
    Answer,
    Append,
    Delete,
    Get,
    Increment,
    NodeId,
    OkSeen,
    Operation,
    Put,
    Remove,
)
from PhantomLibrary.domain.operations import RegionalRead, RegionalWrite
from PhantomLibrary.domain.region_policy import Seen, Vector, joined, joined_seen
from PhantomLibrary.testbed.sessions import GatewaySession, SessionPool
from PhantomLibrary.workloads.balancing import Balancing

_WRITES = (Put, Delete, Append, Remove, Increment)


class RegionalSession(GatewaySession):
    """One client process's way into the region where it is, or into another one when nobody there can be reached."""

    __slots__ = ("_contexts", "seen")

    def __init__(self, pool: SessionPool, process: int, home: NodeId, balancing: Balancing, *, stays: bool) -> None:
        super().__init__(pool, process, home, balancing, stays=stays)
        self.seen: Seen = ()
        self._contexts: dict[str, Vector] = {}

    async def call(self, operation: Operation) -> Answer:
        asked = self._with_knowledge(operation)
        answer = await super().call(asked)
        if type(answer) is OkSeen:
            assert isinstance(asked, RegionalRead | RegionalWrite)
            self.seen = joined_seen(self.seen, answer.seen)
            self._contexts[asked.key] = joined(self._contexts.get(asked.key, ()), answer.context)
        return answer

    def _with_knowledge(self, operation: Operation) -> Operation:
        """Return an operation on a key with all that the client knows; others go as they are, to be refused."""
        if isinstance(operation, Get):
            return RegionalRead(operation.key, self.seen)
        if isinstance(operation, RegionalRead):
            return replace(operation, seen=self.seen)
        if isinstance(operation, _WRITES):
            return RegionalWrite(operation.key, operation, self.seen, self._contexts.get(operation.key, ()))
        return operation


def first_home(layout: ClusterLayout) -> NodeId | None:
    """Return where a client stands of whom nothing is said: in the first region, None where any place does."""
    if layout.regions is None:
        return None
    return next(each.node for each in layout.places if each.region == layout.regions.members[0])
