"""Searches every run of three Raft nodes within bounds that take minutes, and reports how far it came and how fast.

    python -m benchmarks.exhaustive_raft --minutes 5
    python -m benchmarks.exhaustive_raft elections crashes --minutes 30 --states 20000000

The minutes are shared among the searches; what an early one leaves over goes to those after it. A state takes about
200 bytes. Exit code 1 when an invariant is broken; the shortest run that does it is printed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence

from benchmarks.searches import parse_searches, share_time
from PhantomLibrary.domain import LogEntry, NodeId
from PhantomLibrary.exploration.exhaustive import Bounds, SearchResult, search
from PhantomLibrary.protocols.raft.messages import Recovered


def _disk(term: int, terms: tuple[int, ...]) -> Recovered:
    return Recovered(term=term, entries=tuple(LogEntry(index, each, "x") for index, each in enumerate(terms, 1)))


# Raft paper, Figure 8 (b), with three nodes: n1 led term 2 and n3 led term 3, each alone with its entry.
_FIGURE_8 = {"n1": _disk(3, (1, 2)), "n2": _disk(3, (1,)), "n3": _disk(3, (1, 3))}
_FRESH: Mapping[NodeId, Recovered] = {}

SEARCHES: dict[str, tuple[Bounds, Mapping[NodeId, Recovered]]] = {
    "replication": (Bounds(log_entries=4, timeouts=1, proposals=2, messages_under_way=3, duplicates=1), _FRESH),
    "power": (Bounds(heartbeats=0, proposals=0, messages_under_way=2, crashes=2), _FRESH),
    "disks": (Bounds(timeouts=2, heartbeats=0, messages_under_way=2, crashes=1, late_disks=1), _FRESH),
    "elections": (Bounds(terms=3, timeouts=4, heartbeats=0, proposals=0, messages_under_way=2), _FRESH),
    "figure-8": (
        Bounds(terms=5, log_entries=4, timeouts=3, heartbeats=0, proposals=0, messages_under_way=2),
        _FIGURE_8,
    ),
    "crashes": (Bounds(timeouts=2, heartbeats=0, proposals=1, messages_under_way=3, crashes=1), _FRESH),
    "all": (Bounds(timeouts=2, messages_under_way=2, duplicates=1, crashes=1, late_disks=1), _FRESH),
}


def main(given: Sequence[str] | None = None) -> int:
    """Run the searches that the command line names; return 1 if any found a violation."""
    options = parse_searches(given, SEARCHES, what="a small Raft", states_max=4_000_000)
    print(f"{'search':<12} {'states':>10} {'replicas':>9} {'depth':>6} {'states/s':>9}  result")
    for name, started, is_over in share_time(options.searches, options.minutes):
        bounds, disks = SEARCHES[name]
        result = search(bounds, disks=disks, states_max=options.states, is_over=is_over)
        _print(name, result, time.monotonic() - started)
        if result.counterexample is not None:
            print(result.counterexample)
            return 1
    return 0


def _print(name: str, result: SearchResult, wall_s: float) -> None:
    if result.counterexample is not None:
        outcome = result.counterexample.invariant
    else:
        outcome = "exhausted" if result.exhausted else "stopped"
    speed = round(result.states / wall_s)
    line = f"{name:<12} {result.states:>10,} {result.replica_states:>9,} {result.depth:>6} {speed:>9,}"
    print(f"{line}  {outcome}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
