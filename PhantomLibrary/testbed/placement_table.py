"""The table of placement by directory: which shard begins where, and which nodes hold it, as a topology says it.

database:
  placement: directory
  directory:
    - {from: "", nodes: [n1, n2, n3]}
    - {from: k5, nodes: [n2, n3, n4]}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PhantomLibrary.domain import NodeId
from PhantomLibrary.errors import InvalidInput, nearest

TABLE = "directory"
SHARDS_MAX = 1_000
_KEYS = ("from", "nodes")


def read_table(lines: Any, known: Sequence[NodeId], replicas: int, place: str) -> dict[str, tuple[NodeId, ...]]:
    """Return who holds the shard that begins at a key. Raises InvalidInput, naming the line and the value."""
    if not isinstance(lines, list) or not 1 <= len(lines) <= SHARDS_MAX:
        raise InvalidInput(
            f"{place}: a list of 1 to {SHARDS_MAX} entries such as {{from: k5, nodes: [n1, n2]}} is needed"
        )
    table: dict[str, tuple[NodeId, ...]] = {}
    for number, line in enumerate(lines):
        start, nodes = _entry(line, f"{place}[{number}]")
        if start in table:
            raise InvalidInput(f"{place}[{number}].from: there are two shards that begin at {start!r}")
        _check_nodes(nodes, known, replicas, f"{place}[{number}].nodes")
        table[start] = tuple(nodes)
    if "" not in table:
        raise InvalidInput(f'{place}: no shard begins at "", so nobody would hold the keys before {min(table)!r}')
    return table


def _entry(line: Any, place: str) -> tuple[str, list[Any]]:
    if not isinstance(line, dict):
        raise InvalidInput(f"{place}: {line!r} is no entry: write {{from: k5, nodes: [n1, n2]}}")
    for key in line:
        if key not in _KEYS:
            raise InvalidInput(f"{place}: unknown key {key!r}: there are {', '.join(_KEYS)}{nearest(key, _KEYS)}")
    start, nodes = line.get("from"), line.get("nodes")
    if not isinstance(start, str):
        raise InvalidInput(f'{place}.from: {start!r} is no key: write text, "" for the first shard')
    if not isinstance(nodes, list):
        raise InvalidInput(f"{place}.nodes: {nodes!r} is no list of nodes")
    return start, nodes


def _check_nodes(nodes: Sequence[Any], known: Sequence[NodeId], replicas: int, place: str) -> None:
    for node in nodes:
        if node not in known:
            raise InvalidInput(f"{place}: no node {node!r}: there are {', '.join(known)}{nearest(node, known)}")
        if nodes.count(node) > 1:
            raise InvalidInput(f"{place}: {node} is named twice, and holds one replica of a shard at most")
    if len(nodes) != replicas:
        raise InvalidInput(f"{place}: {len(nodes)} nodes ({', '.join(nodes) or 'none'}) for {replicas} replicas")
