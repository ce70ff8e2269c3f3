"""All converters of the library: from what stands in a cell to a value type."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from robot.api import TypeInfo

from PhantomLibrary.keywords import choices, node_names, quantities, times

CONVERTERS: Mapping[type, Callable[..., Any]] = {
    times.VirtualTime: times.to_virtual_time,
    times.WallTime: times.to_wall_time,
    times.ClockOffset: times.to_clock_offset,
    quantities.Count: quantities.to_count,
    quantities.Percent: quantities.to_percent,
    quantities.Drift: quantities.to_drift,
    quantities.Rate: quantities.to_rate,
    quantities.Size: quantities.to_size,
    quantities.Mix: quantities.to_mix,
    quantities.Seed: quantities.to_seed,
    quantities.Factor: quantities.to_factor,
    quantities.Threshold: quantities.to_threshold,
    node_names.NodeRef: node_names.to_node_ref,
    node_names.Nodes: node_names.to_nodes,
    node_names.Sides: node_names.to_sides,
    node_names.Names: node_names.to_names,
    choices.Operator: choices.to_operator,
    choices.NodeState: choices.converter_of(
        choices.NodeState,
        "The state of a node: ``active`` nodes run, ``paused`` ones do nothing until they are resumed, ``down`` ones"
        " have crashed; ``any`` is every node.",
    ),
    choices.Event: choices.converter_of(
        choices.Event,
        "Something that happens: ``leader elected`` (a replica became leader of a shard), ``snapshot sent`` (a"
        " leader sent its state to a replica far behind), ``vote persisted`` (a vote became durable), ``entry"
        " committed`` (a shard committed an entry), ``move started``, ``learner caught up``, ``move cut over``,"
        " ``move finished`` and ``rebalancing finished`` (where moves are coordinated), ``split ordered``, ``split"
        " applied`` and ``split finished`` (of splits), ``freeze ordered``, ``merge frozen``, ``absorb ordered``,"
        " ``chunk absorbed``, ``merge absorbed``, ``merge finished`` and ``merge cancelled``, ``saga started``, ``step"
        " executing``, ``step completed``, ``compensation begun``, ``step compensated`` and ``saga ended`` (where"
        " sagas are orchestrated), ``prepare sent``, ``commit sent``, ``decision sent``, ``transaction prepared``"
        " and ``transaction decided`` (of two-phase commit), ``transaction step`` (each message and effect of a"
        " transaction), ``fragment run``, ``chunk sent`` and ``chunk delivered`` (by leaders that do their part of a"
        " query), ``quiet`` (no operation is under way, and all live replicas have applied the same entries).",
    ),
    choices.Outcome: choices.converter_of(
        choices.Outcome,
        "How an operation ends: ``done``, ``aborted`` (it certainly did not happen), ``unknown`` (it may have"
        " happened, or may yet), or ``any`` of these. ``blocked``: it has not ended, and waits for somebody else.",
    ),
    choices.Isolation: choices.converter_of(
        choices.Isolation,
        "What a transaction may see of others: ``read committed`` (each statement sees what is committed when it"
        " begins), ``snapshot`` (all see one state, and the first of two writers of a key wins), ``serializable`` (as"
        " if one came after the other).",
    ),
    choices.WorkloadKind: choices.converter_of(
        choices.WorkloadKind,
        "What the clients of a workload do: ``register`` reads, writes and compares-and-sets, ``set`` adds elements,"
        " ``counter`` adds numbers, ``append`` appends to lists, ``saga`` books trips; all read back.",
    ),
    choices.DiskFault: choices.converter_of(
        choices.DiskFault,
        "What is wrong with a disk: ``stall`` lets no sync come back, ``slow`` lets each take longer, ``torn write``"
        " lets a crash keep a part of a write, ``bit rot`` flips a bit, ``lost fsync`` calls durable what a crash will"
        " take, ``misdirected write`` lets a write land elsewhere, ``io error`` lets a write, sync or read fail,"
        " ``full`` takes no write.",
    ),
    choices.Level: choices.converter_of(
        choices.Level,
        "What a history is held against. ``linearizable``: each operation takes effect at one moment between its begin"
        " and its end. Sets and counters are judged by checkers of their own.",
    ),
}


def converters() -> dict[type, Callable[..., Any]]:
    """Return the converter of each value type, as `ROBOT_LIBRARY_CONVERTERS` wants them.

    Robot asks all of them for signature and types whenever any keyword runs. Worked out anew, that took an eighth of
    the time of the suites; so each converter has both at hand.
    """
    for converter in CONVERTERS.values():
        hints = get_type_hints(converter)
        hints.pop("return")
        told = {name: TypeInfo.from_type_hint(hint) for name, hint in hints.items()}
        converter.__dict__.update(__signature__=inspect.signature(converter), robot_types=told)
    return dict(CONVERTERS)
