"""Turns what YAML holds into a Topology, and explains each mistake in the words of the file."""

from __future__ import annotations

import re
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec.structs import replace

from PhantomLibrary.errors import InvalidInput, nearest
from PhantomLibrary.world.documents import Refused, convert, one_of, shown
from PhantomLibrary.world.latency import DISTRIBUTIONS, Latency, latency_table
from PhantomLibrary.world.sizes import STANDARD_SIZES
from PhantomLibrary.world.topology import (
    ClockBounds,
    ClockSpec,
    DiskSpec,
    LatencySpec,
    LinkDefaults,
    NodeSpec,
    SizeSpec,
    Topology,
    between,
    place_pair,
)
from PhantomLibrary.world.units import MILLION

DRIFT_PPM_MAX = MILLION // 2  # A clock that runs at half or one and a half times its speed is wrong enough.
CORES_MAX = 1_024
_MATRICES = ("between_zones", "between_regions")

_Document: TypeAlias = dict[str, Any]
_Value = TypeVar("_Value")
_SHAPES: dict[str, type[msgspec.Struct]] = {
    "": Topology,
    "nodes": NodeSpec,
    "nodes.clock": ClockSpec,
    "sizes": SizeSpec,
    "sizes.disk": DiskSpec,
    "latencies": LatencySpec,
    "links": LinkDefaults,
    "clocks": ClockBounds,
}


def decode_topology(document: Any) -> Topology:
    """Return the topology that a document holds. Raises Refused."""
    if not isinstance(document, dict):
        raise Refused("$", f"expected a mapping with nodes, sizes and latencies, found {shown(document)}")
    rest = dict(document)
    sizes = _each(rest, "sizes", "$.sizes")
    latencies = rest.get("latencies")
    matrices: dict[str, _Document] = {}
    if isinstance(latencies, dict):
        rest["latencies"] = latencies = dict(latencies)
        matrices = {name: _each(latencies, name, f"$.latencies.{name}") for name in _MATRICES}
        for name in ("same_node", "same_zone", "same_region"):
            if name in latencies:
                latencies[name] = _spelled(latencies[name])
    topology: Topology = _convert(rest, Topology, "$")
    topology = replace(
        topology,
        sizes=STANDARD_SIZES
        | {name: _convert(_spelled_size(size), SizeSpec, f"$.sizes.{name}") for name, size in sizes.items()},
        latencies=replace(
            topology.latencies,
            **{
                name: {
                    pair: _convert(_spelled(value), Latency, f"$.latencies.{name}.{pair}")
                    for pair, value in matrix.items()
                }
                for name, matrix in matrices.items()
            },
        ),
    )
    _check(topology)
    return topology


def _each(document: _Document, name: str, path: str) -> _Document:
    """Take the entries of a mapping out of a document, to be converted one by one: msgspec does not name them."""
    entries = document.get(name)
    if not isinstance(entries, dict):
        return {}
    for key in entries:
        if not isinstance(key, str):
            raise Refused(path, f"expected names as keys, found {shown(key)}")
    document[name] = {}
    return entries


def _spelled(latency: Any) -> Any:
    """Write out a latency that is a plain duration as the constant distribution that it stands for."""
    return {"distribution": "constant", "value": latency} if isinstance(latency, str | int | float) else latency


def _spelled_size(size: Any) -> Any:
    if not isinstance(size, dict) or not isinstance(size.get("disk"), dict) or "latency" not in size["disk"]:
        return size
    return {**size, "disk": {**size["disk"], "latency": _spelled(size["disk"]["latency"])}}


# --- mistakes of form -------------------------------------------------------------------------------------------------


def _convert(document: Any, wanted: Any, path: str) -> Any:
    return convert(document, wanted, path, _known_keys, {"distribution": DISTRIBUTIONS})


def _known_keys(path: str, found: Any) -> tuple[str, ...]:
    """Return the keys that a mapping at this path may have."""
    if isinstance(found, dict) and "distribution" in found:
        kinds = {kind.__struct_config__.tag: kind for kind in Latency.__args__}
        return ("distribution", *kinds[found["distribution"]].__struct_fields__)
    shape = re.sub(r"\[\d+\]", "", path.removeprefix("$").removeprefix("."))
    shape = re.sub(r"^sizes\.[^.]+", "sizes", shape)
    return _SHAPES[shape].__struct_fields__ if shape in _SHAPES else ()


# --- impossible values ------------------------------------------------------------------------------------------------


def _check(topology: Topology) -> None:
    if not topology.nodes:
        raise Refused("$.nodes", "there is no node: a cluster has at least one")
    for name, size in topology.sizes.items():
        _check_size(size, f"$.sizes.{name}")
    _check_nodes(topology)
    _check_links(topology.links)
    _check_latencies(topology)
    if topology.clocks.drift_max > DRIFT_PPM_MAX:
        raise Refused("$.clocks.drift_max", f"{topology.clocks.drift_max} ppm is too much: at most 50 %")


def _check_size(size: SizeSpec, path: str) -> None:
    if not 1 <= size.cores <= CORES_MAX:
        raise Refused(f"{path}.cores", f"{size.cores} cores cannot be: 1 to {CORES_MAX:,} are allowed")
    if size.speed <= 0:
        raise Refused(f"{path}.speed", "a speed of 0 % cannot be: it is above zero, and 100 % is full speed")
    if size.memory <= 0:
        raise Refused(f"{path}.memory", "no memory cannot be: write a size above zero, such as '16 GB'")
    _check_bandwidth(size.network, f"{path}.network")
    _check_bandwidth(size.disk.bandwidth, f"{path}.disk.bandwidth")
    _check_latency(size.disk.latency, f"{path}.disk.latency")


def _check_nodes(topology: Topology) -> None:
    seen: dict[str, int] = {}
    for index, node in enumerate(topology.nodes):
        path = f"$.nodes[{index}]"
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", node.name):
            raise Refused(f"{path}.name", f"{node.name!r} is no name: letters, digits, _ and -, a letter first")
        if node.name in seen:
            raise Refused(
                f"{path}.name", f"{node.name!r} is the name of $.nodes[{seen[node.name]}] too: each has its own"
            )
        seen[node.name] = index
        if node.size not in topology.sizes:
            known = topology.sizes
            raise Refused(f"{path}.size", f"no size {node.size!r}: {one_of(known)}{nearest(node.size, known)}")
        if node.clock is not None and abs(node.clock.drift) > DRIFT_PPM_MAX:
            raise Refused(f"{path}.clock.drift", f"{node.clock.drift} ppm is too much: between -50 % and 50 %")


def _check_links(links: LinkDefaults) -> None:
    for name in ("loss", "duplicate", "reorder"):
        share = getattr(links, name)
        if share > MILLION:
            raise Refused(f"$.links.{name}", f"{share / 10_000:g} % is more than all: 0 % to 100 % are allowed")
    _check_bandwidth(links.bandwidth, "$.links.bandwidth")


def _check_bandwidth(bandwidth: int | None, path: str) -> None:
    if bandwidth is not None and bandwidth <= 0:
        raise Refused(path, "a bandwidth of 0 B/s carries nothing: write more than zero, or leave it out for no limit")


def _check_latencies(topology: Topology) -> None:
    latencies = topology.latencies
    for name in ("same_node", "same_zone", "same_region"):
        _check_latency(getattr(latencies, name), f"$.latencies.{name}")
    regions = list(dict.fromkeys(node.region for node in topology.nodes))
    _check_matrix(latencies.between_regions, "region", regions)
    _check_matrix(latencies.between_zones, "zone", list(dict.fromkeys(node.zone for node in topology.nodes)))
    for index, region in enumerate(regions):
        for other in regions[index + 1 :]:
            if between(latencies.between_regions, region, other) is None:
                raise Refused("$.latencies.between_regions", f"the latency of '{region} - {other}' is missing")


def _check_matrix(matrix: dict[str, Latency], kind: str, known: list[str]) -> None:
    for pair, latency in matrix.items():
        path = f"$.latencies.between_{kind}s.{pair}"
        places = place_pair(pair)
        if places is None:
            raise Refused(path, f"{pair!r} is no pair of {kind}s: write two names and ' - ' between, such as 'eu - us'")
        if places[0] == places[1]:
            raise Refused(path, f"{places[0]!r} is at no distance from itself: a pair names two {kind}s")
        for place in places:
            if place not in known:
                raise Refused(
                    path, f"no node stands in {place!r}: the {kind}s are {', '.join(known)}{nearest(place, known)}"
                )
        _check_latency(latency, path)


def _check_latency(latency: Latency, path: str) -> None:
    try:
        latency_table(latency)
    except InvalidInput as crossed:
        raise Refused(path, str(crossed)) from None
