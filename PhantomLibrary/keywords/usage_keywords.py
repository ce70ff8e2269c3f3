"""Keywords of what simulated nodes spend, and of how evenly that is spread."""

from __future__ import annotations

from typing import Literal

from robotlibcore import keyword

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.keywords.choices import NO_OPERATOR, Operator
from PhantomLibrary.keywords.comparison import at_most_every, expect
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.node_names import NodeRef
from PhantomLibrary.keywords.quantities import Percent, to_percent
from PhantomLibrary.keywords.times import NOW, VirtualTime, in_seconds, to_virtual_time

_TEN_SECONDS = to_virtual_time("10s")
_FIFTH = to_percent("20")
_LOOK_EVERY_NS = 100_000_000
_WINDOW_NS_MIN = 1_000_000_000  # Meters are read once a second.
_PPM_OF_PERCENT = 10_000


class UsageKeywords(Component):
    """Keywords of resources."""

    @keyword(tags=("getter", "metric"))
    def get_node_usage(
        self,
        node: NodeRef,
        resource: Literal["cpu", "memory", "disk", "network"],
        operator: Operator = NO_OPERATOR,
        expected: str = "",
        *,
        window: VirtualTime = _TEN_SECONDS,
        within: VirtualTime = NOW,
    ) -> float:
        """Returns how much of a resource a simulated node has used, in per cent; with an operator, checks it first.

        ``cpu`` is the share of time in which its cores worked, ``disk`` that in which its disk had something to write,
        ``network`` that in which its network card was sending, all over the ``window`` that ends now. ``memory`` is
        what the node holds now: keys with their versions, sessions and the log. Usage follows from work that was
        really done: nothing is used by waiting.

        Meters are read once a second, so a window begins at a full second, and lasts a second or more. ``within`` lets
        time go on until usage is as expected.

        Fails when it is not as expected, when no time has passed in the run, and for the ``network`` of a node whose
        size has no ``network`` bandwidth: without a limit there is no share of it.

        Example:
        | `Get Node Usage` | leader of shard 1 | cpu | < | 80 | window=5s |
        """
        cluster = self._cluster
        run = cluster.run
        nodes = cluster.observed(node.text)
        if nodes is None or len(nodes) != 1:
            raise InvalidInput(f"usage is that of one node, and {node.text} is {', '.join(nodes or run.node_names)}")
        name = nodes[0]
        window_ns = window.or_none(NOW)
        if window_ns is None or window_ns < _WINDOW_NS_MIN:
            raise InvalidInput(f"window={window} is too short: meters are read once a second, so write 1s or more")
        if resource == "network" and run.host(name).card is None:
            raise InvalidInput(
                f"{name} has no limit of network bandwidth, so no share of it is used: give its size one in the"
                " topology, such as network: 125 MB/s, or start three-small-nodes"
            )

        def read() -> float:
            ppm: int = getattr(run.usage.usage(name, window_ns), f"{resource}_ppm")
            return ppm / _PPM_OF_PERCENT

        subject = f"{resource} usage of {name} in the last {window} in %"
        wanted = expected.strip().removesuffix("%").strip()
        return float(expect(cluster, subject, read, operator, wanted, within, every_ns=_LOOK_EVERY_NS))

    @keyword(tags=("assertion", "check"))
    def load_should_be_balanced(
        self,
        measure: Literal["cpu", "data", "queries", "leaders"] = "cpu",
        *,
        spread: Percent = _FIFTH,
        within: VirtualTime = NOW,
    ) -> None:
        """Judges how evenly something is spread over the active nodes that run, by its coefficient of variation.

        That is the standard deviation over the mean, and 0 % when all have the same. ``cpu`` and ``queries`` (what
        clients ask the gateways of the nodes for) are those of the last ten seconds, ``data`` and ``leaders`` (shards
        that a node leads) those of now.

        Fails when it is above ``spread``, with a line for each node; and when there is nothing to be spread, for then
        it proves nothing. ``within`` lets time go on until it holds.

        Example:
        | `Load Should Be Balanced` | leaders | spread=20% | within=30s |
        """
        from PhantomLibrary.checking.balance import variation_ppm
        from PhantomLibrary.testbed.balance import amounts_of, judge_balance

        cluster = self._cluster
        run = cluster.run
        spread_ppm, within_ns = spread.ppm or 0, within.or_none(NOW) or 0

        def holds() -> bool:
            return judge_balance(run, measure, spread_ppm).outcome == "valid"

        cluster.advance(within_ns, at_most_every(cluster, _LOOK_EVERY_NS, holds))
        verdict = judge_balance(run, measure, spread_ppm)
        if verdict.outcome != "valid":
            cluster.fail_with(verdict, after=in_seconds(within_ns) if within_ns else "")
        found = variation_ppm(amounts_of(run, measure))
        cluster.tell(f"{measure} is balanced: its coefficient of variation is {found / _PPM_OF_PERCENT:.1f} %")
