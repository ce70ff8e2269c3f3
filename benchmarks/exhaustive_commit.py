"""Searches every run of a small two-phase commit within bounds that take minutes, and reports how far it came.

    python -m benchmarks.exhaustive_commit --minutes 5

The minutes are shared among the searches; what an early one leaves over goes to those after it. A state takes about
700 bytes. Exit code 1 when something is broken; the shortest run that does it is printed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from benchmarks.searches import parse_searches, share_time
from PhantomLibrary.exploration.commits import CommitBounds, search_commits

SEARCHES = {
    "one phase": CommitBounds(shards=1, rival=1, duplicates=3, give_ups=3),
    "rival": CommitBounds(rival=2, duplicates=0, inquiries=1),
    "recovery": CommitBounds(duplicates=0, give_ups=0, crashes=1, inquiries=3),
    "copies": CommitBounds(duplicates=2, give_ups=0, crashes=1, inquiries=1, hours=1),
    "all": CommitBounds(),
    "three": CommitBounds(shards=3, duplicates=1, give_ups=0, inquiries=1, hours=1),
}


def main(given: Sequence[str] | None = None) -> int:
    """Run the searches that the command line names; return 1 if any found a violation."""
    options = parse_searches(given, SEARCHES, what="a small two-phase commit", states_max=1_500_000)
    print(f"{'search':<10} {'states':>10} {'shards':>7} {'states/s':>9}  result")
    for name, started, is_over in share_time(options.searches, options.minutes):
        result = search_commits(SEARCHES[name], states_max=options.states, is_over=is_over)
        outcome = "broken" if result.counterexample else "exhausted" if result.exhausted else "stopped"
        speed = round(result.states / (time.monotonic() - started))
        print(f"{name:<10} {result.states:>10,} {result.shard_states:>7,} {speed:>9,}  {outcome}", flush=True)
        if result.counterexample:
            print("\n".join(result.counterexample))
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
