"""Which nodes of a graph lie on cycles: what an order can be given is peeled off, and of the rest come components.

Nothing here is recursive, so that a graph of a hundred thousand nodes in a row is judged too.

Sources: Kahn, "Topological sorting of large networks" (1962); Tarjan, "Depth-first search and linear graph algorithms"
(1972).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PhantomLibrary.checking.transactions.graph import KIND_BITS

Edges = Sequence[Sequence[int]]


def peel(out: Edges) -> tuple[list[int], list[int]]:
    """Return an order of the nodes that no cycle leads to, and the nodes that are left, by number."""
    incoming = [0] * len(out)
    for edges in out:
        for edge in edges:
            incoming[edge >> KIND_BITS] += 1
    order = [node for node, count in enumerate(incoming) if not count]
    for node in order:  # Grows as it goes.
        for edge in out[node]:
            target = edge >> KIND_BITS
            incoming[target] -= 1
            if not incoming[target]:
                order.append(target)
    if len(order) == len(out):
        return order, []
    return order, [node for node, count in enumerate(incoming) if count]


def components(nodes: Sequence[int], successors: Callable[[int], Sequence[int]]) -> list[list[int]]:
    """Return the components of more than one node (a node has no edge to itself), by their lowest node.

    `successors` may name nodes that are not asked for; those are passed over.
    """
    found: list[list[int]] = []
    number = dict.fromkeys(nodes, 0)  # 0: not seen; then by time of discovery; _DONE when its component is complete.
    low: dict[int, int] = {}
    open_nodes: list[int] = []
    count = 0
    for root in nodes:
        if number[root]:
            continue
        count += 1
        number[root] = low[root] = count
        open_nodes.append(root)
        path = [(root, iter(successors(root)))]
        while path:
            node, rest = path[-1]
            for target in rest:
                seen = number.get(target, _DONE)
                if not seen:
                    count += 1
                    number[target] = low[target] = count
                    open_nodes.append(target)
                    path.append((target, iter(successors(target))))
                    break
                if seen < low[node]:
                    low[node] = seen
            else:
                path.pop()
                if path and low[node] < low[path[-1][0]]:
                    low[path[-1][0]] = low[node]
                if low[node] == number[node]:
                    members = [open_nodes.pop()]
                    while members[-1] != node:
                        members.append(open_nodes.pop())
                    for member in members:
                        number[member] = _DONE
                    if len(members) > 1:
                        found.append(sorted(members))
    found.sort()
    return found


_DONE = 1 << 62
