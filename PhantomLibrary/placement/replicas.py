"""Replicas as a flow: no two of a shard on a node, nor more of them in one region or zone than cannot be helped.

Only active nodes count: what is on others is left to whoever drains those.
"""

from __future__ import annotations

from collections.abc import Sequence

from PhantomLibrary.placement.flow import Flow
from PhantomLibrary.placement.snapshot import PlacedNode, PlacedShard


class Places:
    """In which region and zone each of some nodes stands. Zones of two regions are two zones, whatever their names."""

    def __init__(self, nodes: Sequence[PlacedNode]) -> None:
        self.nodes = tuple(nodes)
        self.all = (1 << len(nodes)) - 1
        regions: dict[str, int] = {}
        zones: dict[tuple[str, str], int] = {}
        for index, node in enumerate(nodes):
            regions[node.region] = regions.get(node.region, 0) | 1 << index
            zones[node.region, node.zone] = zones.get((node.region, node.zone), 0) | 1 << index
        self.regions = tuple(regions.values())
        self.zones = tuple(zones.values())
        self._caps: dict[int, tuple[int, int]] = {}

    def caps(self, replicas: int) -> tuple[int, int]:
        """Return how many of so many replicas may be in one region, and in one zone: as few as can be, regions first.

        There may not be more replicas than nodes.
        """
        if replicas not in self._caps:
            sizes = [region.bit_count() for region in self.regions]
            in_region = next(cap for cap in range(replicas + 1) if sum(min(cap, size) for size in sizes) >= replicas)
            in_zone = next(cap for cap in range(replicas + 1) if self._room(in_region, cap) >= replicas)
            self._caps[replicas] = in_region, in_zone
        return self._caps[replicas]

    def _room(self, in_region: int, in_zone: int) -> int:
        """Return how many replicas of a shard find a place if no region and no zone has more of them than that."""
        room = 0
        for region in self.regions:
            zones = [zone for zone in self.zones if zone & region]
            room += min(in_region, sum(min(in_zone, zone.bit_count()) for zone in zones))
        return room

    def crowded(self, holders: int) -> int:
        """Return the holders in a region, or else a zone, that has too many of them; 0 when there is none."""
        in_region, in_zone = self.caps(holders.bit_count())
        for places, cap in ((self.regions, in_region), (self.zones, in_zone)):
            for place in places:
                if (holders & place).bit_count() > cap:
                    return holders & place
        return 0

    def successors(self, holders: int, source: int) -> int:
        """Return the nodes that may hold a replica in the place of `source`, beside the other holders."""
        in_region, in_zone = self.caps(holders.bit_count())
        rest = holders & ~(1 << source)
        free = self.all & ~holders
        for region in self.regions:
            if (rest & region).bit_count() >= in_region:
                free &= ~region
        for zone in self.zones:
            if (rest & zone).bit_count() >= in_zone:
                free &= ~zone
        return free


class Replicas(Flow):
    """The replicas of shards on active nodes."""

    def __init__(self, nodes: Sequence[PlacedNode], shards: Sequence[PlacedShard]) -> None:
        self.places = Places(nodes)
        index = {each.node: number for number, each in enumerate(nodes)}
        holders = [sum(1 << index[node] for node in each.replicas if node in index) for each in shards]
        super().__init__([each.capacity for each in nodes], holders, [not each.is_fixed for each in shards])

    def _targets(self, thing: int, source: int) -> int:
        return self.places.successors(self.now[thing], source)
