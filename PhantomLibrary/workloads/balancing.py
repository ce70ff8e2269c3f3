"""Which gateway a client is sent to, as the balancer before a cluster decides it when a connection is opened.

Round robin deals clients out in turn, so that each gateway has as many, whatever they do. Least connections sends
each to the gateway that has the fewest, which evens out what was lost and fills what is new. Random needs to know
nothing.

Rule: pure, and integers. Gateways come in their order, so that ties are decided the same way in every run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, get_args

from PhantomLibrary.domain import NodeId
from PhantomLibrary.kernel.streams import Stream

Balancing: TypeAlias = Literal["round robin", "least connections", "random"]
BALANCINGS: tuple[Balancing, ...] = get_args(Balancing)
ROUND_ROBIN: Balancing = "round robin"


def choose(
    balancing: Balancing, gateways: Sequence[NodeId], number: int, connections: Mapping[NodeId, int], draws: Stream
) -> NodeId:
    """Return the gateway for the client of that number. `connections` counts those that each has."""
    match balancing:
        case "round robin":
            return gateways[number % len(gateways)]
        case "least connections":
            return min(gateways, key=lambda each: connections.get(each, 0))
        case "random":
            return gateways[draws.below(len(gateways))]


def surplus(gateways: Sequence[NodeId], connections: Mapping[NodeId, int]) -> dict[NodeId, int]:
    """Return how many clients each gateway is to give up so that no two differ by more than one, as few as possible."""
    share, rest = divmod(sum(connections.get(each, 0) for each in gateways), len(gateways))
    fullest = sorted(gateways, key=lambda each: -connections.get(each, 0))  # Who may keep one of the rest.
    wanted = {node: share + (rank < rest) for rank, node in enumerate(fullest)}
    return {each: max(0, connections.get(each, 0) - wanted[each]) for each in gateways}
