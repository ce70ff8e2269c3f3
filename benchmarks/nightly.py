"""What takes too long for every change: random faults over the clusters of each suite, random queries, every run of a
small Raft, and the suites in every way of running them.

Without options the seeds are always the same. Fresh ones: `python -m benchmarks.nightly --first 50000 --seeds 5000`.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.exhaustive_commit import main as exhaustive_commit
from benchmarks.exhaustive_raft import main as exhaustive_raft
from benchmarks.random_faults import main as random_faults
from benchmarks.random_queries import main as random_queries
from benchmarks.same_runs import main as same_runs

PROFILES = ("node-failure", "partition", "membership", "saga", "transaction", "rebalancing", "scaling", "regions")


def main() -> int:
    """Run all of it, and return 1 if any raised an alarm."""
    parser = argparse.ArgumentParser(description="Random faults over many seeds, for each suite's clusters.")
    parser.add_argument("--seeds", default="1000")
    parser.add_argument("--first", default="1")
    parser.add_argument("--minutes", default="10", help="for each exhaustive search: of Raft, of two-phase commit")
    options = parser.parse_args()
    arguments = ["--seeds", options.seeds, "--first", options.first]
    found = [random_faults([profile, *arguments]) for profile in PROFILES]
    found.append(exhaustive_raft(["--minutes", options.minutes]))
    found.append(exhaustive_commit(["--minutes", options.minutes]))
    found.append(random_queries(["--first", options.first]))
    found.append(same_runs())
    return max(found)


if __name__ == "__main__":
    sys.exit(main())
