"""The cluster that `Start Cluster` is asked for, as the spec of a run once its seed is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from PhantomLibrary.keywords.quantities import Count

if TYPE_CHECKING:
    from PhantomLibrary.testbed.schedule import RunSpec

_REPLICAS = 3


class Wanted(Struct, frozen=True):
    """What was written; `replicas` None means as many as fit, up to three."""

    topology: str
    nodes: Count
    shards: int
    replicas: int | None
    regions: Any
    leaders: str
    knobs: Mapping[str, str]
    defects: tuple[str, ...]
    order: Any

    def spec(self, seed: int) -> RunSpec:
        from PhantomLibrary.testbed.schedule import RunSpec

        topology, text = self.topology, _text_of_topology(self.topology)
        return RunSpec(
            seed=seed,
            topology=topology if text == "" else Path(topology).name,
            topology_text=text,
            nodes=self.nodes.number,
            shards=self.shards,
            replicas=self._fitting() if self.replicas is None else self.replicas,
            defects=self.defects,
            knobs=dict(self.knobs),
            order=self.order,
            regions=self.regions,
            leaders=self.leaders,
        )

    def _fitting(self) -> int:
        """Return how many replicas fit: on all nodes, or on those of the smallest region where each has its own."""
        from PhantomLibrary.testbed.region_setup import NO_WISH, REGIONS, read_wish, smallest_region
        from PhantomLibrary.testbed.setup import placed_nodes
        from PhantomLibrary.world.topology_file import load_topology

        topology = load_topology(self.topology, self.nodes.number or None)
        said = read_wish(topology.database.get(REGIONS), f"{self.topology}: $.database.{REGIONS}")
        is_regional = (self.regions or NO_WISH).over(said).replication
        nodes = placed_nodes(topology)
        return min(_REPLICAS, len(smallest_region(nodes) if is_regional else nodes))


def _text_of_topology(topology: str) -> str:
    """Return the YAML of a topology that is not built in, so that the schedule replays where that file is not."""
    from PhantomLibrary.world.topology_file import builtin_topologies, load_topology

    if topology in builtin_topologies():
        return ""
    load_topology(topology)  # Says what is wrong with it, by file and line.
    return Path(topology).read_text(encoding="utf-8")
