"""Keywords that measure a run."""

from __future__ import annotations

from robotlibcore import keyword

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.keywords.choices import NO_OPERATOR, Operator
from PhantomLibrary.keywords.comparison import expect
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.node_names import ALL, Nodes
from PhantomLibrary.keywords.times import NOW, WHOLE_TEST, VirtualTime

_LOOK_EVERY_NS = 10_000_000  # A look costs a pass over the history.


class MetricKeywords(Component):
    """Keywords of metrics."""

    @keyword(tags=("getter", "metric"))
    def get_metric(
        self,
        metric: str,
        operator: Operator = NO_OPERATOR,
        expected: str = "",
        *,
        on: Nodes = ALL,
        window: VirtualTime = WHOLE_TEST,
        within: VirtualTime = NOW,
    ) -> float:
        """Returns a metric of the run; with an operator, checks it first.

        Of operations: ``issued``, ``confirmed``, ``confirmed_reads``, ``confirmed_writes``, ``failed``,
        ``unknown``, ``throughput``, ``hot_share`` (per cent that went to the busiest tenth of the keys), and in
        milliseconds ``latency_min``, ``latency_mean``, ``latency_p50``, ``latency_p95``, ``latency_p99``,
        ``latency_max``. Of the load: ``load`` (the present rate), ``waiting`` (arrived, but no client is free),
        ``shed`` (given up because too many waited). Of the cluster: ``leader_changes``, ``terms``,
        ``messages_sent``, ``messages_lost``, ``bytes_sent``, ``unsynced_bytes_lost``, ``events``, ``virtual_time``
        (seconds).

        Of health, in milliseconds: ``detection_p50``, ``detection_p99``, ``detection_max`` from a failure until another
        node holds the failed one for down; ``recovery_p50``, ``recovery_p99``, ``recovery_max`` from its return until
        that one holds it for alive again; ``failover_p50``, ``failover_p99``, ``failover_max`` from the crash or pause
        of a leader until its shard has one again. And ``false_suspicions``.

        ``query_rate`` and ``transaction_rate`` are what clients asked nodes for in a second, served or not.
        ``turned_away`` counts what overloaded nodes have refused to clients and to gateways since they last
        started. ``lock_waits`` is how often transactions have waited for a lock since then, ``lock_wait_mean`` and
        ``lock_wait_max`` how long, in milliseconds, whether they got it or not.
        Of ``queries``: ``query_rows_moved``, ``query_bytes_moved``, ``query_latency_p50`` (mean, p95, p99, max) in ms.
        Of regions: ``replication_lag_p50`` (p99, max) in ms, of that which was furthest behind; ``conflicts``.

        Of the nodes' resources, in per cent: ``cpu_mean`` over nodes and ``cpu_max`` of the busiest node,
        ``memory_mean``, ``memory_max``, ``disk_mean``, ``disk_max``, ``network_mean``, ``network_max``; see `Get
        Node Usage`.

        ``on`` counts only operations through these nodes, ``window`` only what ended in the last so many seconds.
        After a partition, ``on=minority`` and ``on=majority`` mean its sides.

        Fails when there is no such metric, or it is not as expected.

        Example:
        | `Get Metric` | confirmed_writes | == | 0 | on=minority | window=4s |
        """
        from PhantomLibrary.testbed.metrics import metric_value

        cluster = self._cluster
        nodes = cluster.observed(on.text)
        window_ns = window.or_none(WHOLE_TEST)
        if window_ns == 0:
            raise InvalidInput("window=0s holds nothing: write a time above 0, such as 4s")

        def read() -> float:
            return metric_value(cluster.run, metric, nodes=nodes, window_ns=window_ns)

        where = "" if on == ALL else f" on {on}"
        when = "" if window == WHOLE_TEST else f" in the last {window}"
        return float(
            expect(cluster, f"metric {metric}{where}{when}", read, operator, expected, within, every_ns=_LOOK_EVERY_NS)
        )
