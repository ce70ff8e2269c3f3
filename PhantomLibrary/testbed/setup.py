"""From a RunSpec to what a cluster is built from: its topology, and its layout of shards over nodes."""

from __future__ import annotations

from functools import cache
from typing import Any, get_args, get_type_hints

from msgspec.structs import replace

from PhantomLibrary.database.config import ClusterLayout, DatabaseConfig, make_layout, make_regional_layout
from PhantomLibrary.errors import InvalidInput, nearest
from PhantomLibrary.placement.resizing import SizePolicy, check_sizes
from PhantomLibrary.placement.snapshot import PlacedNode
from PhantomLibrary.testbed.placement_table import SHARDS_MAX, TABLE, read_table
from PhantomLibrary.testbed.region_setup import (
    NO_WISH,
    REGIONS,
    check_knobs,
    check_leaders,
    make_policy,
    read_wish,
)
from PhantomLibrary.testbed.schedule import SHARDS_UNSAID, RunSpec
from PhantomLibrary.world.topology import Topology
from PhantomLibrary.world.topology_file import load_topology, parse_topology, with_nodes
from PhantomLibrary.world.units import MILLION, Nanoseconds, decode

LEADERS = "leaders"


def make_topology(spec: RunSpec) -> Topology:
    """Return the machines and distances of a run."""
    nodes = spec.nodes or None
    if not spec.topology_text:
        return load_topology(spec.topology, nodes)
    topology = parse_topology(spec.topology_text, spec.topology)
    return topology if nodes is None else with_nodes(topology, nodes)


def make_cluster_layout(spec: RunSpec, topology: Topology) -> ClusterLayout:
    """Return the shards of a run and who holds them. Raises InvalidInput for what the topology cannot carry."""
    nodes = placed_nodes(topology)
    if not 1 <= spec.replicas <= len(nodes):
        raise InvalidInput(f"replicas={spec.replicas} is not possible with {len(nodes)} nodes: give 1 to {len(nodes)}")
    if not 0 <= spec.shards <= SHARDS_MAX:
        raise InvalidInput(f"shards={spec.shards} is not possible: give 1 to {SHARDS_MAX}")
    knobs = {**topology.database, **spec.knobs}
    lines, wish = knobs.pop(TABLE, None), read_wish(knobs.pop(REGIONS, None), f"{spec.topology}: $.database.{REGIONS}")
    said = knobs.pop(LEADERS, "")
    leaders = spec.leaders or str(said)
    config = replace(decode_knobs(knobs, origin=spec.topology), leaders=leaders)
    policy = make_policy((spec.regions or NO_WISH).over(wish), nodes, spec.replicas)
    check_leaders(leaders, nodes, policy)
    if policy is not None:
        check_knobs(config)
        shards = max(spec.shards, SHARDS_UNSAID)
        return make_regional_layout(nodes, shards=shards, replicas=spec.replicas, config=config, policy=policy)
    shards, table = spec.shards, None
    if config.placement == "directory":
        table = read_table(lines, [each.node for each in nodes], spec.replicas, f"{spec.topology}: $.database.{TABLE}")
        if spec.shards not in (SHARDS_UNSAID, len(table)):
            raise InvalidInput(f"shards={spec.shards} is not possible: the {TABLE} of {spec.topology} has {len(table)}")
        shards = len(table)
    elif lines is not None and topology.database.get("placement") != "directory":  # Else a run wants it otherwise.
        raise InvalidInput(f"{spec.topology}: $.database.{TABLE}: a table needs 'placement: directory' beside it")
    return make_layout(nodes, shards=shards, replicas=spec.replicas, config=config, table=table)


def placed_nodes(topology: Topology) -> list[PlacedNode]:
    """Return the machines of a topology as placement sees them: capacities are cores, the smallest machine's
    being 1.
    """
    fewest = min(topology.sizes[each.size].cores for each in topology.nodes)
    return [
        PlacedNode(each.name, each.zone, each.region, topology.sizes[each.size].cores // fewest)
        for each in topology.nodes
    ]


def decode_knobs(knobs: dict[str, Any], origin: str) -> DatabaseConfig:
    """Return the configuration that a topology's `database` part describes; times may be written `500 ms`."""
    plain: dict[str, Any] = {}
    known = DatabaseConfig.__struct_fields__
    for name, value in knobs.items():
        field = name if name in known else f"{name}_ns"
        if field not in known:
            shown = ", ".join(each.removesuffix("_ns") for each in known)
            raise InvalidInput(f"{origin}: $.database: unknown key {name!r}: there are {shown}{nearest(name, known)}")
        plain[field] = _knob(field, value, _choices(field), f"{origin}: $.database.{name}")
    config = DatabaseConfig(**plain)
    if config.probe_timeout_ns >= config.probe_period_ns:
        reason = "a probe that times out goes on through other nodes for the rest of its period"
        raise InvalidInput(f"{origin}: $.database: probe_timeout has to be shorter than probe_period: {reason}")
    check_sizes(SizePolicy(config.split_bytes, config.split_load, config.merge_bytes))
    return config


@cache
def _choices(field: str) -> tuple[str, ...]:
    """Return what a knob chooses from, nothing for a number."""
    return get_args(get_type_hints(DatabaseConfig)[field])


def _knob(field: str, value: Any, choices: tuple[str, ...], place: str) -> int | str:
    """Return the value of one knob: one of its choices, where it has any, else a number."""
    if choices:
        if value not in choices:
            raise InvalidInput(f"{place}: {value!r} is not possible: there are {', '.join(choices)}")
        return str(value)
    if isinstance(value, str) and field.endswith("_ns"):
        value = int(decode(Nanoseconds, value))
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise InvalidInput(f"{place}: {value!r} is not possible: give a positive number")
    if field.endswith("_ppm_max") and value >= MILLION:
        raise InvalidInput(f"{place}: {value!r} is not possible: give parts of a million, fewer than {MILLION}")
    return value
