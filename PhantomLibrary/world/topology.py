"""Topologies: which machines a cluster has, where they stand, and how far apart they are.

A topology is a frozen value, decoded from YAML by `topology_file`. Quantities are integers by then: nanoseconds, bytes,
bytes a second, millionths.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from PhantomLibrary.domain import NodeId
from PhantomLibrary.world.latency import Latency, constant
from PhantomLibrary.world.link_properties import LinkProperties
from PhantomLibrary.world.units import (
    MILLION,
    Bytes,
    BytesPerSecond,
    Millionths,
    Nanoseconds,
    SignedMillionths,
    SignedNanoseconds,
)

_FULL = Millionths(MILLION)
_NO_TIME = Nanoseconds(0)
_NO_SHARE = Millionths(0)


class DiskSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """How long a sync takes: a draw, plus its bytes at this bandwidth."""

    latency: Latency
    bandwidth: BytesPerSecond | None = None


class SizeSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """What a machine of one size has. A speed of 50 % makes all work take twice as long. `network` is the bandwidth of
    all that the machine sends; without one it has no limit.
    """

    cores: int
    memory: Bytes
    disk: DiskSpec
    speed: Millionths = _FULL
    network: BytesPerSecond | None = None


class ClockSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """How wrong one node's clocks are: the wall clock by the offset, both by the drift."""

    offset: SignedNanoseconds = SignedNanoseconds(0)
    drift: SignedMillionths = SignedMillionths(0)


class ClockBounds(Struct, frozen=True, forbid_unknown_fields=True):
    """How wrong the clocks of nodes may be that have no clock of their own in the topology."""

    offset_max: Nanoseconds = _NO_TIME
    drift_max: Millionths = _NO_SHARE


class NodeSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """A machine and where it stands."""

    name: NodeId
    zone: str
    region: str
    size: str
    clock: ClockSpec | None = None


class LatencySpec(Struct, frozen=True, forbid_unknown_fields=True):
    """One-way latencies by distance. `between_regions` names pairs as `eu - us`, in either order; each pair of regions
    needs its own. `between_zones` does the same for zones of one region, which are `same_region` apart otherwise.
    """

    same_zone: Latency
    same_region: Latency
    same_node: Latency = constant(10_000)
    between_zones: dict[str, Latency] = {}
    between_regions: dict[str, Latency] = {}


class LinkDefaults(Struct, frozen=True, forbid_unknown_fields=True):
    """What all links have in common. Loopback links have none of it."""

    jitter: Nanoseconds = _NO_TIME
    loss: Millionths = _NO_SHARE
    duplicate: Millionths = _NO_SHARE
    reorder: Millionths = _NO_SHARE
    bandwidth: BytesPerSecond | None = None


class Topology(Struct, frozen=True, forbid_unknown_fields=True):
    """A cluster's machines and the network between them. `database` is passed on as it is, for others to decode."""

    name: str
    nodes: tuple[NodeSpec, ...]
    latencies: LatencySpec
    sizes: dict[str, SizeSpec] = {}
    links: LinkDefaults = LinkDefaults()
    clocks: ClockBounds = ClockBounds()
    client_latency: Nanoseconds = Nanoseconds(100_000)
    description: str = ""
    database: dict[str, Any] = {}

    def node(self, name: NodeId) -> NodeSpec:
        return next(node for node in self.nodes if node.name == name)

    def link_properties(self, source: NodeId, target: NodeId) -> LinkProperties:
        """Return what the link between two nodes is like before any fault."""
        latency = self._latency(self.node(source), self.node(target))
        if source == target:
            return LinkProperties(latency)
        links = self.links
        return LinkProperties(
            latency=latency,
            jitter_ns=int(links.jitter),
            loss_ppm=int(links.loss),
            duplicate_ppm=int(links.duplicate),
            reorder_ppm=int(links.reorder),
            bandwidth=None if links.bandwidth is None else int(links.bandwidth),
        )

    def _latency(self, source: NodeSpec, target: NodeSpec) -> Latency:
        latencies = self.latencies
        if source.name == target.name:
            return latencies.same_node
        if source.region != target.region:
            found = between(latencies.between_regions, source.region, target.region)
            assert found is not None, "the decoder has seen to it"
            return found
        if source.zone == target.zone:
            return latencies.same_zone
        return between(latencies.between_zones, source.zone, target.zone) or latencies.same_region


def between(matrix: dict[str, Latency], place: str, other: str) -> Latency | None:
    """Return the latency between two places, or None where the matrix does not give it."""
    for pair, latency in matrix.items():
        if place_pair(pair) in ((place, other), (other, place)):
            return latency
    return None


def place_pair(text: str) -> tuple[str, str] | None:
    """Read `eu - us` as two places, or return None."""
    left, dash, right = text.partition(" - ")
    return (left.strip(), right.strip()) if dash and left.strip() and right.strip() else None
