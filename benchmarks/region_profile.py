"""Random faults of regions that have copies of their own: the clusters, what is done to them, how they are judged."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.random_profiles import (
    bad_links,
    crash,
    crash_leader,
    cut,
    drop,
    give,
    isolate,
    pause,
    power_loss,
    skew,
    stall,
)
from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS, Answer, Ok
from PhantomLibrary.domain.region_policy import CONFLICTS, REPLICATIONS
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.testbed.divergence_judge import judge_divergence
from PhantomLibrary.testbed.judge import PROMISED, judge_history
from PhantomLibrary.testbed.region_setup import RegionWish
from PhantomLibrary.testbed.regional_verbs import policy_of
from PhantomLibrary.testbed.regions import judge_regions, regions_agree
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec

_REGIONS = ("eu", "us", "ap")
_WRITABLE = (("eu",), ("us",), ("eu", "us"), ("all",))
_TRIES = 5
KINDS = ("register", "register", "set", "counter")


def regional_cluster(seed: int, draws: Stream) -> RunSpec:
    """Return three regions with a strategy, and a way to resolve conflicts, of each kind in turn."""
    replication, conflicts = REPLICATIONS[seed % 3], CONFLICTS[seed // 3 % 3]
    writable = _WRITABLE[draws.below(2 if replication == "synchronous" else 4)]
    fails_over = len(writable) == 1 and writable != ("all",) and draws.bits(1)
    wish = RegionWish(
        replication,
        conflicts,
        writable,
        merge="builtins:max" if conflicts == "custom" else "",
        lag_max_ns=(1 + draws.below(8)) * SECOND_NS,
        fail_over_after_ns=(1 + draws.below(4)) * SECOND_NS if fails_over else 0,
    )
    knobs: dict[str, int | str] = {"snapshot_entries": 20 + draws.below(200), "kept_entries_max": draws.below(30) + 1}
    return RunSpec(
        seed=seed,
        topology="three-regions",
        shards=1 + draws.below(2),
        replicas=3,
        knobs=knobs,
        regions=wish,
    )


def _region(draws: Stream) -> str:
    return _REGIONS[draws.below(3)]


def _cut_off_region(run: Run, draws: Stream, duration_ns: int) -> None:
    give(run, "partition network", f"region {_region(draws)} | rest", duration_ns=2 * duration_ns)


def _cut_link(run: Run, draws: Stream, duration_ns: int) -> None:
    """Let one region hear nothing of another one, or neither of the other."""
    direction = ("forward", "backward", "both")[draws.below(3)]
    source = draws.below(3)
    target = (source + 1 + draws.below(2)) % 3
    sides = f"region {_REGIONS[source]} | region {_REGIONS[target]}"
    give(run, "partition network", sides, duration_ns=2 * duration_ns, direction=direction)


def _lose_region(run: Run, draws: Stream, duration_ns: int) -> None:
    give(run, "crash node", f"region {_region(draws)}", duration_ns=2 * duration_ns)


def _skew_region(run: Run, draws: Stream, duration_ns: int) -> None:
    offset_ns = (draws.below(8_001) - 4_000) * MILLISECOND_NS
    give(run, "skew clock", f"region {_region(draws)}", duration_ns=2 * duration_ns, offset_ns=offset_ns)


def _fail_over(run: Run, draws: Stream, _duration_ns: int) -> None:
    give(run, "fail over", region=_region(draws), force=bool(draws.bits(1)))


REGION_FAULTS: tuple[Callable[[Run, Stream, int], None], ...] = (
    _cut_off_region,
    _cut_off_region,
    _cut_link,
    _cut_link,
    _lose_region,
    _skew_region,
    _fail_over,
    _fail_over,
    crash,
    crash_leader,
    power_loss,
    pause,
    stall,
    isolate,
    cut,
    drop,
    bad_links,
    skew,
)


def regions_come_to_rest(run: Run) -> str:
    """Return what is still amiss when all faults are over, "" when clients of each region are served."""
    if not run.advance(run.now_ns + 30 * SECOND_NS, lambda: bool(policy_of(run).writable)):
        return f"30 s after all faults were healed: no region takes writes: {policy_of(run)}"
    for region in _REGIONS:
        answers = [_written(run, region)]
        while not isinstance(answers[-1], Ok):  # A hand-over may have begun just before.
            if len(answers) == _TRIES:
                return f"a client of region {region} cannot write after all faults were healed: {answers[-1]}"
            answers.append(_written(run, region))
    return ""


def _written(run: Run, region: str) -> Answer:
    """Return the answer to a client of a region that writes."""
    command = Command("put value", run.now_ns, run.now_ns, f"region {region}")
    command.arguments = {"key": f"rest-{region}", "value": f"{region} {run.now_ns}"}
    task: Task[Answer] = run.perform(command)
    run.advance(run.now_ns + 10 * SECOND_NS, lambda: task.is_done)
    return task.result


def judge_all_regions(run: Run) -> str:
    """Return what is wrong with what regions hold, and with what clients saw of it."""
    run.advance(run.now_ns + 30 * SECOND_NS, regions_agree(run))
    verdicts = [judge_regions(run), judge_history(run, PROMISED, confirmed=50), judge_divergence(run)]
    return next((verdict.headline for verdict in verdicts if verdict.outcome != "valid"), "")
