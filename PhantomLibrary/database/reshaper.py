"""What a node does for splits and merges: the orders of the coordinator, and the way of a frozen shard's state.

Whoever leads the shard that absorbs asks whoever leads the frozen one for the next chunk, and replicates it. Equal
chunks come from every replica of a frozen shard, so leaders may change on both sides. It keeps nothing that matters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from PhantomLibrary.database.census import ChunkRequest, FrozenChunk, TaskOrder
from PhantomLibrary.database.messages import Absorb, Freeze, RefuseTask, SplitOff
from PhantomLibrary.database.replica import ShardReplica
from PhantomLibrary.database.reshapes import Merge, Split
from PhantomLibrary.database.reshaping import CANCELLED, range_text
from PhantomLibrary.domain import NodeId, ShardId
from PhantomLibrary.kernel.process import Env


class ReshaperHost(Protocol):
    """The node."""

    env: Env

    @property
    def replicas(self) -> Mapping[ShardId, ShardReplica]: ...
    def later(self, action: Callable[[Any], object], argument: Any) -> None: ...


class Reshaper:
    """Takes orders, asks for chunks, gives them."""

    def __init__(self, host: ReshaperHost) -> None:
        self._host = host
        self._env = host.env
        self._sources: dict[ShardId, tuple[Merge, NodeId]] = {}  # Whence each shard that absorbs gets the next chunk.
        self._frozen: dict[ShardId, tuple[int, tuple[bytes, ...]]] = {}  # By shard: the task, and the chunks.

    def order(self, replica: ShardReplica, order: TaskOrder) -> None:
        """Do what the coordinator asks of the leader of a shard."""
        task = order.task
        if not replica.group.is_leader or replica.machine.shape.task >= task.number:
            return
        if order.action == "refuse":
            replica.propose(RefuseTask(task.number, CANCELLED))
        elif isinstance(task, Split):
            self._split(replica, task)
        elif order.action == "freeze":
            replica.propose(Freeze(task.number))
        else:
            self._sources[task.left] = (task, order.source)
            self._ask_for_chunk(replica)

    def reshaped(self, replica: ShardReplica) -> None:
        """A shard has applied something of a task: if that was a chunk, the next one is asked for."""
        if replica.shard in self._sources and replica.group.is_leader:
            self._ask_for_chunk(replica)

    def _split(self, replica: ShardReplica, task: Split) -> None:
        machine = replica.machine
        shard = machine.descriptor
        key = task.key or machine.middle()
        if not key:
            replica.propose(
                RefuseTask(task.number, f"shard {shard.shard} holds fewer than two keys: none divides them")
            )
        elif not shard.can_split_at(key):
            replica.propose(RefuseTask(task.number, f"shard {shard.shard} holds {range_text(shard)}, without {key!r}"))
        else:
            replica.propose(SplitOff(task.number, machine.epoch, key, task.new))

    # --- the way of a frozen shard's state --------------------------------------------------------------------------

    def _ask_for_chunk(self, replica: ShardReplica) -> None:
        task, source = self._sources[replica.shard]
        if replica.machine.shape.task >= task.number:
            del self._sources[replica.shard]
            return
        chunk = _chunks_here(replica, task.number)
        self._tell(source, ChunkRequest(task.number, task.left, task.right, chunk, self._env.node))

    def receive(self, message: ChunkRequest | FrozenChunk) -> None:
        if isinstance(message, ChunkRequest):
            self._give(message)
        else:
            self._take(message)

    def _give(self, request: ChunkRequest) -> None:
        """Give a chunk of a shard that has stopped to serve as far as this replica has applied its log."""
        replica = self._host.replicas.get(request.right)
        if replica is None or not self._has_stopped(replica, request.task):
            return
        known = self._frozen.get(request.right)
        if known is None or known[0] != request.task:
            known = self._frozen[request.right] = (request.task, replica.machine.frozen_chunks())
        chunks = known[1]
        if request.chunk < len(chunks):
            content = chunks[request.chunk]
            self._tell(request.source, FrozenChunk(request.task, request.left, request.chunk, len(chunks), content))

    def _has_stopped(self, replica: ShardReplica, task: int) -> bool:
        """Whether nobody serves its keys any more: this leader has stopped, and knows that no other one leads."""
        return replica.is_current() and replica.machine.shape.frozen == task

    def _take(self, chunk: FrozenChunk) -> None:
        """Replicate a chunk, if it is the next one."""
        replica = self._host.replicas.get(chunk.left)
        if replica is None or not replica.group.is_leader:
            return
        if replica.machine.shape.task < chunk.task and chunk.chunk == _chunks_here(replica, chunk.task):
            replica.propose(Absorb(chunk.task, chunk.chunk, chunk.chunks, chunk.content))

    def _tell(self, node: NodeId, message: ChunkRequest | FrozenChunk) -> None:
        if node == self._env.node:
            self._host.later(self.receive, message)
        else:
            self._env.send(node, message)


def _chunks_here(replica: ShardReplica, task: int) -> int:
    absorbing = replica.machine.shape.absorbing
    return len(absorbing.chunks) if absorbing is not None and absorbing.task == task else 0
