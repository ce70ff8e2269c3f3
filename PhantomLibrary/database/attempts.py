"""Which attempts at operations a node has seen, so that it takes each of them once."""

from __future__ import annotations

from PhantomLibrary.database.messages import ShardRequest
from PhantomLibrary.domain import NodeId


class Attempts:
    """Which attempts a node has seen since it started, so that a copy of one is dropped.

    A crash loses what is under way to the node, so no copy outlives this memory. It holds the calls of each gateway
    that had not ended as far as this node has heard.
    """

    def __init__(self) -> None:
        self._latest: dict[NodeId, dict[int, int]] = {}
        self._oldest: dict[NodeId, int] = {}

    def is_new(self, request: ShardRequest) -> bool:
        """Return whether neither this attempt nor a later one of its call was seen before; remember it."""
        gateway, call = request.gateway, request.call
        latest = self._latest.setdefault(gateway, {})
        oldest = self._oldest.get(gateway, 0)
        if request.oldest_call > oldest:
            self._oldest[gateway] = oldest = request.oldest_call
            while latest and (first := next(iter(latest))) < oldest:
                del latest[first]
        if call < oldest or request.attempt <= latest.get(call, 0):
            return False
        latest[call] = request.attempt
        return True
