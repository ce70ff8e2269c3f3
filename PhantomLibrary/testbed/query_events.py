"""Tells of the steps of queries over shards, on the leader that does them, just before and just after.

*fragment run*: around a leader running its part of a query.
*chunk sent*: around a leader answering with a chunk of what its part yielded.
*chunk delivered*: around a worker taking a chunk of what was shuffled, or brought to it.
"""

from __future__ import annotations

from typing import Any, Protocol

from PhantomLibrary.database.messages import ShardRequest
from PhantomLibrary.database.sql.hosting import FragmentHost
from PhantomLibrary.database.sql.messages import Chunk, Deliver, FragmentAnswer, RunFragment
from PhantomLibrary.domain import NodeId

QUERY_EVENTS = ("fragment run", "chunk sent", "chunk delivered")


class Tap(Protocol):
    """Whoever listens. `tell_of` takes event, phase and node; what a crashed process says is not told."""

    @property
    def is_open(self) -> bool: ...
    def tell_of(self, process: Any, event: str, phase: Any, node: NodeId) -> None: ...


def tapped_fragments(plain: Any, tap: Tap) -> type[FragmentHost]:
    """Return the host of fragments that can be listened at."""

    class TappedFragments(plain):  # type: ignore[misc]
        def run(self, request: ShardRequest, work: RunFragment, clock_ns: int) -> None:
            self._tell("fragment run", "before")
            super().run(request, work, clock_ns)
            self._tell("fragment run", "after")

        def take(self, request: ShardRequest, clock_ns: int) -> None:
            is_delivery = type(request.operation) is Deliver
            if is_delivery:
                self._tell("chunk delivered", "before")
            super().take(request, clock_ns)
            if is_delivery:
                self._tell("chunk delivered", "after")

        def _answer(self, request: ShardRequest, answer: FragmentAnswer) -> None:
            if type(answer) is Chunk:
                self._tell("chunk sent", "before")
            super()._answer(request, answer)
            if type(answer) is Chunk:
                self._tell("chunk sent", "after")

        def _tell(self, event: str, phase: str) -> None:
            if tap.is_open:
                tap.tell_of(self._desk.process, event, phase, self._desk.node)

    fragments: type[FragmentHost] = TappedFragments
    return fragments
