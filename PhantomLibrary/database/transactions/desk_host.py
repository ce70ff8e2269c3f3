"""What a desk (see desk.py) asks of the service of the shard that it belongs to."""

from __future__ import annotations

from typing import Protocol

from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.messages import Outcome, ShardRequest
from PhantomLibrary.database.sql.hosting import FragmentHost
from PhantomLibrary.database.transactions.messages import LockGranted
from PhantomLibrary.database.transactions.recovery import Finish
from PhantomLibrary.domain import NodeId, Observation, ShardId
from PhantomLibrary.protocols.mvcc.clock import HybridClock
from PhantomLibrary.protocols.transactions.values import TransactionCommand


class DeskHost(Protocol):
    """The service that a desk belongs to. What it asks for is done when the present event is dealt with."""

    node: NodeId
    shard: ShardId
    machine: ShardMachine
    clock: HybridClock

    @property
    def term(self) -> int: ...
    @property
    def last_index(self) -> int: ...
    @property
    def holds_proposals(self) -> bool:
        """Whether some that have their timestamps are in no log yet."""

    def monotonic_ns(self) -> int: ...
    def work(self, cost_ns: int) -> None:
        """Charge the processor with more than what is handled costs anyway."""

    def wake_at(self, at_ns: int) -> None: ...
    def confirm(self, request: ShardRequest) -> None:
        """Have leadership confirmed, then hand the request to `serve`."""

    def replicate(self, request: ShardRequest | None, command: TransactionCommand) -> None: ...
    def answer(self, request: ShardRequest, outcome: Outcome) -> None: ...
    def tell(self, node: NodeId, message: LockGranted) -> None: ...
    def ask(self, shard: ShardId, command: TransactionCommand, finish: Finish) -> None:
        """Put a command to another shard, through this node's gateway."""

    def host_fragments(self) -> FragmentHost:
        """Return what runs fragments of plans, for this term."""

    def unavailable_nodes(self) -> list[NodeId]: ...
    def show(self, observation: Observation) -> None: ...
    def take_again(self, request: ShardRequest) -> None:
        """Take a request that has waited as if it had come now."""
