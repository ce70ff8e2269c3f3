"""Keywords that tell where data is."""

from __future__ import annotations

from robotlibcore import keyword

from PhantomLibrary.keywords.choices import NO_OPERATOR, Operator
from PhantomLibrary.keywords.comparison import expect
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.times import NOW, VirtualTime


class PlacementKeywords(Component):
    """Keywords of placement."""

    @keyword(tags=("rebalancing", "getter"))
    def get_shard(
        self, key: str, operator: Operator = NO_OPERATOR, expected: int = 0, *, within: VirtualTime = NOW
    ) -> int:
        """Returns the number of the shard that holds a key; with an operator, checks it first.

        By the newest shard map that a node has; where each region has a copy, that of the first one.
        ``within`` lets virtual time go on until it is as expected.

        Fails when it is not as expected.

        Example:
        | `Get Shard` | k7 | == | 3 |
        """
        from PhantomLibrary.testbed.placement_judge import shard_of

        cluster = self._cluster
        found = expect(cluster, f"shard of {key}", lambda: shard_of(cluster.run, key), operator, expected, within)
        return int(found)

    @keyword(tags=("assertion", "check"))
    def data_should_be_placed(self, *, within: VirtualTime = NOW) -> int:
        """Judges where data is by the cluster's strategy of placement. Returns how many keys it found on replicas.

        Each key that a replica of a live node holds belongs to its shard, by its place among keys, or by its hash.
        Each shard is on the nodes where the strategy wants it: the table, with ``directory``, the next ones on the ring
        of active nodes, with ``consistent-hash``. And its replicas are in as many regions and zones as there can be,
        but with ``directory``, where the table decides. ``within`` lets virtual time go on until it is so.

        Fails with the first key or shard that is elsewhere, and when no replica holds any key.

        Example:
        | `Start Cluster` | five-nodes | shards=8 | placement=hash |
        | `Put Value` | alice | 7 |
        | `Data Should Be Placed` |
        """
        from PhantomLibrary.testbed.placement_judge import judge_placement

        cluster = self._cluster
        run = cluster.run
        cluster.advance(within.or_none(NOW) or 0, lambda: judge_placement(run).outcome == "valid")
        verdict = judge_placement(run)
        if verdict.outcome == "unknown":
            cluster.fail("PLC-001", "no replica holds any key, so nothing shows where keys go")
        if verdict.outcome != "valid":
            cluster.fail_with(verdict)
        cluster.tell(f"{verdict.operations} keys on replicas are where they belong")
        return verdict.operations
