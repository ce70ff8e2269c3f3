"""A nemesis: random faults, one after the other, each of which heals itself.

Rule: it only ever performs commands, between instants, so a schedule holds all that it did and replays without it. It
draws from a stream of its own, and names the nodes that it chose, so that nothing is drawn again.

It never does more damage than the cluster can in principle survive: of each shard's voters, at most a minority is
down, paused, behind a disk that fails, or without some of its data at any time, whoever brought that about. The
network may part as it likes: that costs availability, never data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PhantomLibrary.domain import MILLISECOND_NS, NodeId
from PhantomLibrary.errors import InvalidInput, InvalidState, nearest
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.testbed.disks import harm_of, is_hindered
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command
from PhantomLibrary.world.node import NodeState

EVERY_NS_MIN = MILLISECOND_NS
_KINDS_OF_MESSAGES = ("all", "append entries", "append reply", "request vote", "vote", "shard reply")
_PPM_OF_PERCENT = 10_000
_OF_NODES = (
    "crash", "pause", "disk", "slow disk", "full disk", "io error", "torn write", "bit rot", "misdirected write",
)  # fmt: skip


class _Deed:
    """A fault that was drawn: a verb and what it takes."""

    def __init__(self, verb: str, target: str = "", **arguments: int | str) -> None:
        self.verb = verb
        self.target = target
        self.arguments = arguments


_Draw = Callable[[Run, Stream], _Deed | None]


class Nemesis:
    """Random faults of some kinds, on average one in `every_ns`, from `start` to `stop`."""

    def __init__(self, run: Run, kinds: Sequence[str], every_ns: int) -> None:
        self.kinds = checked_kinds(run, kinds)
        if every_ns < EVERY_NS_MIN:
            raise InvalidInput("a nemesis strikes every 1 ms at the most: write every=1 ms or more, such as 5s")
        self.strikes = 0
        self.is_running = False
        self._run = run
        self._every_ns = every_ns
        self._draws = run.streams.get("nemesis")
        number = 1 + len({each.by for each in run.schedule.commands if each.by})
        self._name = f"nemesis {number}"

    def start(self) -> None:
        """Strike from now on, for the first time after a while."""
        assert not self.is_running
        self.is_running = True
        self._plan_next()

    def stop(self) -> None:
        """Strike no more. What is in force heals by itself."""
        self.is_running = False

    def _plan_next(self) -> None:
        gap_ns = self._every_ns // 2 + self._draws.below(self._every_ns + 1)
        self._run.plan(self._run.now_ns + gap_ns, self._act)

    def _act(self) -> None:
        if not self.is_running:
            return
        run = self._run
        try:
            run.advance(run.now_ns)  # What else is planned for this instant comes first, as it does in a replay.
        finally:
            self._plan_next()
        deed = self._draw_deed()
        if deed is not None:
            now_ns = run.now_ns
            until_ns = now_ns + self._every_ns // 4 + 1 + self._draws.below(self._every_ns * 5 // 4 + 1)
            lasting = None if deed.verb == "fail over" else until_ns
            run.perform(
                Command(deed.verb, now_ns, now_ns, deed.target, None, lasting, dict(deed.arguments), self._name)
            )
            self.strikes += 1

    def _draw_deed(self) -> _Deed | None:
        """Draw a kind and a fault of it; where the cluster would not survive that, a fault of the next kind."""
        first = self._draws.below(len(self.kinds))
        for kind in (*self.kinds[first:], *self.kinds[:first]):
            deed = _KINDS[kind](self._run, self._draws)
            if deed is not None:
                return deed
        return None


def checked_kinds(run: Run, kinds: Sequence[str]) -> tuple[str, ...]:
    """Return the kinds that are meant; of `all`, those that this cluster can survive. Raises InvalidInput."""
    words = [" ".join(kind.lower().replace("_", " ").split()) for kind in kinds]
    for word in words:
        if word != "all" and word not in _KINDS:
            known = ("all", *_KINDS)
            raise InvalidInput(f"no kind of fault {word!r}: there are {', '.join(known)}{nearest(word, known)}")
    if not words:
        raise InvalidInput(f"no kind of fault is named: there are all, {', '.join(_KINDS)}")
    impossible = _impossible_kinds(run)
    if "all" in words:
        return tuple(kind for kind in _KINDS if kind not in impossible)
    for word in words:
        if word in impossible:
            raise InvalidInput(f"no {word} can be survived by this cluster: {impossible[word]}")
    return tuple(dict.fromkeys(words))


def spare_nodes(run: Run) -> list[NodeId]:
    """Return the nodes whose failure now would leave each shard a majority of voters that work."""
    broken = {node for node in run.node_names if _is_broken(run, node)}
    spare = [node for node in run.node_names if node not in broken]
    for shard in run.shard_ids:
        voters = run.voters(shard)
        if 2 * (1 + sum(voter in broken for voter in voters)) >= len(voters):
            spare = [node for node in spare if node not in voters]
    return spare


def _is_broken(run: Run, node: NodeId) -> bool:
    host = run.host(node)
    return host.state is not NodeState.UP or is_hindered(host.platter) or bool(harm_of(run, node))


def _impossible_kinds(run: Run) -> dict[str, str]:
    """Return the kinds that this cluster never survives, or that mean nothing in it, each with the reason."""
    reasons: dict[str, str] = {}
    if all(any(node in run.voters(shard) and len(run.voters(shard)) < 3 for shard in run.shard_ids)
           for node in run.node_names):  # fmt: skip
        reasons.update(dict.fromkeys(_OF_NODES, "each node holds a shard of fewer than 3 replicas"))
    if len(run.node_names) < 2:
        links = ("partition", "isolate", "flapping", "slow links", "lossy links", "lost messages")
        reasons.update(dict.fromkeys(links, "it has no links"))
    if len(_regions(run)) < 2:
        reasons.update(dict.fromkeys(("region links", "fail over"), "all its nodes stand in one region"))
    elif run.layout.regions is None:
        reasons["fail over"] = "its regions have no copies of their own"
    elif len(run.layout.regions.writable) > 1:
        reasons["fail over"] = f"regions {', '.join(run.layout.regions.writable)} all take writes"
    return reasons


def _regions(run: Run) -> list[str]:
    return list(dict.fromkeys(each.region for each in run.topology.nodes))


# --- the kinds --------------------------------------------------------------------------------------------------------


def _choice(draws: Stream, options: Sequence[str]) -> str:
    return options[draws.below(len(options))]


def _spare_node(run: Run, draws: Stream) -> str:
    """Draw a node that may fail, the leader of a shard in every other case: there it hurts most. "" if none may."""
    spare = spare_nodes(run)
    leaders = [node for node in spare if any(run.leader(shard) == node for shard in run.shard_ids)]
    if leaders and draws.bits(1):
        spare = leaders
    return _choice(draws, spare) if spare else ""


def _crash(run: Run, draws: Stream) -> _Deed | None:
    node = _spare_node(run, draws)
    return _Deed("crash node", node) if node else None


def _pause(run: Run, draws: Stream) -> _Deed | None:
    node = _spare_node(run, draws)
    return _Deed("pause node", node) if node else None


def _disk(run: Run, draws: Stream) -> _Deed | None:
    node = _spare_node(run, draws)  # It hangs. A disk that lies about syncs is more than a cluster can survive.
    return _Deed("fail disk", node, fault="stall") if node else None


def _disk_deed(run: Run, draws: Stream, fault: str, **arguments: int | str) -> _Deed | None:
    node = _spare_node(run, draws)
    return _Deed("fail disk", node, fault=fault, **arguments) if node else None


def _slow_disk(run: Run, draws: Stream) -> _Deed | None:
    return _disk_deed(run, draws, "slow", delay_ns=(1 + draws.below(100)) * MILLISECOND_NS)


def _full_disk(run: Run, draws: Stream) -> _Deed | None:
    return _disk_deed(run, draws, "full")


def _io_error(run: Run, draws: Stream) -> _Deed | None:
    operation = _choice(draws, ("any", "append", "replace", "sync"))
    return _disk_deed(run, draws, "io error", operation=operation, occurrence=1 + draws.below(20))


def _torn_write(run: Run, draws: Stream) -> _Deed | None:
    return _disk_deed(run, draws, "torn write")


def _bit_rot(run: Run, draws: Stream) -> _Deed | None:
    return _disk_deed(run, draws, "bit rot")


def _misdirected_write(run: Run, draws: Stream) -> _Deed | None:
    return _disk_deed(run, draws, "misdirected write")


def _sides(run: Run, draws: Stream) -> str:
    """Draw two sides, at random, of at least one node each."""
    nodes = list(run.node_names)
    size = 1 + draws.below(max(1, len(nodes) // 2))
    side = [nodes.pop(draws.below(len(nodes))) for _ in range(size)]
    return f"{', '.join(sorted(side))} | rest"


def _partition(run: Run, draws: Stream) -> _Deed | None:
    direction = _choice(draws, ("both", "both", "forward", "backward"))
    return _Deed("partition network", _sides(run, draws), direction=direction)


def _region_links(run: Run, draws: Stream) -> _Deed | None:
    """Draw two regions, of which one hears nothing of the other, or neither does."""
    regions = _regions(run)
    first = regions.pop(draws.below(len(regions)))
    direction = _choice(draws, ("both", "forward", "backward"))
    sides = f"region {first} | region {_choice(draws, regions)}"
    return _Deed("partition network", sides, direction=direction)


def _fail_over(run: Run, draws: Stream) -> _Deed | None:
    """Draw a region that is to take the writes; half of the times by force, which may cost what it lacks."""
    members = run.directory().regions
    if members is None:
        return None
    return _Deed("fail over", region=_choice(draws, members.members), force=bool(draws.bits(1)))


def _flapping(run: Run, draws: Stream) -> _Deed | None:
    return _Deed("partition network", _sides(run, draws), flapping_ns=(200 + draws.below(1800)) * MILLISECOND_NS)


def _isolate(run: Run, draws: Stream) -> _Deed | None:
    return _Deed("isolate node", _choice(draws, run.node_names), direction=_choice(draws, ("both", "in", "out")))


def _slow_links(run: Run, draws: Stream) -> _Deed | None:
    source = _choice(draws, ("all", *run.node_names))
    jitter_ns = (5 + draws.below(60)) * MILLISECOND_NS
    return _Deed("set link", source=source, target="all", jitter_ns=jitter_ns)


def _lossy_links(run: Run, draws: Stream) -> _Deed | None:
    shares = {name: draws.below(20 * _PPM_OF_PERCENT) for name in ("loss_ppm", "duplicate_ppm", "reorder_ppm")}
    return _Deed("set link", source=_choice(draws, ("all", *run.node_names)), target="all", **shares)


def _lost_messages(run: Run, draws: Stream) -> _Deed | None:
    share = (10 + draws.below(60)) * _PPM_OF_PERCENT
    return _Deed("drop messages", kind=_choice(draws, _KINDS_OF_MESSAGES), probability_ppm=share)


def _clock(run: Run, draws: Stream) -> _Deed | None:
    offset_ns = (draws.below(401) - 200) * MILLISECOND_NS
    drift_ppm = (draws.below(401) - 200) * 100
    return _Deed("skew clock", _choice(draws, run.node_names), offset_ns=offset_ns, drift_ppm=drift_ppm)


_KINDS: dict[str, _Draw] = {
    "crash": _crash,
    "pause": _pause,
    "partition": _partition,
    "isolate": _isolate,
    "region links": _region_links,
    "fail over": _fail_over,
    "flapping": _flapping,
    "slow links": _slow_links,
    "lossy links": _lossy_links,
    "lost messages": _lost_messages,
    "clock": _clock,
    "disk": _disk,
    "slow disk": _slow_disk,
    "full disk": _full_disk,
    "io error": _io_error,
    "torn write": _torn_write,
    "bit rot": _bit_rot,
    "misdirected write": _misdirected_write,
}


def stopped(nemesis: Nemesis | None) -> Nemesis:
    """Stop a nemesis and return it. Raises InvalidState when none runs."""
    if nemesis is None or not nemesis.is_running:
        raise InvalidState("no nemesis runs that could be stopped: begin with Start Nemesis")
    nemesis.stop()
    return nemesis
