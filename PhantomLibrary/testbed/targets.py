"""Names of nodes as people write them, and which nodes they mean at a moment of a run.

One node: `n3`, `leader of shard 1`, `follower of shard 1`, `random`. Several: `all`, `minority`, `majority`,
`region eu`, `zone a`, `followers of shard 1`, or any of these separated by commas; `rest` in a partition means all
that no other side names. Sides are separated by `|`; `halves`, `bridge`, `ring`, `regions` and `zones` are whole
partitions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from PhantomLibrary.domain import NodeId, ShardId
from PhantomLibrary.errors import InvalidInput, InvalidState, nearest
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.world import shapes
from PhantomLibrary.world.network import Pair
from PhantomLibrary.world.topology import Topology

SHAPES = ("halves", "bridge", "ring", "regions", "zones")
_WORDS = ("random", "minority", "majority", "all", "rest", *SHAPES)
_EXAMPLES = (*_WORDS, "leader of shard 1", "follower of shard 1")
_OF_SHARD = re.compile(r"(leader|follower|followers) of shard (\d+)")
_PLACE = re.compile(r"(region|zone) (\S+)")
NODE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*\d[A-Za-z0-9_.-]*")


class ClusterView(Protocol):
    """What has to be known of a run to tell which nodes are meant."""

    sides: Sequence[Sequence[NodeId]]

    @property
    def topology(self) -> Topology: ...
    @property
    def shard_ids(self) -> Sequence[ShardId]: ...

    def live_nodes(self) -> list[NodeId]: ...
    def leader(self, shard: ShardId) -> NodeId: ...
    def voters(self, shard: ShardId) -> Sequence[NodeId]: ...
    def target_stream(self) -> Stream: ...


class Partition(Struct, frozen=True):
    """A resolved partition: the links to cut, and the sides it makes."""

    pairs: tuple[Pair, ...]
    sides: tuple[tuple[NodeId, ...], ...]


def check_nodes_text(text: str) -> None:
    """Raise InvalidInput unless every part of `text` could name nodes of some cluster."""
    for part in _parts(text, ","):
        if part in ("random", "minority", "majority", "all", "rest"):
            continue
        if not (_OF_SHARD.fullmatch(part) or _PLACE.fullmatch(part) or NODE_NAME.fullmatch(part)):
            raise InvalidInput(
                f"{part!r} names no node: write a node such as n1, leader of shard 1, follower of shard 1, random, "
                f"minority, majority, region NAME, zone NAME or all{nearest(part, _EXAMPLES)}"
            )


def check_sides_text(text: str) -> None:
    """Raise InvalidInput unless `text` could be the sides of a partition."""
    if text in SHAPES:
        return
    sides = _parts(text, "|")
    if len(sides) < 2:
        shapes_text = ", ".join(SHAPES)
        raise InvalidInput(
            f"{text!r} is no partition: write its sides with | between, as n1, n2 | rest, or one of {shapes_text}"
            f"{nearest(text, SHAPES)}"
        )
    for side in sides:
        check_nodes_text(side)


def check_target(text: str, cluster: ClusterView) -> None:
    """Raise InvalidInput if a name in `text` will never mean anything here, whatever happens until it is resolved."""
    if not text or text in SHAPES:
        return
    for part in _parts(text.replace("|", ","), ","):
        if match := _OF_SHARD.fullmatch(part):
            _check_shard(int(match[2]), cluster)
        elif match := _PLACE.fullmatch(part):
            _at_place(match[1], match[2], cluster)
        elif part not in _WORDS:
            _check_known(part, cluster)


def resolve_node(text: str, cluster: ClusterView) -> NodeId:
    """Return the one node that `text` means now."""
    nodes = resolve_nodes(text, cluster)
    if len(nodes) != 1:
        raise InvalidInput(f"{text!r} means {len(nodes)} nodes ({', '.join(nodes)}); name one")
    return nodes[0]


def resolve_nodes(text: str, cluster: ClusterView, taken: Sequence[NodeId] = ()) -> list[NodeId]:
    """Return the nodes that `text` means now, each once, in the order written."""
    found: list[NodeId] = []
    for part in _parts(text, ","):
        for node in _resolve(part, cluster, [*taken, *found]):
            if node in found:
                raise InvalidInput(f"{text!r} names {node} twice")
            found.append(node)
    return found


def resolve_sides(text: str, direction: str, cluster: ClusterView) -> Partition:
    """Return the partition that `text` means now. A node that no side names keeps all its links."""
    nodes = [each.name for each in cluster.topology.nodes]
    if text in ("bridge", "ring") and direction != "both":
        raise InvalidInput(f"a {text} is cut in both directions: direction={direction} means nothing for it")
    match text:
        case "halves":
            middle = len(nodes) // 2
            return _partition([nodes[:middle], nodes[middle:]], direction)
        case "bridge":
            return Partition(shapes.bridge(nodes), ())
        case "ring":
            return Partition(shapes.ring_of_majorities(nodes), ())
        case "regions" | "zones":
            places = [(each.name, each.region if text == "regions" else each.zone) for each in cluster.topology.nodes]
            names = dict.fromkeys(place for _, place in places)
            return _partition([[node for node, place in places if place == name] for name in names], direction)
    check_sides_text(text)
    return _partition(_named_sides(_parts(text, "|"), cluster), direction)


def _named_sides(texts: Sequence[str], cluster: ClusterView) -> list[list[NodeId]]:
    sides: list[list[NodeId]] = [[] for _ in texts]
    named: list[NodeId] = []
    for position, text in enumerate(texts):
        if text in ("rest", "majority"):
            continue
        sides[position] = resolve_nodes(text, cluster, named)
        for node in sides[position]:
            if node in named:
                raise InvalidInput(f"{node} is named twice: a node stands on one side of a partition")
            named.append(node)
    for position, text in enumerate(texts):
        if text in ("rest", "majority"):
            sides[position] = [each.name for each in cluster.topology.nodes if each.name not in named]
            named += sides[position]
    return sides


def _partition(sides: Sequence[Sequence[NodeId]], direction: str) -> Partition:
    pairs = shapes.sides(sides, direction=direction)  # type: ignore[arg-type]
    return Partition(pairs, tuple(tuple(side) for side in sides))


def _resolve(part: str, cluster: ClusterView, taken: Sequence[NodeId]) -> list[NodeId]:
    names = [each.name for each in cluster.topology.nodes]
    if part in names:
        return [part]
    if part == "all":
        return names
    if part == "random":
        candidates = [node for node in cluster.live_nodes() if node not in taken]
        if not candidates:
            raise InvalidState("no node runs that could be chosen at random")
        return [candidates[cluster.target_stream().below(len(candidates))]]
    if part in ("minority", "majority"):
        return _side(part, cluster)
    if match := _OF_SHARD.fullmatch(part):
        return _of_shard(match[1], int(match[2]), cluster, taken)
    if match := _PLACE.fullmatch(part):
        return _at_place(match[1], match[2], cluster)
    _check_known(part, cluster)
    raise AssertionError(part)


def _check_known(part: str, cluster: ClusterView) -> None:
    names = [each.name for each in cluster.topology.nodes]
    if part not in names:
        raise InvalidInput(
            f"no node {part!r}: this cluster has {_shown(names)}; roles are leader of shard 1, follower of shard 1, "
            f"random, minority{nearest(part, [*names, *_WORDS])}"
        )


def _check_shard(shard: ShardId, cluster: ClusterView) -> None:
    if shard not in cluster.shard_ids:
        known = [str(each) for each in cluster.shard_ids]
        raise InvalidInput(f"no shard {shard}: this cluster has shards {_shown(known)}{nearest(shard, known)}")


def _side(part: str, cluster: ClusterView) -> list[NodeId]:
    """The side of the latest partition; before any, a minority is chosen at random."""
    names = [each.name for each in cluster.topology.nodes]
    if cluster.sides:
        majority = max(cluster.sides, key=len)
        return list(majority) if part == "majority" else [node for node in names if node not in majority]
    chosen = cluster.live_nodes()
    stream = cluster.target_stream()
    while len(chosen) > max(1, (len(names) - 1) // 2):
        del chosen[stream.below(len(chosen))]
    return [node for node in names if node not in chosen] if part == "majority" else chosen


def _of_shard(role: str, shard: ShardId, cluster: ClusterView, taken: Sequence[NodeId]) -> list[NodeId]:
    _check_shard(shard, cluster)
    leader = cluster.leader(shard)
    if role == "leader":
        if not leader:
            raise InvalidState(f"shard {shard} has no leader now: wait with Leader Should Be Elected first")
        return [leader]
    live = cluster.live_nodes()
    followers = [each for each in cluster.voters(shard) if each != leader and each in live and each not in taken]
    if role == "followers":
        return followers
    if not followers:
        raise InvalidState(f"shard {shard} has no live follower that is not named already")
    return followers[:1]


def _at_place(kind: str, name: str, cluster: ClusterView) -> list[NodeId]:
    places = [(each.name, each.region if kind == "region" else each.zone) for each in cluster.topology.nodes]
    nodes = [node for node, place in places if place == name]
    if not nodes:
        known = list(dict.fromkeys(place for _, place in places))
        raise InvalidInput(f"no {kind} {name!r}: this cluster has {', '.join(known)}{nearest(name, known)}")
    return nodes


def _parts(text: str, separator: str) -> list[str]:
    parts = [" ".join(part.split()) for part in text.split(separator)]
    if not all(parts):
        raise InvalidInput(f"{text!r} has an empty part: write names with {separator!r} between them")
    return parts


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 7 else f"{names[0]}…{names[-1]}"
