"""Shapes of partitions: pure functions from nodes to the directed pairs (source, target) to cut, in a fixed order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from PhantomLibrary.domain import NodeId
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.world.network import Pair

Side: TypeAlias = Sequence[NodeId]
Pairs: TypeAlias = tuple[Pair, ...]
Direction: TypeAlias = Literal["both", "forward", "backward"]


def sides(parts: Sequence[Side], *, direction: Direction = "both") -> Pairs:
    """Cut every side off from every other.

    `forward` cuts only what goes from an earlier side to a later one, `backward` only the other way. Raises
    InvalidInput for fewer than two sides, an empty one, or a node that is named twice.
    """
    if len(parts) < 2:
        raise InvalidInput("a partition has at least two sides")
    named: list[NodeId] = []
    for part in parts:
        if not part:
            raise InvalidInput("a side of the partition has no node")
        for node in part:
            if node in named:
                raise InvalidInput(f"{node} is named twice: a node stands on one side of a partition")
            named.append(node)
    forward = [(a, b) for i, part in enumerate(parts) for later in parts[i + 1 :] for a in part for b in later]
    return _directed(forward, direction)


def halves(nodes: Side) -> Pairs:
    """Cut the nodes into two halves; of an odd number, the first half is the smaller."""
    _at_least(2, nodes, "halves")
    middle = len(nodes) // 2
    return sides([nodes[:middle], nodes[middle:]])


def majority_minority(nodes: Side, minority: Side = ()) -> Pairs:
    """Cut a minority off: the given nodes, else as many of the first as are fewer than half."""
    _at_least(3, nodes, "a majority and a minority")
    few = list(minority) or list(nodes[: (len(nodes) - 1) // 2])
    _known(few, nodes)
    if 2 * len(few) >= len(nodes):
        raise InvalidInput(f"{', '.join(few)} are no minority of {len(nodes)} nodes")
    return sides([few, _others(nodes, few)])


def isolate(node: NodeId, nodes: Side, *, direction: Literal["both", "in", "out"] = "both") -> Pairs:
    """Cut one node off from all others: what it sends (`out`), what is sent to it (`in`), or both."""
    _at_least(2, nodes, "an isolated node and the others")
    _known([node], nodes)
    out = [(node, other) for other in nodes if other != node]
    return _directed(out, {"both": "both", "out": "forward", "in": "backward"}[direction])  # type: ignore[arg-type]


def one_way(sources: Side, targets: Side) -> Pairs:
    """Lose what goes from the sources to the targets; the way back stays open."""
    return sides([sources, targets], direction="forward")


def bridge(nodes: Side, middle: NodeId | None = None) -> Pairs:
    """Cut the nodes into two halves that both still reach one node: the given one, else the middle one."""
    _at_least(3, nodes, "a bridge")
    between = nodes[len(nodes) // 2] if middle is None else middle
    _known([between], nodes)
    return halves(_others(nodes, [between]))


def ring_of_majorities(nodes: Side) -> Pairs:
    """Let each node reach just a majority, itself and its nearest on a ring, and no two nodes the same one."""
    _at_least(4, nodes, "a ring of majorities")
    count = len(nodes)
    reach = (count // 2 + 1) // 2  # Neighbours to either side, so that 2 * reach + 1 is a majority.
    near = [[min((i - j) % count, (j - i) % count) <= reach for j in range(count)] for i in range(count)]
    return tuple((nodes[i], nodes[j]) for i in range(count) for j in range(count) if not near[i][j])


def by_region(regions: Sequence[tuple[NodeId, str]], cut_off: str | None = None) -> Pairs:
    """Cut regions (or zones) off from each other, or one from all the rest, given where each node stands."""
    names = list(dict.fromkeys(region for _, region in regions))
    if cut_off is None:
        return sides([[node for node, region in regions if region == name] for name in names])
    if cut_off not in names:
        raise InvalidInput(f"no node stands in {cut_off!r}: there are {', '.join(names)}")
    inside = [node for node, region in regions if region == cut_off]
    return sides([inside, [node for node, region in regions if region != cut_off]])


def between(sources: Side, targets: Side) -> Pairs:
    """Return all links from the sources to the targets, a node's link to itself excepted."""
    return tuple((source, target) for source in sources for target in targets if source != target)


def _directed(forward: Sequence[Pair], direction: Direction) -> Pairs:
    backward = [(target, source) for source, target in forward]
    return tuple([*forward, *backward] if direction == "both" else forward if direction == "forward" else backward)


def _others(nodes: Side, some: Side) -> list[NodeId]:
    return [node for node in nodes if node not in some]


def _known(some: Side, nodes: Side) -> None:
    for node in some:
        if node not in nodes:
            raise InvalidInput(f"{node} is not among {', '.join(nodes)}")


def _at_least(number: int, nodes: Side, what: str) -> None:
    if len(nodes) < number:
        raise InvalidInput(f"{what} need {number} nodes or more, and there are {len(nodes)}")
