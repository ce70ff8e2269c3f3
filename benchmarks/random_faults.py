"""Runs many seeds of random faults over the clusters of the suites, and reports every alarm: there must be none.

    python -m benchmarks.random_faults node-failure --seeds 1000
    python -m benchmarks.random_faults partition --first 5000 --seeds 100 --processes 1

Each seed decides its cluster, its workload and its faults. Each must have a fault that bit and an election after
it, or it proves nothing. What became of shards meanwhile, splits, merges and moves that were done, is counted. An
alarm is printed with the seed, and its schedule is written to a file that `python -m PhantomLibrary replay FILE`
does again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from benchmarks.random_profiles import BEGINNINGS, CLUSTERS, FAULTS, batched, give
from benchmarks.random_sql import SqlBank
from benchmarks.region_profile import KINDS as REGION_KINDS
from benchmarks.region_profile import REGION_FAULTS, judge_all_regions, regional_cluster, regions_come_to_rest
from PhantomLibrary.database.reshapes import DONE, Split
from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS
from PhantomLibrary.errors import PhantomError
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.testbed.disks import disk_gap
from PhantomLibrary.testbed.health import judge_health
from PhantomLibrary.testbed.judge import (
    Recovery,
    judge_agreement,
    judge_history,
    judge_invariants,
    replicas_agree,
)
from PhantomLibrary.testbed.membership_judge import judge_consistency
from PhantomLibrary.testbed.ownership_judge import judge_ownership
from PhantomLibrary.testbed.parts import Parts
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.saga_judge import judge_sagas, open_sagas
from PhantomLibrary.testbed.scaling import is_scaled, why_not_scaled
from PhantomLibrary.testbed.scaling_judge import judge_plans, judge_reversals
from PhantomLibrary.testbed.schedule import write_schedule

_CLUSTERS = {**CLUSTERS, "regions": regional_cluster}
_FAULTS = {**FAULTS, "regions": REGION_FAULTS}
_FAULTS_LAST_NS = 12 * SECOND_NS
_CRASHES_AND_CUTS = ("crash node", "isolate node", "partition network")
_KINDS = ("register", "append", "counter", "set")
_TRANSACTIONS = ("bank", "list-append", "write-skew", "monotonic", "rw-register", "long-fork")
_ISOLATIONS = ("read committed", "snapshot", "serializable")


class Result(NamedTuple):
    """What one seed came to. `alarm` is "" when all was well; `bites` counts crashes and cuts that took something."""

    seed: int
    alarm: str
    bites: int
    elections: int
    operations: int
    unknown: int
    faults: tuple[str, ...]
    changes: Counter[str]
    schedule: str


def main(given: Sequence[str] | None = None) -> int:
    """Run the seeds that the command line asks for; return 1 if any raised an alarm or proved nothing."""
    arguments = _parse(given)
    started = time.monotonic()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    jobs = [(arguments.profile, seed) for seed in seeds]
    if arguments.processes == 1:
        results = [_run_job(job) for job in jobs]
    else:
        with ProcessPoolExecutor(arguments.processes) as executor:
            results = list(executor.map(_run_job, jobs, chunksize=4))
    return _report(arguments.profile, results, time.monotonic() - started, Path(arguments.output))


def _parse(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Random faults over many seeds.")
    parser.add_argument("profile", choices=sorted(_CLUSTERS))
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--output", default="results", help="where schedules of alarms go")
    return parser.parse_args(given)


def _run_job(job: tuple[str, int]) -> Result:
    return run_seed(*job)


def _report(profile: str, results: list[Result], wall_s: float, output: Path) -> int:
    alarms = [each for each in results if each.alarm]
    for each in alarms:
        output.mkdir(parents=True, exist_ok=True)
        file = output / f"alarm-{profile}-{each.seed}.yaml"
        file.write_text(each.schedule, encoding="utf-8")
        print(f"seed {each.seed}: {each.alarm}\n    Replay: python -m PhantomLibrary replay {file}")
    idle = [each.seed for each in results if not each.bites or not each.elections]
    faults = Counter(name for each in results for name in each.faults)
    print(
        f"{profile}: {len(results)} seeds, {len(alarms)} alarms, {len(idle)} seeds without a bite or an election"
        f"{' ' + str(idle[:10]) if idle else ''}; {sum(each.operations for each in results)} operations "
        f"({sum(each.unknown for each in results)} unknown), {sum(each.bites for each in results)} crashes and cuts "
        f"that bit, {sum(each.elections for each in results)} elections, {wall_s:.0f} s of wall time"
    )
    print("faults: " + ", ".join(f"{name} {number}" for name, number in sorted(faults.items())))
    changes = sum((each.changes for each in results), Counter[str]())
    print("done to shards: " + (", ".join(f"{name} {number}" for name, number in sorted(changes.items())) or "nothing"))
    return 1 if alarms or idle else 0


# --- one seed ---------------------------------------------------------------------------------------------------------


def run_seed(profile: str, seed: int, parts: Parts | None = None) -> Result:
    """Do one run of random faults, heal everything, and judge it."""
    draws = Stream(seed, f"random faults {profile}")
    run = Run(batched(_CLUSTERS[profile](seed, draws)), parts=parts)
    elections_before = 0
    try:
        run.advance(3 * SECOND_NS, lambda: all(run.leader(shard) for shard in run.shard_ids))
        elections_before = len(run.watch.leader_changes)
        give(
            run,
            "start workload",
            **_load(profile, draws),
            keys=5 + draws.below(30),
            reads_percent=50,
        )
        if profile in BEGINNINGS:
            BEGINNINGS[profile](run, draws)
        bank = SqlBank(run, draws) if profile == "sql" else None
        _break_things(run, draws, _FAULTS[profile], bank.go_on if bank is not None else run.advance)
        alarm = _come_to_rest(run, bank) or _judge(run) or (bank.judge() if bank is not None else "")
    except AssertionError as error:
        alarm = f"assertion: {error!r}"
    counts = run.recorder.counts
    faults = tuple(each.command.verb for each in run.faults.all)
    bites = sum(each.fault.bites > 0 and each.command.verb in _CRASHES_AND_CUTS for each in run.faults.all)
    elections = len(run.watch.leader_changes) - elections_before
    changes = _changes(run)
    schedule = write_schedule(run.finish())
    return Result(seed, alarm, bites, elections, counts["invoke"], counts["info"], faults, changes, schedule)


def _changes(run: Run) -> Counter[str]:
    """Return how many splits, merges and moves of shards were done, of the last ones that the directory knows."""
    directory = run.directory()
    tasks = [
        "split" if isinstance(each.task, Split) else "merge"
        for each in directory.reshapes.ended
        if each.outcome == DONE
    ]
    moves = [each for each in directory.moves.ended if each.outcome == DONE]
    return Counter(tasks + ["move"] * len(moves))


def _load(profile: str, draws: Stream) -> dict[str, int | str]:
    if profile == "saga":
        return {"kind": "saga", "clients": 3 + draws.below(6), "rate": 10_000 + 1000 * draws.below(30)}
    if profile == "transaction" or (profile == "rebalancing" and draws.bits(1)):
        kind, isolation = _TRANSACTIONS[draws.below(len(_TRANSACTIONS))], _ISOLATIONS[draws.below(3)]
        return {"kind": kind, "isolation": isolation, "clients": 5 + draws.below(6), "rate": 100_000}
    if profile == "sql":
        return {"kind": "register", "clients": 3, "rate": 30_000}
    if profile == "regions":
        kind = REGION_KINDS[draws.below(len(REGION_KINDS))]
        return {"kind": kind, "clients": 5 + draws.below(6), "rate": 30_000 + 1000 * draws.below(60)}
    kind = _KINDS[draws.below(len(_KINDS))]
    return {"kind": kind, "clients": 5 + draws.below(6), "rate": 100_000 + 1000 * draws.below(200)}


def _break_things(
    run: Run, draws: Stream, faults: tuple[Callable[[Run, Stream, int], None], ...], go_on: Callable[[int], object]
) -> None:
    end_ns = run.now_ns + _FAULTS_LAST_NS
    _crash_or_isolate_leader(run, draws)  # So that every seed has an election that a fault brought about.
    while run.now_ns < end_ns:
        go_on(run.now_ns + (50 + draws.below(1500)) * MILLISECOND_NS)
        duration_ns = (100 + draws.below(3000)) * MILLISECOND_NS
        try:
            faults[draws.below(len(faults))](run, draws, duration_ns)
        except PhantomError:
            continue  # A target that is down already, or a shard without a leader just now.


def _crash_or_isolate_leader(run: Run, draws: Stream) -> None:
    run.advance(run.now_ns + (200 + draws.below(800)) * MILLISECOND_NS)
    shard = draws.below(len(run.shard_ids))
    verb = "crash node" if draws.bits(1) else "isolate node"
    give(run, verb, f"leader of shard {shard}", duration_ns=(1500 + draws.below(1500)) * MILLISECOND_NS)


def _come_to_rest(run: Run, bank: SqlBank | None) -> str:
    give(run, "heal faults")
    recovery = Recovery(run)
    if not run.advance(run.now_ns + 20 * SECOND_NS, recovery):
        return f"REC-001: 20 s after all faults were healed: {recovery.gap()}"
    if not run.advance(run.now_ns + 90 * SECOND_NS, lambda: not disk_gap(run)):  # A scrub takes a second a file.
        return f"DSK-001: 90 s after all faults were healed: {disk_gap(run)}"
    if not run.advance(run.now_ns + 30 * SECOND_NS, lambda: judge_consistency(run).outcome == "valid"):
        return f"{judge_consistency(run).headline}, 30 s after all faults were healed"
    if not run.advance(run.now_ns + 30 * SECOND_NS, lambda: not run.directory().reshapes.under_way):
        return f"RSH-001: 30 s after all faults were healed: {run.directory().reshapes.under_way}"
    if not run.advance(
        run.now_ns + 900 * SECOND_NS, lambda: _moves_are_over(run)
    ):  # Some are slow because asked to, or given up.
        return f"MOV-001: 900 s after all faults were healed: {run.directory().moves}"
    if _scales(run) and not run.advance(run.now_ns + 120 * SECOND_NS, lambda: is_scaled(run)):
        return f"SCL-003: 120 s after all faults were healed: {why_not_scaled(run)}"
    unrest = regions_come_to_rest(run) if run.layout.regions is not None else ""
    if unrest:
        return unrest
    run.advance(run.now_ns + 3 * SECOND_NS)  # Served again, the clients can show it.
    give(run, "stop workload", drain_ns=10 * SECOND_NS)
    if bank is not None:
        bank.end()
    run.advance(run.now_ns + 11 * SECOND_NS)
    run.advance(run.now_ns + 10 * SECOND_NS, replicas_agree(run))
    return ""


def _scales(run: Run) -> bool:
    """Whether there is a policy: shard 0 may have been out of reach when it was asked for."""
    return run.provider is not None and run.directory().scaling.policy is not None


def _moves_are_over(run: Run) -> bool:
    """Whether nothing moves any more, and nothing that was asked for is still to be taken up."""
    return all(each.task.is_done for each in run.placements) and not run.directory().moves.is_busy


def _confirmed_min(run: Run, level: str) -> int:
    """Return how many operations a run has to have confirmed to prove anything, with all nodes down for half of it."""
    if run.watch.sagas:
        return 10  # A client waits for each to its end.
    return 50 if level == "linearizable" else 25


def _judge(run: Run) -> str:
    violation = judge_invariants(run)
    if violation is not None:
        return violation.headline
    # With messages lost, doubled and late there may be false suspicions, but no failure or return goes unnoticed.
    health = judge_health(run, within_ns=12 * SECOND_NS, false_suspicions=1_000_000)
    if run.layout.regions is not None:
        found = next((each.headline for each in (judge_agreement(run), health) if each.outcome != "valid"), "")
        return found or judge_all_regions(run)
    (workload,) = run.workloads.values()
    level = workload.spec.isolation if workload.spec.kind in _TRANSACTIONS else "linearizable"
    verdicts = [
        judge_history(run, level, confirmed=_confirmed_min(run, level)),
        judge_agreement(run),
        health,
        judge_ownership(run),
    ]
    if _scales(run):
        verdicts += [judge_plans(run, None), judge_reversals(run, None, 1)]
    if run.watch.sagas:
        run.advance(run.now_ns + 30 * SECOND_NS, lambda: not open_sagas(run))
        verdicts.append(judge_sagas(run))
    return next((verdict.headline for verdict in verdicts if verdict.outcome != "valid"), "") or _left_over(run)


def _left_over(run: Run) -> str:
    """Return what transactions have left behind, though all of them are over."""
    for node in run.live_nodes():
        for shard, replica in run.processes[node].replicas.items():
            table = replica.machine.transactions
            if table.parts or table.records:
                return f"transactions are in doubt on shard {shard} of {node}: {list(table.parts)}, {table.records}"
            desk = replica.service.desk
            if desk is not None and desk.lock_ages_ns:
                return f"locks are left on shard {shard} of {node}: {desk.lock_ages_ns}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
