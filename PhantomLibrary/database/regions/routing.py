"""What a gateway knows where each region has a copy of its own: its region's shards, those of others, and the
policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from PhantomLibrary.database.config import ShardDescriptor
from PhantomLibrary.database.directory import Directory
from PhantomLibrary.database.routes import Routes
from PhantomLibrary.database.shard_map import ShardMap, WhenKnown
from PhantomLibrary.domain import NodeId
from PhantomLibrary.domain.region_policy import RegionPolicy


class RegionRoutes(Routes):
    """Routes whose map is that of one region; shards of others are known beside it."""

    def __init__(self, known: Iterable[ShardDescriptor], region: str) -> None:
        self.region = region
        super().__init__(known)

    def _data(self) -> Iterable[ShardDescriptor]:
        return self.of_region(self.region)

    def settle_in(self, region: str) -> None:
        """This is the region of whoever goes by these routes: a node that was added learns that later."""
        self.region = region
        self._order()

    def of_region(self, region: str) -> list[ShardDescriptor]:
        """Return the shards of a region, in the order of their ranges."""
        own = [each for each in self._by_shard.values() if each.region == region and region]
        return sorted(own, key=lambda each: each.start)

    def in_region(self, region: str, key: str) -> ShardDescriptor:
        """Return the shard that holds a key in a region. There must be a map."""
        return next(each for each in self.of_region(region) if each.holds(key))


class RegionMap(ShardMap):
    """The map of a node's region, and the policy."""

    routes: RegionRoutes

    def __init__(self, node: NodeId, routes: Routes, fetch: Callable[[WhenKnown], object]) -> None:
        super().__init__(routes, fetch)
        self._node = node
        self.policy: RegionPolicy | None = None

    def learn(self, directory: Directory) -> None:
        super().learn(directory)
        member = directory.member(self._node)
        if member is not None and not self.routes.region:
            self.routes.settle_in(member.region)
        self.learn_policy(directory.regions)

    def learn_policy(self, policy: RegionPolicy | None) -> None:
        """Take over a policy that is newer."""
        if policy is not None and (self.policy is None or policy.epoch > self.policy.epoch):
            self.policy = policy
