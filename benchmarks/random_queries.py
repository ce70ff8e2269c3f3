"""Asks thousands of random queries while nodes fail, networks part, shards split, merge and move: every answer has to
be that of a single node, or a clear error.

    python -m benchmarks.random_queries --queries 10000
    python -m benchmarks.random_queries --queries 600 --first 5000 --processes 1 --quiet-clusters

Each cluster is decided by its seed and gets sixty queries over three random schemas, with a pause after each, so that
what was begun strikes them. A wrong answer is printed with its seed and the statements that show it in little.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.exploration.queries.clusters import ClusterDatabase
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.testbed.judge import judge_invariants
from PhantomLibrary.testbed.nemesis import Nemesis
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec

QUERIES_A_CLUSTER = 60
_KINDS = ("crash", "pause", "partition", "isolate", "slow links", "lossy links")
_START_NS = 2 * SECOND_NS
_PAUSE_NS = 150 * MILLISECOND_NS
_RESHAPE_EVERY = 7  # Queries, after each of which something is split, merged or moved.


class Result(NamedTuple):
    """What one seed came to. `alarms` are texts, none when all was well."""

    seed: int
    right: int
    refused: int
    alarms: tuple[str, ...]
    reasons: tuple[str, ...]
    strikes: int
    changes: Counter[str]


class Story:
    """One cluster and what happens to it."""

    def __init__(self, seed: int, *, is_quiet: bool) -> None:
        self.draws = Stream(seed, "random queries")
        self.seed = seed
        shards, nodes = 1 + self.draws.below(4), 3 + self.draws.below(3)
        self.run = Run(RunSpec(seed, nodes=nodes, shards=shards))
        self.run.advance(_START_NS)
        self.nemesis = None if is_quiet else Nemesis(self.run, _KINDS, SECOND_NS)
        self.changes: Counter[str] = Counter()

    def perform(self, verb: str, target: str = "", **arguments: Any) -> Any:
        now_ns = self.run.now_ns
        return self.run.perform(Command(verb, now_ns, now_ns, target, arguments=arguments))

    def advance(self, duration_ns: int, condition: Callable[[], bool] | None = None) -> bool:
        return self.run.advance(self.run.now_ns + duration_ns, condition)

    def reshape(self) -> None:
        """Split, merge or move something; what makes no sense now is left."""
        shards = [each for each in self.run.directory().shards if each.shard]
        one = shards[self.draws.below(len(shards))]
        what = ("split", "split", "merge", "move")[self.draws.below(4)]
        try:
            if what == "split" and len(shards) < 8:
                self.perform("split shard", shard=one.shard)
            elif what == "merge":
                right = next((each for each in shards if each.start == one.end), None)
                if right is None:
                    return
                self.perform("merge shards", left=one.shard, right=right.shard)
            elif what == "move":
                spare = [node for node in self.run.live_nodes() if node not in one.members]
                if not spare:
                    return
                source = one.voters[self.draws.below(len(one.voters))]
                target = spare[self.draws.below(len(spare))]
                self.perform("move shard", target, shard=one.shard, source=source)
        except (InvalidInput, InvalidState):
            return
        self.changes[what] += 1

    def play(self) -> Result:
        """Ask the queries of one seed."""
        database = ClusterDatabase(self.perform, self.advance)
        right = refused = 0
        alarms, reasons = list[str](), list[str]()
        if self.nemesis is not None:
            self.nemesis.start()
        try:
            for number, (round_, finding) in enumerate(database.findings(self.seed, QUERIES_A_CLUSTER), start=1):
                if finding.outcome == "wrong":
                    statements = ";\n      ".join(database.shrunk(round_, finding))
                    alarms.append(f"{finding.verdict.headline} {finding.verdict.evidence}\n      {statements}")
                    break
                right += finding.outcome == "right"
                refused += finding.outcome == "refused"
                if finding.outcome == "refused":
                    reasons.append(finding.verdict.message.split("\n")[0])
                if self.nemesis is not None and number % _RESHAPE_EVERY == 0:
                    self.reshape()
                self.advance(_PAUSE_NS)
        except InvalidState as error:
            reasons.append(str(error))
        violation = judge_invariants(self.run)
        if violation is not None:
            alarms.append(violation.headline)
        strikes = 0 if self.nemesis is None else self.nemesis.strikes
        return Result(self.seed, right, refused, tuple(alarms), tuple(reasons), strikes, self.changes)


def main(given: Sequence[str] | None = None) -> int:
    """Ask as many queries as the command line says; return 1 if any was answered wrong."""
    arguments = _parse(given)
    started = time.monotonic()
    count = -(-arguments.queries // QUERIES_A_CLUSTER)
    jobs = [(seed, arguments.quiet_clusters) for seed in range(arguments.first, arguments.first + count)]
    if arguments.processes == 1:
        results = [_play(job) for job in jobs]
    else:
        with ProcessPoolExecutor(arguments.processes) as executor:
            results = list(executor.map(_play, jobs, chunksize=2))
    return _report(results, time.monotonic() - started)


def _parse(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Random queries over random clusters, under faults and moves.")
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--quiet-clusters", action="store_true", help="without faults, splits and moves")
    return parser.parse_args(given)


def _play(job: tuple[int, bool]) -> Result:
    seed, is_quiet = job
    try:
        return Story(seed, is_quiet=is_quiet).play()
    except Exception as error:  # noqa: BLE001 - an alarm, with its seed, and the others go on
        return Result(seed, 0, 0, (f"{type(error).__name__}: {error}",), (), 0, Counter())


def _report(results: Sequence[Result], wall_s: float) -> int:
    alarms = [(each.seed, alarm) for each in results for alarm in each.alarms]
    for seed, alarm in alarms:
        print(f"seed {seed}: {alarm}")
    right, refused = sum(each.right for each in results), sum(each.refused for each in results)
    changes = sum((each.changes for each in results), Counter[str]())
    print(
        f"{right + refused} random queries on {len(results)} clusters: {right} answered right, {refused} ended in an "
        f"error, {len(alarms)} alarms; {sum(each.strikes for each in results)} faults, "
        f"{', '.join(f'{number} {what}s' for what, number in sorted(changes.items()))}; {wall_s:.0f} s of wall time"
    )
    for reason, number in Counter(reason[:100] for each in results for reason in each.reasons).most_common(12):
        print(f"    {number} times: {reason}")
    return 1 if alarms or right * 2 < right + refused else 0


if __name__ == "__main__":
    sys.exit(main())
