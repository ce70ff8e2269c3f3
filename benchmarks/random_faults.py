"""Runs many seeds of random faults over the clusters of the suites, and reports every alarm: there must be none.

    python benchmarks/random_faults.py node-failure --seeds 1000
    python benchmarks/random_faults.py partition --first 5000 --seeds 100 --processes 1

Each seed decides its cluster, its workload and its faults. Each must have a fault that bit and an election after
it, or it proves nothing. An alarm is printed with the seed, and its schedule is written to a file that `python -m
PhantomLibrary replay FILE` does again.
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

from PhantomLibrary.database.parts import Parts
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
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.saga_judge import judge_sagas, open_sagas
from PhantomLibrary.testbed.schedule import Command, RunSpec, write_schedule

_FAULTS_LAST_NS = 12 * SECOND_NS
_CRASHES_AND_CUTS = ("crash node", "isolate node", "partition network")
_KINDS = ("register", "append", "counter", "set")


class Result(NamedTuple):
    """What one seed came to. `alarm` is "" when all was well; `bites` counts crashes and cuts that took something."""

    seed: int
    alarm: str
    bites: int
    elections: int
    operations: int
    unknown: int
    faults: tuple[str, ...]
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
    parser.add_argument("profile", choices=sorted(_PROFILES))
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
    return 1 if alarms or idle else 0


# --- one seed ---------------------------------------------------------------------------------------------------------


def run_seed(profile: str, seed: int, parts: Parts | None = None) -> Result:
    """Do one run of random faults, heal everything, and judge it."""
    draws = Stream(seed, f"random faults {profile}")
    run = Run(_PROFILES[profile](seed, draws), parts=parts)
    elections_before = 0
    try:
        run.advance(3 * SECOND_NS, lambda: all(run.leader(shard) for shard in run.shard_ids))
        elections_before = len(run.watch.leader_changes)
        _give(
            run,
            "start workload",
            **_load(profile, draws),
            keys=5 + draws.below(30),
            reads_percent=50,
        )
        _break_things(run, draws, _FAULTS[profile])
        alarm = _come_to_rest(run) or _judge(run)
    except AssertionError as error:
        alarm = f"assertion: {error!r}"
    counts = run.recorder.counts
    faults = tuple(each.command.verb for each in run.faults.all)
    bites = sum(each.fault.bites > 0 and each.command.verb in _CRASHES_AND_CUTS for each in run.faults.all)
    elections = len(run.watch.leader_changes) - elections_before
    schedule = write_schedule(run.finish())
    return Result(seed, alarm, bites, elections, counts["invoke"], counts["info"], faults, schedule)


def _load(profile: str, draws: Stream) -> dict[str, int | str]:
    if profile == "saga":
        return {"kind": "saga", "clients": 3 + draws.below(6), "rate": 10_000 + 1000 * draws.below(30)}
    kind = _KINDS[draws.below(len(_KINDS))]
    return {"kind": kind, "clients": 5 + draws.below(6), "rate": 100_000 + 1000 * draws.below(200)}


def _give(run: Run, verb: str, target: str = "", *, duration_ns: int = 0, **arguments: int | str) -> None:
    until_ns = run.now_ns + duration_ns if duration_ns else None
    run.perform(Command(verb, run.now_ns, run.now_ns, target, None, until_ns, dict(arguments)))


def _break_things(run: Run, draws: Stream, faults: tuple[Callable[[Run, Stream, int], None], ...]) -> None:
    end_ns = run.now_ns + _FAULTS_LAST_NS
    _crash_or_isolate_leader(run, draws)  # So that every seed has an election that a fault brought about.
    while run.now_ns < end_ns:
        run.advance(run.now_ns + (50 + draws.below(1500)) * MILLISECOND_NS)
        duration_ns = (100 + draws.below(3000)) * MILLISECOND_NS
        try:
            faults[draws.below(len(faults))](run, draws, duration_ns)
        except PhantomError:
            continue  # A target that is down already, or a shard without a leader just now.


def _crash_or_isolate_leader(run: Run, draws: Stream) -> None:
    run.advance(run.now_ns + (200 + draws.below(800)) * MILLISECOND_NS)
    shard = draws.below(len(run.shard_ids))
    verb = "crash node" if draws.bits(1) else "isolate node"
    _give(run, verb, f"leader of shard {shard}", duration_ns=(1500 + draws.below(1500)) * MILLISECOND_NS)


def _come_to_rest(run: Run) -> str:
    _give(run, "heal faults")
    recovery = Recovery(run)
    if not run.advance(run.now_ns + 20 * SECOND_NS, recovery):
        return f"REC-001: 20 s after all faults were healed: {recovery.gap()}"
    if not run.advance(run.now_ns + 30 * SECOND_NS, lambda: not disk_gap(run)):
        return f"DSK-001: 30 s after all faults were healed: {disk_gap(run)}"
    if not run.advance(run.now_ns + 30 * SECOND_NS, lambda: judge_consistency(run).outcome == "valid"):
        return f"{judge_consistency(run).headline}, 30 s after all faults were healed"
    run.advance(run.now_ns + 3 * SECOND_NS)  # Served again, the clients can show it.
    _give(run, "stop workload", drain_ns=10 * SECOND_NS)
    run.advance(run.now_ns + 11 * SECOND_NS)
    run.advance(run.now_ns + 10 * SECOND_NS, replicas_agree(run))
    return ""


def _judge(run: Run) -> str:
    violation = judge_invariants(run)
    if violation is not None:
        return violation.headline
    # With messages lost, doubled and late there may be false suspicions, but no failure or return goes unnoticed.
    health = judge_health(run, within_ns=12 * SECOND_NS, false_suspicions=1_000_000)
    confirmed = 20 if run.watch.sagas else 50  # A client of sagas waits for each to its end.
    verdicts = [judge_history(run, "linearizable", confirmed=confirmed), judge_agreement(run), health]
    if run.watch.sagas:
        run.advance(run.now_ns + 30 * SECOND_NS, lambda: not open_sagas(run))
        verdicts.append(judge_sagas(run))
    return next((verdict.headline for verdict in verdicts if verdict.outcome != "valid"), "")


# --- clusters and faults ----------------------------------------------------------------------------------------------


def _lease_knobs(draws: Stream) -> dict[str, int | str]:
    """Half of the clusters read under leases, which allow for more drift than several faults at once bring about."""
    return {"reads": ("index", "lease")[draws.below(2)], "clock_drift_ppm_max": 150_000}


def _node_failure_cluster(seed: int, draws: Stream) -> RunSpec:
    nodes = (3, 5)[draws.below(2)]
    # Small limits, so that snapshots and new logs happen within seconds.
    knobs = {
        "snapshot_entries": 20 + draws.below(200),
        "kept_entries_max": draws.below(30) + 1,
        "log_bytes_max": 20_000,
        **_lease_knobs(draws),
    }
    return RunSpec(seed=seed, nodes=nodes, shards=1 + draws.below(4), replicas=3, knobs=knobs)


def _partition_cluster(seed: int, draws: Stream) -> RunSpec:
    topology = ("five-nodes", "three-nodes", "three-regions")[draws.below(3)]
    nodes = (3, 5, 6)[draws.below(3)]
    knobs = {
        "snapshot_entries": 20 + draws.below(500),
        "kept_entries_max": draws.below(100) + 1,
        **_lease_knobs(draws),
    }
    replicas = min(nodes, (3, 5)[draws.below(2)])
    return RunSpec(seed=seed, topology=topology, nodes=nodes, shards=1 + draws.below(3), replicas=replicas, knobs=knobs)


def _membership_cluster(seed: int, draws: Stream) -> RunSpec:
    knobs = {"snapshot_entries": 20 + draws.below(200), "kept_entries_max": draws.below(30) + 1, **_lease_knobs(draws)}
    nodes = 4 + draws.below(3)
    return RunSpec(seed=seed, topology="five-nodes", nodes=nodes, shards=1 + draws.below(3), replicas=3, knobs=knobs)


def _saga_cluster(seed: int, draws: Stream) -> RunSpec:
    return (_node_failure_cluster, _partition_cluster)[draws.below(2)](seed, draws)


def _any_node(run: Run, draws: Stream) -> str:
    return run.node_names[draws.below(len(run.node_names))]


def _crash(run: Run, draws: Stream, duration_ns: int) -> None:
    _give(run, "crash node", _any_node(run, draws), duration_ns=duration_ns)


def _crash_leader(run: Run, draws: Stream, duration_ns: int) -> None:
    shard = draws.below(len(run.shard_ids))
    _give(run, "crash node", f"leader of shard {shard}", duration_ns=duration_ns)


def _power_loss(run: Run, draws: Stream, duration_ns: int) -> None:
    for node in run.live_nodes():
        _give(run, "crash node", node, duration_ns=duration_ns)


def _pause(run: Run, draws: Stream, duration_ns: int) -> None:
    _give(run, "pause node", _any_node(run, draws), duration_ns=duration_ns)


def _stall(run: Run, draws: Stream, duration_ns: int) -> None:
    _give(run, "fail disk", _any_node(run, draws), duration_ns=duration_ns, fault="stall")


def _break_disk(run: Run, draws: Stream, duration_ns: int) -> None:
    """Whatever disks do that a cluster can survive. Damage beyond that is refused, and left out."""
    kinds: tuple[dict[str, int | str], ...] = (
        {"fault": "stall", "occurrence": 1 + draws.below(20)},
        {"fault": "slow", "delay_ns": (1 + draws.below(80)) * MILLISECOND_NS},
        {"fault": "full"},
        {"fault": "io error", "occurrence": 1 + draws.below(50)},
        {"fault": "io error", "operation": ("append", "replace", "sync")[draws.below(3)], "probability_ppm": 20_000},
        {"fault": "io error", "operation": "read", "probability_ppm": 500_000},
        {"fault": "torn write", "probability_ppm": 500_000},
        {"fault": "bit rot"},
        {"fault": "bit rot", "operation": ("append", "replace")[draws.below(2)], "occurrence": 1 + draws.below(20)},
        {"fault": "misdirected write", "occurrence": 1 + draws.below(20)},
    )
    node = _any_node(run, draws)
    _give(run, "fail disk", node, duration_ns=duration_ns, **kinds[draws.below(len(kinds))])
    if draws.bits(1):
        run.advance(run.now_ns + draws.below(500) * MILLISECOND_NS)
        _give(run, "crash node", node, duration_ns=1 + draws.below(duration_ns))


def _skew(run: Run, draws: Stream, duration_ns: int) -> None:
    offset_ns = (draws.below(4000) - 2000) * MILLISECOND_NS
    _give(run, "skew clock", _any_node(run, draws), duration_ns=duration_ns, offset_ns=offset_ns, drift_ppm=20_000)


def _isolate(run: Run, draws: Stream, duration_ns: int) -> None:
    direction = ("both", "in", "out")[draws.below(3)]
    _give(run, "isolate node", _any_node(run, draws), duration_ns=duration_ns, direction=direction)


def _cut(run: Run, draws: Stream, duration_ns: int) -> None:
    shapes = ["halves", "bridge", "minority | rest", "leader of shard 1 | rest", "leader of shard 0 | rest"]
    if len(run.node_names) >= 4:
        shapes.append("ring")
    direction = ("both", "both", "forward", "backward")[draws.below(4)]
    flapping_ns = (0, 0, 400 * MILLISECOND_NS)[draws.below(3)]
    target = shapes[draws.below(len(shapes))]
    _give(run, "partition network", target, duration_ns=duration_ns, direction=direction, flapping_ns=flapping_ns)


def _drop(run: Run, draws: Stream, duration_ns: int) -> None:
    kinds = ("all", "append entries", "append reply", "vote", "request vote", "shard reply", "snapshot")
    kind = kinds[draws.below(len(kinds))]
    share = 50_000 + draws.below(600_000)
    _give(run, "drop messages", duration_ns=duration_ns, kind=kind, probability_ppm=share)


def _bad_links(run: Run, draws: Stream, duration_ns: int) -> None:
    _give(
        run,
        "set link",
        duration_ns=duration_ns,
        source="all",
        target="all",
        loss_ppm=draws.below(100_000),
        duplicate_ppm=draws.below(200_000),
        reorder_ppm=draws.below(200_000),
        jitter_ns=draws.below(40) * MILLISECOND_NS,
    )


def _add_node(run: Run, draws: Stream, _duration_ns: int) -> None:
    """A new node, or one that was removed; not too many, for every one costs time."""
    node = "next" if draws.bits(1) and len(run.live_nodes()) < 8 else _any_node(run, draws)
    _give(run, "add node", node)


def _decommission(run: Run, draws: Stream, _duration_ns: int) -> None:
    _give(run, "decommission node", _any_member(run, draws))


def _remove(run: Run, draws: Stream, _duration_ns: int) -> None:
    _give(run, "remove node", _any_member(run, draws))


def _any_member(run: Run, draws: Stream) -> str:
    """A member by name, or one whose part in some shard makes it harder to spare."""
    shard = draws.below(len(run.shard_ids))
    choices = (_any_node(run, draws), f"leader of shard {shard}", f"follower of shard {shard}")
    return choices[draws.below(len(choices))]


_PROFILES: dict[str, Callable[[int, Stream], RunSpec]] = {
    "node-failure": _node_failure_cluster,
    "partition": _partition_cluster,
    "membership": _membership_cluster,
    "saga": _saga_cluster,
}
_FAULTS: dict[str, tuple[Callable[[Run, Stream, int], None], ...]] = {
    "node-failure": (_crash, _crash_leader, _power_loss, _pause, _stall, _break_disk, _break_disk, _skew, _bad_links),
    "partition": (_isolate, _cut, _cut, _drop, _bad_links, _crash, _skew),
    "saga": (_crash, _crash_leader, _power_loss, _pause, _stall, _skew, _isolate, _cut, _drop, _bad_links),
    "membership": (
        _add_node,
        _add_node,
        _decommission,
        _remove,
        _crash,
        _crash_leader,
        _pause,
        _isolate,
        _cut,
        _drop,
        _bad_links,
    ),
}


if __name__ == "__main__":
    sys.exit(main())
