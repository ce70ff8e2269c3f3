"""Names of nodes as keywords take them. Here only their form is checked, so that a dry run refuses what can never be a
node; which nodes are meant is decided by the cluster, when a command takes effect.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from PhantomLibrary.errors import InvalidInput


class NodeRef(Struct, frozen=True):
    """One node, or a role that means one or several."""

    text: str

    def __str__(self) -> str:
        return self.text


class Nodes(Struct, frozen=True):
    """Several nodes."""

    text: str

    def __str__(self) -> str:
        return self.text


class Sides(Struct, frozen=True):
    """The sides of a partition."""

    text: str

    def __str__(self) -> str:
        return self.text


class Names(Struct, frozen=True):
    """Names, in the order written."""

    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ",".join(self.names)


ANY = NodeRef("any")
ALL = Nodes("all")
NO_NAMES = Names()


def to_node_ref(value: str) -> NodeRef:
    """A node, by its name or by its role at that moment.

    ``n3``, ``leader of shard 1``, ``follower of shard 1``, ``random``, ``minority``, ``region eu`` and ``zone a`` are
    nodes; names with commas between are several.
    """
    from PhantomLibrary.testbed.targets import check_nodes_text

    text = " ".join(value.split())
    if text != ANY.text:
        check_nodes_text(text)
    return NodeRef(text)


def to_nodes(value: str | list | tuple) -> Nodes:  # type: ignore[type-arg]
    """Nodes by name or role, with commas between; ``all`` means every node."""
    from PhantomLibrary.testbed.targets import check_nodes_text

    text = value if isinstance(value, str) else ", ".join(map(str, value))
    text = " ".join(text.split())
    check_nodes_text(text)
    return Nodes(text)


def to_sides(value: str) -> Sides:
    """The sides of a partition, with ``|`` between.

    ``n1, n2 | n3, n4, n5`` and ``leader of shard 1 | rest`` are sides; ``rest`` means all nodes that no other side
    names, and a node that no side names keeps all its links. ``halves``, ``bridge``, ``ring``, ``regions`` and
    ``zones`` are whole partitions.
    """
    from PhantomLibrary.testbed.targets import check_sides_text

    text = " ".join(value.split())
    check_sides_text(text)
    return Sides(text)


def to_names(value: str | list | tuple) -> Names:  # type: ignore[type-arg]
    """Names with commas between, or a list of them."""
    parts: Sequence[str] = value.split(",") if isinstance(value, str) else [str(each) for each in value]
    names = tuple(part.strip() for part in parts)
    if names in ((), ("",)):
        return NO_NAMES
    if not all(names):
        raise InvalidInput(f"{value!r} has an empty part: write names with commas between")
    return Names(names)
