"""The directory of a cluster: who its members are, and which nodes hold which shard. Shard 0 replicates it.

It is a value with a version, the index of the command that changed it last. Nodes keep a copy and take over any that is
newer. A crash changes nothing here: whoever leaves does so by a command.

A membership has a number, the index of the command that began it. A node that is added again begins anew under another
number: the disk of the earlier membership means nothing then.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from PhantomLibrary.database.config import ClusterLayout, ShardDescriptor, is_same_range
from PhantomLibrary.database.moves import NO_MOVES, Moves
from PhantomLibrary.database.reshapes import Reshapes
from PhantomLibrary.database.scaling import NO_SCALING, Scaling
from PhantomLibrary.domain import Configuration, NodeId, ShardId
from PhantomLibrary.domain.region_policy import RegionPolicy

DIRECTORY_KEY = "directory"

Standing: TypeAlias = Literal["joining", "active", "decommissioning", "removed"]


class Member(Struct, frozen=True, array_like=True):
    """One membership, of a node in a zone. `number` 1 is that of the nodes with which the cluster began."""

    node: NodeId
    standing: Standing
    number: int = 1
    zone: str = ""
    region: str = ""


class Directory(Struct, frozen=True, array_like=True, tag="directory"):
    """Members in the order in which they first came, and shards with shard 0 first, each with `replicas` replicas.

    `regions` says how these share their data, where each has a copy of its own.
    """

    version: int
    replicas: int
    members: tuple[Member, ...]
    shards: tuple[ShardDescriptor, ...]
    moves: Moves = NO_MOVES
    reshapes: Reshapes = Reshapes()
    scaling: Scaling = NO_SCALING
    regions: RegionPolicy | None = None

    def member(self, node: NodeId) -> Member | None:
        return next((each for each in self.members if each.node == node), None)

    def standing(self, node: NodeId) -> Standing | None:
        member = self.member(node)
        return member.standing if member is not None else None

    def shard(self, shard: ShardId) -> ShardDescriptor:
        return next(each for each in self.shards if each.shard == shard)

    def find(self, shard: ShardId) -> ShardDescriptor | None:
        """Return a shard's descriptor, None where there is no such shard, or none any more."""
        return next((each for each in self.shards if each.shard == shard), None)

    def nodes(self, *standings: Standing, region: str = "") -> list[NodeId]:
        """Return the members of these standings, of one region or of all."""
        return [each.node for each in self.members if each.standing in standings and region in ("", each.region)]

    def shards_on(self, node: NodeId) -> list[ShardId]:
        return [each.shard for each in self.shards if node in each.members]


encode_directory = msgspec.json.Encoder().encode
decode_directory = msgspec.json.Decoder(Directory).decode


def first_directory(layout: ClusterLayout) -> Directory:
    """Return the directory of a cluster as it was formatted."""
    replicas = max(len(each.voters) for each in layout.shards)
    members = tuple(Member(each.node, "active", 1, each.zone, each.region) for each in layout.places)
    next_shard = max(each.shard for each in layout.shards) + 1
    return Directory(0, replicas, members, layout.shards, reshapes=Reshapes(next_shard), regions=layout.regions)


# --- changes, each refused with a reason ----------------------------------------------------------------------------


def why_not_standing(directory: Directory, node: NodeId, standing: Standing) -> str:
    """Return why a node cannot be given this standing by an operator, "" when it can."""
    now = directory.standing(node)
    if now == standing:
        return ""  # It is asked again.
    if standing == "joining":
        return "" if now in (None, "removed") else f"{node} is a member already ({now})"
    if now is None:
        return f"{node} is no member: there are {', '.join(each.node for each in directory.members)}"
    if now == "removed":
        return f"{node} was removed before"
    if standing == "decommissioning":
        return _why_not_decommission(directory, node)
    sole = next((each.shard for each in directory.shards if each.voters == (node,)), None)
    return "" if sole is None else f"{node} holds the only replica of shard {sole}: decommission it instead"


def _why_not_decommission(directory: Directory, node: NodeId) -> str:
    member = directory.member(node)
    region = member.region if directory.regions is not None and member is not None else ""
    left = [each for each in directory.nodes("active", region=region) if each != node]
    if len(left) < directory.replicas:
        place = f" in region {region}" if region else ""
        return (
            f"{node} cannot be decommissioned: {len(left)} nodes would be left{place} ({', '.join(left) or 'none'}) "
            f"for {directory.replicas} replicas of each shard; add a node first"
        )
    return ""


def with_standing(
    directory: Directory, node: NodeId, standing: Standing, index: int, place: tuple[str, str] | None = None
) -> Directory:
    """Return the directory in which a node has this standing, by the command at `index`.

    Its zone and region are `place`, or what they were.
    """
    before = directory.member(node)
    number = index if before is None or standing == "joining" else before.number
    zone, region = place or (("", "") if before is None else (before.zone, before.region))
    member = Member(node, standing, number, zone, region)
    if before is None:
        members = (*directory.members, member)
    else:
        members = tuple(member if each.node == node else each for each in directory.members)
    return replace(directory, version=index, members=members)


def with_shard(directory: Directory, descriptor: ShardDescriptor, index: int) -> Directory:
    """Return the directory with a shard's newer descriptor; the same one if it has that, or a newer one, already.

    Which keys a shard has changes with its tasks alone, so that no key is ever missing, or there twice.
    """
    known = directory.find(descriptor.shard)
    if known is None or descriptor.epoch <= known.epoch or not is_same_range(known, descriptor):
        return directory
    shards = tuple(descriptor if each.shard == descriptor.shard else each for each in directory.shards)
    return replace(directory, version=index, shards=shards)


def descriptor_of(before: ShardDescriptor, configuration: Configuration, epoch: int) -> ShardDescriptor:
    """Return what a shard's descriptor becomes by a configuration, whose index is its epoch."""
    return msgspec.structs.replace(before, epoch=epoch, voters=configuration.voters, learners=configuration.learners)
