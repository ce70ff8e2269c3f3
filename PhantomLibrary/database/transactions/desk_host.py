"""What a desk (see desk.py) asks of the service of the shard that it belongs to."""

from __future__ import annotations

from typing import Protocol

from PhantomLibrary.database.messages import ShardRequest, Sweep
from PhantomLibrary.database.sql.hosting import FragmentDesk, FragmentHost
from PhantomLibrary.database.transactions.messages import LockGranted
from PhantomLibrary.domain import NodeId, Observation, ShardId
from PhantomLibrary.protocols.transactions.values import TransactionCommand


class DeskHost(FragmentDesk, Protocol):
    """The service that a desk belongs to. What it asks for is done when the present event is dealt with."""

    node: NodeId
    shard: ShardId

    @property
    def last_index(self) -> int: ...
    @property
    def holds_proposals(self) -> bool:
        """Whether some that have their timestamps are in no log yet."""

    def wake_at(self, at_ns: int) -> None: ...
    def confirm(self, request: ShardRequest) -> None:
        """Have leadership confirmed, then hand the request to `serve`."""

    def replicate(self, request: ShardRequest | None, command: TransactionCommand) -> None: ...
    def sweep(self, command: Sweep) -> None:
        """Replicate this."""

    def tell(self, node: NodeId, message: LockGranted) -> None: ...
    def host_fragments(self) -> FragmentHost:
        """Return what runs fragments of plans, for this term."""

    def unavailable_nodes(self) -> list[NodeId]: ...
    def show(self, observation: Observation) -> None: ...
    def take_again(self, request: ShardRequest) -> None:
        """Take a request that has waited as if it had come now."""
