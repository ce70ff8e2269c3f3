"""Reads topologies from YAML: built-in ones by name, others by path.

Every mistake is refused with the file, the line, the path inside it, what was found and what is allowed.
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib import resources
from pathlib import Path

import msgspec

from PhantomLibrary.errors import InvalidInput, nearest
from PhantomLibrary.world.documents import parse_document
from PhantomLibrary.world.topology import Topology
from PhantomLibrary.world.topology_decoder import decode_topology

NODES_MAX = 1_000


def builtin_topologies() -> list[str]:
    """Return the names of the topologies that ship with the library."""
    folder = resources.files("PhantomLibrary.world") / "topologies"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_topology(name_or_path: str, nodes: int | None = None) -> Topology:
    """Return a built-in topology, or the one in a YAML file.

    A number of nodes repeats the topology's nodes in turn as n1, n2 and so on. Raises InvalidInput.
    """
    topology = _load(name_or_path)
    return topology if nodes is None else with_nodes(topology, nodes)


def with_nodes(topology: Topology, nodes: int) -> Topology:
    """Return the topology with this many nodes, taken from its own in turn and named n1, n2 and so on."""
    if not 1 <= nodes <= NODES_MAX:
        raise InvalidInput(f"a cluster of {nodes} nodes cannot be: ask for 1 to {NODES_MAX:,}")
    own = topology.nodes
    repeated = (msgspec.structs.replace(own[i % len(own)], name=f"n{i + 1}") for i in range(nodes))
    return msgspec.structs.replace(topology, nodes=tuple(repeated))


@lru_cache(maxsize=64)  # Whoever starts one cluster after another mostly starts the same ones.
def parse_topology(text: str, origin: str) -> Topology:
    """Return the topology that a YAML text describes; `origin` names its source in errors."""
    return parse_document(text, origin, decode_topology)


@cache
def _builtin(name: str) -> Topology:
    text = (resources.files("PhantomLibrary.world") / "topologies" / f"{name}.yaml").read_text(encoding="utf-8")
    return parse_topology(text, f"topology {name}")


def _load(name_or_path: str) -> Topology:
    known = builtin_topologies()
    if name_or_path in known:
        return _builtin(name_or_path)
    path = Path(name_or_path)
    if not path.is_file():
        raise InvalidInput(
            f"no topology {name_or_path!r}: give the path of a YAML file, or one of {', '.join(known)}"
            f"{nearest(name_or_path, known)}"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path}: cannot be read as UTF-8 text: {error}") from error
    return parse_topology(text, str(path))
