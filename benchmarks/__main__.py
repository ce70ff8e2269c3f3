"""All figures of speed in one table, measured in one run: `make bench`, or `python -m benchmarks`.

Ratios say more than times: each is taken beside the bare loop of `bare.py`, in short rounds, from their best. What the
figures mean, and where the time goes, stands in docs/performance.md.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator

from msgspec import Struct

from benchmarks.adding_nodes import loss_percent
from benchmarks.adding_nodes import measure as measure_throughput
from benchmarks.bare import run_bare_loop
from benchmarks.cycles import TRANSACTIONS, measure_cycles
from benchmarks.elections import measure_elections
from benchmarks.heavy_load import measure_heavy_load
from benchmarks.idle import measure_idle
from benchmarks.memory import measure_growth
from benchmarks.network import Contestants, measure_each, run_kernel, run_network, run_simpy_mailboxes
from benchmarks.network import run_simpy_timeouts as run_simpy
from benchmarks.operation import measure_operation
from benchmarks.planning import measure_plan
from benchmarks.scale import measure_idle_shards, measure_load
from benchmarks.sql_execution import measure_joins, measure_queries
from benchmarks.sql_planning import measure_sql_planning
from benchmarks.startup import measure_startup
from benchmarks.transactions import measure_transactions

_MESSAGES = 1_000_000
_MAILBOX_MESSAGES = 250_000  # Dear, and far from any bound.


class Row(Struct, frozen=True):
    """One line of the table. `bound` "" means that there is none."""

    what: str
    measured: str
    bound: str = ""
    is_met: bool = True


def main() -> int:
    version = platform.python_version()
    print(
        f"CPython {version} on {platform.system()} {platform.machine()}; times are CPU times, ratios to the bare loop\n"
    )
    print(f"{'':44}{'measured':>28}  {'bound':<18}")
    for row in _rows():
        verdict = "" if not row.bound else "met" if row.is_met else "NOT MET"
        print(f"{row.what:44}{row.measured:>28}  {row.bound:<18}{verdict}".rstrip(), flush=True)
    return 0


def _rows() -> Iterator[Row]:
    yield from _messages()
    operation = measure_operation()
    yield Row(
        "whole operation, in events of the bare loop",
        f"{operation.bare_events:.0f}",
        "at most 90",
        operation.bare_events <= 90,
    )
    yield Row("… its time, and its own events", f"{operation.microseconds:.0f} µs, {operation.events:.1f} events")
    idle = measure_idle()
    yield Row("idle: simulated seconds a CPU second", f"{idle:,.0f}", "at least 4,000", idle >= 4000)
    yield from _scale()
    yield from _transactions()
    yield from _queries()
    moves, plan_ms = measure_plan(new_nodes=1)
    yield Row(f"plan: 1,000 shards, 50 nodes, {moves} moves", f"{plan_ms:.0f} ms", "at most 100 ms", plan_ms <= 100)
    usual_ms, longest_ms = measure_sql_planning()
    measured = f"{usual_ms:.1f} ms, {longest_ms:.1f} ms at most"
    yield Row("query: from its text to its plan, median", measured, "at most 5 ms", usual_ms <= 5)
    check_s = measure_cycles()
    yield Row(f"cycles of {TRANSACTIONS:,} list-append transactions", f"{check_s:.2f} s", "at most 3 s", check_s <= 3)
    import_ms, create_ms = measure_startup()
    yield Row(
        "import and create the library, beyond Robot",
        f"{import_ms:.0f} + {create_ms:.0f} ms",
        "at most 60 ms",
        import_ms + create_ms <= 60,
    )
    growth = measure_growth()
    yield Row("memory gained in 10 minutes, history excluded", f"{growth:.1f} MiB", "at most 2 MiB", growth <= 2)


def _scale() -> Iterator[Row]:
    pace = measure_load(50, shards=150, rate_per_s=1000).seconds
    what = "50 nodes, 150 shards, 1,000/s: seconds a CPU s"
    yield Row(what, f"{pace:.1f}", "at least 10", pace >= 10)
    plain, *_, batched = measure_heavy_load()
    what = f"20 nodes, 10,000/s, batches in {batched.batch_interval_ms} ms: seconds a CPU s"
    yield Row(what, f"{batched.seconds:.2f}", "at least 2", batched.seconds >= 2)
    yield Row("… without batches", f"{plain.seconds:.2f}")
    few, many = (measure_load(nodes, shards=3 * nodes, rate_per_s=20 * nodes) for nodes in (3, 50))
    growth = many.microseconds_per_message / few.microseconds_per_message
    yield Row("… cost of a message, 50 nodes to 3", f"{growth:.2f}", "at most 1.1", growth <= 1.1)
    loss = loss_percent([measure_throughput(5), measure_throughput(50)])
    yield Row("50 saturated nodes to 5: a node does less by", f"{loss:.1f} %", "at most 10 %", loss <= 10)
    awake, quiet = (measure_idle_shards(150, idle_shards).seconds for idle_shards in ("awake", "quiet"))
    one = measure_idle_shards(1, "quiet").seconds
    yield Row("150 idle shards, quiet to awake: faster by", f"{quiet / awake:.0f} times")
    yield Row("… 1 idle shard to 150: slower by", f"{one / quiet:.1f} times")
    median_ms, p99_ms = measure_elections(1000)
    what = "election after a crash, p99 of 1,000 seeds"
    yield Row(what, f"{p99_ms:,.0f} ms (median {median_ms:.0f})", "at most 2,000 ms", p99_ms <= 2000)


def _transactions() -> Iterator[Row]:
    wide = measure_transactions("twenty-nodes", 20, 20, 20)
    what = "transaction over 2 shards, 20 nodes: mean"
    yield Row(what, f"{wide.mean_ms:.1f} virtual ms", "at most 50 ms", wide.mean_ms <= 50)
    yield Row("… a virtual second", f"{wide.per_s:,.0f}", "at least 1,000", wide.per_s >= 1000)
    cost = measure_transactions("five-nodes", 5, 4, 16)
    yield Row("… on 5 nodes, a CPU second", f"{cost.per_cpu_s:,.0f}", "at least 2,000", cost.per_cpu_s >= 2000)


def _queries() -> Iterator[Row]:
    joins = measure_joins()
    what = "join of 10,000 rows on 4 shards, by one SQLite's"
    yield Row(what, f"{joins.beside:.1f} times", "at most 3 times", joins.beside <= 3)
    what = "… with rows that have to be moved for it"
    yield Row(what, f"{joins.apart:.1f} times", "at most 3 times", joins.apart <= 3)
    queries = measure_queries(20)
    yield Row(
        "query over 10 shards, 20 nodes: mean",
        f"{queries.mean_ms:.1f} virtual ms",
        "at most 100 ms",
        queries.mean_ms <= 100,
    )
    yield Row("… a virtual second", f"{queries.per_s:,}", "at least 2,000", queries.per_s >= 2000)


def _messages() -> Iterator[Row]:
    contestants: Contestants = {"bare loop": run_bare_loop, "kernel": run_kernel, "network": run_network}
    rivals: Contestants = {"bare loop": run_bare_loop, "timeouts": run_simpy, "mailboxes": run_simpy_mailboxes}
    cost_ns = measure_each(contestants, _MESSAGES)
    bare_ns = cost_ns["bare loop"]
    yield Row("bare loop", f"{bare_ns:.0f} ns an event")
    yield Row("kernel", f"{cost_ns['kernel'] / bare_ns:.2f}")
    network = cost_ns["network"] / bare_ns
    yield Row("kernel and whole network model", f"{network:.2f}", "at most 1.7", network <= 1.7)
    try:
        import simpy  # noqa: F401
    except ImportError:
        yield Row("SimPy", "not installed", "", False)
        return
    cost_ns = measure_each(rivals, _MAILBOX_MESSAGES)
    bare_ns = cost_ns["bare loop"]
    mailboxes = cost_ns["mailboxes"] / bare_ns
    yield Row("SimPy 4, time-outs only", f"{cost_ns['timeouts'] / bare_ns:.2f}")
    faster = mailboxes / network
    yield Row("SimPy 4 with mailboxes", f"{mailboxes:.1f}, {faster:.1f} times ours", "at least 5 times", faster >= 5)


if __name__ == "__main__":
    sys.exit(main())
