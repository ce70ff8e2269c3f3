"""Keywords of regions that have copies of their own: who takes writes, how far they are, what conflicts became."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from robot.api import logger
from robotlibcore import keyword

from PhantomLibrary.errors import InvalidState
from PhantomLibrary.keywords.choices import NO_OPERATOR, Operator
from PhantomLibrary.keywords.comparison import expect
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.node_names import ANY, NO_NAMES, Names, NodeRef
from PhantomLibrary.keywords.times import NOW, VirtualTime, in_seconds, to_virtual_time
from PhantomLibrary.keywords.workload_keywords import target_of, wait_for

if TYPE_CHECKING:
    from PhantomLibrary.domain import Answer
    from PhantomLibrary.kernel.tasks import Task
    from PhantomLibrary.keywords.cluster import Cluster

_TEN_SECONDS = to_virtual_time("10s")
_MILLISECOND_NS = 1_000_000
_LOOK_EVERY_NS = 20 * _MILLISECOND_NS
_SIBLINGS_EVERY_NS = 50 * _MILLISECOND_NS
_TAKE_OVER_NS = 30_000 * _MILLISECOND_NS


class RegionKeywords(Component):
    """Keywords of replication over regions."""

    @keyword(tags=("region",))
    def fail_over(self, region: str, *, force: bool = False) -> int:
        """Lets a region take the writes, and no other one; returns how many writes it is known to lack.

        If the region that takes them now can be reached, it hands over: nobody takes writes until the new one has all
        of them, and nothing is lost. If it cannot, the new one takes writes at once; what the other one had told
        nobody comes when that is back, and may have been written over by then.

        Fails when the region is too far behind (``lag_max`` of `Start Cluster`) and this is not forced, when it does
        not answer itself, and when several regions take writes.

        Example:
        | `Crash Node` | region eu |
        | ${lost} = | `Fail Over` | us | force=yes |
        """
        cluster = self._cluster
        answer = _asked(cluster, cluster.perform("fail over", region=region, force=force or None), "fail over", region)
        told = json.loads(answer.value or "{}")
        if not cluster.advance(_TAKE_OVER_NS, lambda: _policy(cluster).writable == (region,)):
            cluster.fail("OPR-001", f"region {region} has not taken over within {in_seconds(_TAKE_OVER_NS)}")
        how = "handed over" if told.get("is_planned") else "failed over"
        cluster.tell(f"{how} to region {region}, which lacks {told.get('missing', 0)} writes that others have")
        return int(told.get("missing", 0))

    @keyword(tags=("region",))
    def fail_back(self) -> str:
        """Lets the region take the writes again that took them when the cluster was started; returns its name.

        Heal what had befallen it first: it gets all that was written meanwhile before it takes over.

        Fails as `Fail Over` does.

        Example:
        | `Heal Network` |
        | `Fail Back` |
        """
        cluster = self._cluster
        _policy(cluster)
        assert cluster.run.layout.regions is not None
        region = cluster.run.layout.regions.writable[0]
        self.fail_over(region)
        return region

    @keyword(tags=("region",))
    def forget_region(self, region: str) -> None:
        """Gives a region up that is lost for ever: nobody waits for it any more, and what only it had is gone.

        Should it ever come back, it finds that it is no member, takes no writes and tells nobody anything.

        Fails when it is the only one that takes writes: fail over to another one first.

        Example:
        | `Crash Node` | region eu |
        | `Fail Over` | us | force=yes |
        | `Forget Region` | eu |
        """
        cluster = self._cluster
        _asked(cluster, cluster.perform("forget region", region=region), "forget", region)
        if not cluster.advance(_TAKE_OVER_NS, lambda: region not in _policy(cluster).members):
            cluster.fail("OPR-001", f"region {region} is still a member after {in_seconds(_TAKE_OVER_NS)}")
        cluster.tell(f"region {region} is no member any more")

    @keyword(tags=("region", "getter"))
    def get_writable_regions(
        self, operator: Operator = NO_OPERATOR, expected: Names = NO_NAMES, *, within: VirtualTime = NOW
    ) -> list[str]:
        """Returns the regions that take writes, as a list; with an operator, checks it first.

        Example:
        | `Get Writable Regions` | == | us | within=20s |
        """
        cluster = self._cluster
        found = expect(
            cluster,
            "list of regions that take writes",
            lambda: list(_policy(cluster).writable),
            operator,
            list(expected.names),
            within,
        )
        return list(found)

    # --- how far they are -------------------------------------------------------------------------------------------

    @keyword(tags=("region", "getter"))
    def get_replication_lag(
        self,
        region: str,
        operator: Operator = NO_OPERATOR,
        expected: int = 0,
        *,
        behind: str = "primary",
        measure: Literal["time", "writes"] = "time",
        within: VirtualTime = NOW,
    ) -> int:
        """Returns how far a region is behind another one; with an operator, checks it first.

        The ``time`` is in milliseconds: for how long it has lacked the oldest write that it lacks. Or it is the number
        of ``writes`` that it lacks. It is seen from outside, whatever the regions know of each other. ``behind`` is the
        region that takes writes, unless another one is named.

        Fails when it is not as expected, and when no node of the region is up.

        Example:
        | `Get Replication Lag` | ap | <= | 250 |
        | `Get Replication Lag` | ap | == | 0 | measure=writes | within=5s |
        """
        from PhantomLibrary.testbed.regional_verbs import check_member, check_region
        from PhantomLibrary.testbed.regions import lag

        cluster = self._cluster
        writable = [each for each in (*_policy(cluster).writable, *_policy(cluster).members) if each != region]
        check_member(cluster.run, region)
        other = writable[0] if behind == "primary" else check_region(cluster.run, behind)

        def read() -> int:
            found = lag(cluster.run, region, other)
            return found.missing if measure == "writes" else found.lag_ns // _MILLISECOND_NS

        subject = f"lag of region {region} behind {other} in {'ms' if measure == 'time' else measure}"
        return int(expect(cluster, subject, read, operator, expected, within, every_ns=_LOOK_EVERY_NS))

    @keyword(tags=("region", "getter"))
    def get_replication_status(self) -> list[dict[str, Any]]:
        """Returns how each region sees each other one, as a list of dictionaries, and logs it as a table.

        Keys: ``source`` and ``target``, ``connected``, ``position`` (up to which of the source's writes the target has
        all), ``missing`` (how many it lacks), and ``lag_ms`` (how long ago it last lacked none). It is what the leaders
        of the source's shards know.

        Example:
        | ${status} = | `Get Replication Status` |
        | Should Be True | ${status}[0][connected] |
        """
        from PhantomLibrary.reporting.row_table import render_rows
        from PhantomLibrary.testbed.regions import statuses

        cluster = self._cluster
        rows = [
            (each.source, each.target, each.is_connected, each.position, each.missing, each.lag_ns // _MILLISECOND_NS)
            for each in statuses(cluster.run)
        ]
        columns = ("source", "target", "connected", "position", "missing", "lag_ms")
        types = ("TEXT", "TEXT", "TEXT", "INTEGER", "INTEGER", "INTEGER")
        logger.info(render_rows(columns, types, rows), html=True)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    @keyword(tags=("region", "assertion", "check"))
    def regions_should_agree(self, *, within: VirtualTime = _TEN_SECONDS) -> int:
        """Lets virtual time go on until all regions have applied the same writes, and compares what clients can read.

        Stop workloads first: regions cannot catch up with clients that go on writing. Returns how many keys there are.

        Fails when regions show different values for a key, and says which; or have not applied the same in time.

        Example:
        | `Stop Workload` |
        | `Regions Should Agree` | within=5s |
        """
        from PhantomLibrary.testbed.regions import judge_regions, regions_agree

        cluster = self._cluster
        _policy(cluster)
        since_ns = cluster.run.now_ns
        cluster.advance(within.or_none(NOW) or 0, regions_agree(cluster.run))
        verdict = judge_regions(cluster.run)
        if verdict.outcome != "valid":
            cluster.fail_with(verdict)
        took_ms = (cluster.run.now_ns - since_ns) // _MILLISECOND_NS
        cluster.tell(f"regions agree about {verdict.operations} keys, after {took_ms} ms")
        return verdict.operations

    # --- conflicts --------------------------------------------------------------------------------------------------

    @keyword(tags=("region", "getter"))
    def get_siblings(
        self,
        key: str,
        operator: Operator = NO_OPERATOR,
        expected: Names = NO_NAMES,
        *,
        gateway: NodeRef = ANY,
        within: VirtualTime = NOW,
    ) -> list[str]:
        """Reads one key and returns all its values, as a list; with an operator, checks it first.

        There are several where regions have written without knowing of each other (``conflicts=multi value``). Whoever
        writes the key next, through the same gateway, takes the place of all that were read. With ``conflicts=custom``
        they come as the merge function gets them, so that a key which it fails for can be put in order. ``gateway``
        and ``within`` are as in `Get Value`; values are compared in any order.

        Fails when the cluster does not answer, or the values are not as expected.

        Example:
        | `Get Siblings` | alice | == | at home, on call | gateway=region us | within=2s |
        """
        cluster = self._cluster

        def read() -> list[str]:
            answer = wait_for(cluster, cluster.perform("get value", target_of(gateway), key=key, siblings=True))
            values, problem = _values(answer)
            if problem:
                cluster.fail("OPR-001", f"key {key} could not be read by {cluster.now}: {problem}")
            return values

        end_ns = cluster.run.now_ns + (within.or_none(NOW) or 0)
        found = read()
        while not _holds(found, operator, expected) and cluster.run.now_ns < end_ns:
            cluster.advance(min(_SIBLINGS_EVERY_NS, end_ns - cluster.run.now_ns))
            found = read()
        return list(expect(cluster, f"list of values of key {key}", lambda: found, operator, list(expected.names), NOW))

    @keyword(tags=("region", "getter"))
    def get_conflict_counts(
        self,
        how: Literal["all", "last writer wins", "multi value", "custom", "set", "counter"] = "all",
        operator: Operator = NO_OPERATOR,
        expected: int = 0,
        *,
        region: str = "any",
    ) -> int:
        """Returns how often writes met that knew nothing of each other, by what became of them.


        With an operator, checks it first. Each region counts those that it met; ``any`` is the one that met most.

        Fails when it is not as expected.

        Example:
        | `Get Conflict Counts` | multi value | >= | 1 | region=us |
        """
        from PhantomLibrary.testbed.regional_verbs import check_member
        from PhantomLibrary.testbed.regions import conflict_counts

        cluster = self._cluster
        regions = _policy(cluster).members if region == "any" else (check_member(cluster.run, region),)

        def count(where: str) -> int:
            counts = conflict_counts(cluster.run, where)
            return sum(counts.values()) if how == "all" else counts.get(how, 0)

        subject = f"number of conflicts ({how}) in region {region}"
        return int(expect(cluster, subject, lambda: max(map(count, regions)), operator, expected, NOW))


def _policy(cluster: Cluster) -> Any:
    from PhantomLibrary.testbed.regional_verbs import policy_of

    return policy_of(cluster.run)


def _asked(cluster: Cluster, task: Task[Answer], what: str, region: str) -> Any:
    """Wait for the answer to a wish. Raises InvalidState when it was refused."""
    from PhantomLibrary.domain import Ok

    answer = wait_for(cluster, task)
    if not isinstance(answer, Ok):
        raise InvalidState(f"{what} {region}: {answer.reason}")
    return answer


def _values(answer: Answer) -> tuple[list[str], str]:
    """Return the values that were read, or why there are none."""
    from PhantomLibrary.domain import Ok, OkSeen

    if not isinstance(answer, Ok):
        return [], answer.reason
    if isinstance(answer, OkSeen) and answer.values:
        return list(answer.values), ""
    return ([] if answer.value is None else [answer.value]), ""


def _holds(found: list[str], operator: Operator, expected: Names) -> bool:
    from PhantomLibrary.keywords.comparison import holds

    return holds(found, operator.word, list(expected.names))
