"""What nodes and the coordinator, the leader of shard 0, say to each other about members and replicas.

Nodes report when something is new, again and again until it is noted. The coordinator announces the directory until
each member has said that it has it, and orders what its plan asks for until the reports show it. All of it may be
lost, late or doubled: reports are numbered, directories have versions, and orders name the configuration that they
change and the term of the coordinator, so that an old one does nothing.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.database.config import ShardDescriptor
from PhantomLibrary.database.directory import Directory
from PhantomLibrary.database.reshapes import Shape, Task
from PhantomLibrary.domain import Configuration, NodeId, ShardId
from PhantomLibrary.protocols.raft.configuration import Change


class ShardReport(Struct, frozen=True, gc=False, array_like=True):
    """What the leader of a shard knows of its members. `since` is the index of the configuration.

    `settled` says that it is committed and not joint; `caught_up` are learners that may get a vote, `lost` members
    whose replicas are gone with their disks. `descriptor` and `shape` are as far as the leader has applied its log.
    """

    shard: ShardId
    term: int
    since: int
    configuration: Configuration
    settled: bool
    caught_up: tuple[NodeId, ...]
    lost: tuple[NodeId, ...]
    descriptor: ShardDescriptor | None = None
    shape: Shape = Shape()


class Report(Struct, frozen=True, gc=False, array_like=True, tag="report"):
    """A node says which membership it has, which directory it knows, and what it leads.

    `waiting` are shards of which it has a replica that lost its disk, and takes data until it is replaced.
    """

    node: NodeId
    number: int
    version: int
    sequence: int
    shards: tuple[ShardReport, ...]
    waiting: tuple[ShardId, ...] = ()


class Noted(Struct, frozen=True, gc=False, array_like=True, tag="noted"):
    """The coordinator has taken in a report."""

    sequence: int


class Announcement(Struct, frozen=True, gc=False, array_like=True, tag="announcement"):
    """The directory, from the coordinator of this term; 0 when a member merely passes its copy on."""

    term: int
    directory: Directory


class Order(Struct, frozen=True, gc=False, array_like=True, tag="order"):
    """The leader of a shard is to change its members, from the configuration of this index on.

    It does nothing before its node knows this `version` of the directory, and comes again.
    """

    shard: ShardId
    term: int
    since: int
    change: Change
    version: int = 0


class HandOver(Struct, frozen=True, gc=False, array_like=True, tag="hand over"):
    """The leader of a shard is to let another one lead. Unless that `is_urgent`, it has to have followed closely for
    a while: clients wait until it has all of the log, and would wait for the next election, too.
    """

    shard: ShardId
    term: int
    target: NodeId
    is_urgent: bool = True


class TaskOrder(Struct, frozen=True, gc=False, array_like=True, tag="task order"):
    """The leader of a shard is to do the next step of a split or a merge.

    To absorb, it gets the other shard's state from its leader, which is at `source`.
    """

    shard: ShardId
    term: int
    task: Task
    action: Literal["split", "freeze", "absorb", "refuse"]
    source: NodeId = ""


class ChunkRequest(Struct, frozen=True, gc=False, array_like=True, tag="chunk request"):
    """A shard that is to absorb another one asks its leader for the next chunk of the state that is frozen there."""

    task: int
    left: ShardId
    right: ShardId
    chunk: int
    source: NodeId


class FrozenChunk(Struct, frozen=True, gc=False, array_like=True, tag="frozen chunk"):
    """Answers ChunkRequest."""

    task: int
    left: ShardId
    chunk: int
    chunks: int
    content: bytes


CensusMessage: TypeAlias = Report | Noted | Announcement | Order | HandOver | TaskOrder
CENSUS_MESSAGES = frozenset((Report, Noted, Announcement, Order, HandOver, TaskOrder))
RESHAPE_MESSAGES = frozenset((ChunkRequest, FrozenChunk))
