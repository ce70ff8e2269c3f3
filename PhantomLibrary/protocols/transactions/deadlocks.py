"""Finds cycles of transactions that wait for each other, over shards and nodes.

The node that runs a waiting transaction sends a probe along the edges of the graph of waits; a probe that comes back
to a transaction that sent it has found a cycle. It carries the youngest it has met, who is the victim: all probes of
a cycle choose the same one. A transaction may wait for several others at once; all its edges are followed.

Source: Chandy, Misra, Haas, "Distributed Deadlock Detection" (TOCS 1983), the AND model, 4.
"""

from __future__ import annotations

from msgspec import Struct

from PhantomLibrary.domain import NodeId
from PhantomLibrary.protocols.transactions.values import TransactionId


class Probe(Struct, frozen=True, gc=False, array_like=True, tag="deadlock probe"):
    """`initiator` waits, through others, for `target`. `youngest` is the youngest of all that wait on this way."""

    initiator: TransactionId
    round: int
    target: TransactionId
    youngest: TransactionId


class Victim(Struct, frozen=True, gc=False, array_like=True, tag="deadlock victim"):
    """To the node that runs it: this transaction is to be rolled back, for `cycle` waits for it and it for them."""

    transaction: TransactionId
    initiator: TransactionId


class DeadlockDetector:
    """Of one node: what its transactions wait for, and the probes that come by."""

    def __init__(self, node: NodeId) -> None:
        self._node = node
        self._waits: dict[TransactionId, tuple[TransactionId, ...]] = {}
        self._seen: dict[TransactionId, dict[TransactionId, int]] = {}  # By target, initiator: the latest round here.
        self._round = 0

    @property
    def is_waiting(self) -> bool:
        return bool(self._waits)

    def wait(self, transaction: TransactionId, holders: tuple[TransactionId, ...]) -> None:
        """A transaction of this node waits for others."""
        self._waits[transaction] = holders

    def go_on(self, transaction: TransactionId) -> None:
        """It waits no more."""
        self._waits.pop(transaction, None)
        self._seen.pop(transaction, None)

    def probe(self) -> list[Probe]:
        """Return the probes of a new round, each for the node of its target."""
        self._round += 1
        return [
            Probe(transaction, self._round, holder, transaction)
            for transaction, holders in self._waits.items()
            for holder in holders
        ]

    def receive(self, probe: Probe) -> list[Probe | Victim]:
        """Send a probe on, or close the cycle."""
        target = probe.target
        holders = self._waits.get(target)
        if holders is None:
            return []  # It goes on, so nobody waits for it for ever.
        seen = self._seen.setdefault(target, {})
        if seen.get(probe.initiator, 0) >= probe.round:
            return []
        seen[probe.initiator] = probe.round
        youngest = max(probe.youngest, target)
        if target == probe.initiator:
            return [Victim(probe.youngest, probe.initiator)]
        return [Probe(probe.initiator, probe.round, holder, youngest) for holder in holders]
