"""The clusters of random faults, and the faults that each of them is given."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from PhantomLibrary.domain import MILLISECOND_NS
from PhantomLibrary.domain.scaling import Rule, ScalingPolicy
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.testbed.reshape_events import RESHAPE_EVENTS
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.scaling import encode_policy
from PhantomLibrary.testbed.schedule import Command, RunSpec


def give(run: Run, verb: str, target: str = "", *, duration_ns: int = 0, **arguments: int | str) -> None:
    """Have a run perform a command now."""
    until_ns = run.now_ns + duration_ns if duration_ns else None
    run.perform(Command(verb, run.now_ns, run.now_ns, target, None, until_ns, dict(arguments)))


def batched(spec: RunSpec) -> RunSpec:
    """Let the leaders of every other cluster batch, for a short or for a long time."""
    interval_ms = (0, 2, 0, 10, 0, 100)[spec.seed % 6]
    knobs = {**spec.knobs, "batch_interval_ns": interval_ms * MILLISECOND_NS} if interval_ms else spec.knobs
    return msgspec.structs.replace(spec, knobs=knobs)


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


def _transaction_cluster(seed: int, draws: Stream) -> RunSpec:
    knobs = {"snapshot_entries": 20 + draws.below(200), "kept_entries_max": draws.below(30) + 1, **_lease_knobs(draws)}
    nodes = 3 + draws.below(3)
    return RunSpec(seed=seed, topology="five-nodes", nodes=nodes, shards=2 + draws.below(3), replicas=3, knobs=knobs)


def _any_node(run: Run, draws: Stream) -> str:
    return run.node_names[draws.below(len(run.node_names))]


def crash(run: Run, draws: Stream, duration_ns: int) -> None:
    give(run, "crash node", _any_node(run, draws), duration_ns=duration_ns)


def crash_leader(run: Run, draws: Stream, duration_ns: int) -> None:
    shard = draws.below(len(run.shard_ids))
    give(run, "crash node", f"leader of shard {shard}", duration_ns=duration_ns)


def power_loss(run: Run, draws: Stream, duration_ns: int) -> None:
    for node in run.live_nodes():
        give(run, "crash node", node, duration_ns=duration_ns)


def pause(run: Run, draws: Stream, duration_ns: int) -> None:
    give(run, "pause node", _any_node(run, draws), duration_ns=duration_ns)


def stall(run: Run, draws: Stream, duration_ns: int) -> None:
    give(run, "fail disk", _any_node(run, draws), duration_ns=duration_ns, fault="stall")


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
    give(run, "fail disk", node, duration_ns=duration_ns, **kinds[draws.below(len(kinds))])
    if draws.bits(1):
        run.advance(run.now_ns + draws.below(500) * MILLISECOND_NS)
        give(run, "crash node", node, duration_ns=1 + draws.below(duration_ns))


def skew(run: Run, draws: Stream, duration_ns: int) -> None:
    offset_ns = (draws.below(4000) - 2000) * MILLISECOND_NS
    give(run, "skew clock", _any_node(run, draws), duration_ns=duration_ns, offset_ns=offset_ns, drift_ppm=20_000)


def isolate(run: Run, draws: Stream, duration_ns: int) -> None:
    direction = ("both", "in", "out")[draws.below(3)]
    give(run, "isolate node", _any_node(run, draws), duration_ns=duration_ns, direction=direction)


def cut(run: Run, draws: Stream, duration_ns: int) -> None:
    shapes = ["halves", "bridge", "minority | rest", "leader of shard 1 | rest", "leader of shard 0 | rest"]
    if len(run.node_names) >= 4:
        shapes.append("ring")
    direction = ("both", "both", "forward", "backward")[draws.below(4)]
    flapping_ns = (0, 0, 400 * MILLISECOND_NS)[draws.below(3)]
    target = shapes[draws.below(len(shapes))]
    give(run, "partition network", target, duration_ns=duration_ns, direction=direction, flapping_ns=flapping_ns)


def drop(run: Run, draws: Stream, duration_ns: int) -> None:
    kinds = ("all", "append entries", "append reply", "vote", "request vote", "shard reply", "snapshot")
    kind = kinds[draws.below(len(kinds))]
    share = 50_000 + draws.below(600_000)
    give(run, "drop messages", duration_ns=duration_ns, kind=kind, probability_ppm=share)


def bad_links(run: Run, draws: Stream, duration_ns: int) -> None:
    give(
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
    give(run, "add node", node)


def _decommission(run: Run, draws: Stream, _duration_ns: int) -> None:
    give(run, "decommission node", _any_member(run, draws))


def _remove(run: Run, draws: Stream, _duration_ns: int) -> None:
    give(run, "remove node", _any_member(run, draws))


def _move(run: Run, draws: Stream, _duration_ns: int) -> None:
    """A replica moves to any node, slowly in one case of three."""
    shards = run.shard_ids
    shard = shards[1 + draws.below(len(shards) - 1)]
    source = ("any", f"leader of shard {shard}", f"follower of shard {shard}")[draws.below(3)]
    throttle = (0, 0, 500 + draws.below(5_000))[draws.below(3)]
    give(run, "move shard", _any_node(run, draws), shard=shard, source=source, throttle=throttle)


def _rebalance(run: Run, draws: Stream, _duration_ns: int) -> None:
    by, at_once = ("replicas", "bytes")[draws.below(2)], 1 + draws.below(4)
    throttle = (0, 500 + draws.below(5_000))[draws.below(2)]
    give(run, "rebalance", by=by, throttle=throttle, at_once=at_once)


def _cancel_moves(run: Run, _draws: Stream, _duration_ns: int) -> None:
    give(run, "cancel moves")


def _any_member(run: Run, draws: Stream) -> str:
    """A member by name, or one whose part in some shard makes it harder to spare."""
    shard = draws.below(len(run.shard_ids))
    choices = (_any_node(run, draws), f"leader of shard {shard}", f"follower of shard {shard}")
    return choices[draws.below(len(choices))]


def _rebalancing_cluster(seed: int, draws: Stream) -> RunSpec:
    knobs = {
        "snapshot_entries": 20 + draws.below(200),
        "kept_entries_max": draws.below(30) + 1,
        "snapshot_chunk_bytes": (200, 1_000, 16_384)[draws.below(3)],  # Small ones, so that a merge takes several.
        "placement": ("range", "range", "range", "hash")[draws.below(4)],
        **_lease_knobs(draws),
    }
    nodes = 3 + draws.below(4)
    return RunSpec(seed=seed, topology="five-nodes", nodes=nodes, shards=1 + draws.below(4), replicas=3, knobs=knobs)


def _split(run: Run, draws: Stream, _duration_ns: int) -> None:
    """Split a shard of data in the middle, or at a key that it may not hold."""
    shard = _data_shard(run, draws)
    key = "middle" if draws.bits(1) else f"k{draws.below(35)}"
    give(run, "split shard", shard=shard, key=key)


def _merge(run: Run, draws: Stream, _duration_ns: int) -> None:
    """Merge two neighbours, and now and then think better of it."""
    left = run.directory().shard(_data_shard(run, draws))
    right = next((each for each in run.directory().shards if left.end and each.start == left.end), left)
    give(run, "merge shards", left=left.shard, right=right.shard)
    if draws.below(4) == 0:
        run.advance(run.now_ns + draws.below(40) * MILLISECOND_NS)
        give(run, "cancel reshape", shard=left.shard)


def _armed_reshape(run: Run, draws: Stream, duration_ns: int) -> None:
    """Split or merge, and have a node crash, stand still or fall silent just when that comes to some step."""
    fault = ("crash node", "pause node", "isolate node")[draws.below(3)]
    event = RESHAPE_EVENTS[draws.below(len(RESHAPE_EVENTS))]
    phase = ("before", "after")[draws.bits(1)]
    arguments = {"event": event, "fault": fault, "phase": phase, "duration_ns": duration_ns}
    run.perform(Command("arm fault", run.now_ns, run.now_ns, "", None, None, arguments))
    (_split, _merge)[draws.bits(1)](run, draws, duration_ns)


def _data_shard(run: Run, draws: Stream) -> int:
    shards = run.shard_ids[1:]
    return shards[draws.below(len(shards))]


def _sql_cluster(seed: int, draws: Stream) -> RunSpec:
    spec = _rebalancing_cluster(seed, draws)
    return msgspec.structs.replace(spec, knobs={**spec.knobs, "chunk_bytes": (100, 64 * 1024)[draws.bits(1)]})


def _scaling_cluster(seed: int, draws: Stream) -> RunSpec:
    placement = ("range", "hash", "consistent-hash")[draws.below(3)]
    knobs = {
        "snapshot_entries": 20 + draws.below(200),
        "kept_entries_max": draws.below(30) + 1,
        "placement": placement,
        **_lease_knobs(draws),
    }
    nodes = 3 + draws.below(3)
    return RunSpec(seed=seed, topology="five-nodes", nodes=nodes, shards=1 + draws.below(4), replicas=3, knobs=knobs)


def _begin_scaling(run: Run, draws: Stream) -> None:
    """Machines that start at once or after a while, and a policy that decides every few hundred milliseconds."""
    interval_ms = 100 + draws.below(500)
    policy = ScalingPolicy(
        ("automatic", "automatic", "manual")[draws.below(3)],
        3,
        7,
        (Rule("queries", 40 + draws.below(40), 10 + draws.below(20), 1_000 + draws.below(1_000), 1_500),),
        window_ns=(2 + draws.below(4)) * interval_ms * MILLISECOND_NS,
        cooldown_ns=draws.below(4_000) * MILLISECOND_NS,
        interval_ns=interval_ms * MILLISECOND_NS,
    )
    boot_ns = draws.below(2_500) * MILLISECOND_NS
    give(run, "set scaling policy", policy=encode_policy(policy).decode(), boot_ns=boot_ns)


def _scale(run: Run, draws: Stream, _duration_ns: int) -> None:
    give(run, "scale cluster", nodes=3 + draws.below(5))


def _change_load(run: Run, draws: Stream, _duration_ns: int) -> None:
    give(run, "set load", rate=(5 + draws.below(400)) * 1_000, period_ns=0)


def _late_meters(run: Run, draws: Stream, duration_ns: int) -> None:
    delay_ns = draws.below(3_000) * MILLISECOND_NS + 1
    give(run, "delay messages", duration_ns=duration_ns, kind="meters", delay_ns=delay_ns, probability_ppm=500_000)


BEGINNINGS: dict[str, Callable[[Run, Stream], None]] = {"scaling": _begin_scaling}
"""What is done before anything is broken."""

CLUSTERS: dict[str, Callable[[int, Stream], RunSpec]] = {
    "node-failure": _node_failure_cluster,
    "partition": _partition_cluster,
    "membership": _membership_cluster,
    "saga": _saga_cluster,
    "transaction": _transaction_cluster,
    "rebalancing": _rebalancing_cluster,
    "scaling": _scaling_cluster,
    "sql": _sql_cluster,
}
FAULTS: dict[str, tuple[Callable[[Run, Stream, int], None], ...]] = {
    "node-failure": (crash, crash_leader, power_loss, pause, stall, _break_disk, _break_disk, skew, bad_links),
    "partition": (isolate, cut, cut, drop, bad_links, crash, skew),
    "saga": (crash, crash_leader, power_loss, pause, stall, skew, isolate, cut, drop, bad_links),
    "membership": (
        _add_node,
        _add_node,
        _decommission,
        _remove,
        crash,
        crash_leader,
        pause,
        isolate,
        cut,
        drop,
        bad_links,
    ),
    "rebalancing": (
        _split,
        _split,
        _merge,
        _merge,
        _armed_reshape,
        _armed_reshape,
        _move,
        _move,
        _move,
        _rebalance,
        _rebalance,
        _cancel_moves,
        _add_node,
        _decommission,
        _remove,
        crash,
        crash_leader,
        power_loss,
        pause,
        stall,
        _break_disk,
        isolate,
        cut,
        drop,
        bad_links,
        skew,
    ),
    "scaling": (
        _scale,
        _scale,
        _scale,
        _change_load,
        _change_load,
        _late_meters,
        crash,
        crash_leader,
        power_loss,
        pause,
        isolate,
        cut,
        drop,
        bad_links,
        skew,
        _break_disk,
    ),
    "transaction": (
        crash,
        crash_leader,
        power_loss,
        pause,
        _break_disk,
        isolate,
        cut,
        drop,
        bad_links,
        skew,
    ),
}
FAULTS["sql"] = (_split, _split, _merge, _merge, _armed_reshape, _move, crash_leader, *FAULTS["transaction"], stall)
