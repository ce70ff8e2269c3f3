"""What the keywords of every topic stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PhantomLibrary.keywords.lifetime import Clusters

if TYPE_CHECKING:
    from PhantomLibrary.keywords.cluster import Cluster


class Component:
    """Keywords of one topic. The heavy parts of the library are imported when a cluster is started, not before."""

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    @property
    def _cluster(self) -> Cluster:
        """The present cluster. Raises InvalidState when there is none, RunEnded when it was cut short."""
        cluster = self._clusters.current
        cluster.run.check_alive()
        return cluster
