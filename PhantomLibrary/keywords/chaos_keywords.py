"""Keywords of faults that nobody gives one by one: plans, a nemesis, and faults that wait for an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from robotlibcore import keyword

from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.keywords.choices import Event
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.node_names import ANY, Names, NodeRef
from PhantomLibrary.keywords.quantities import Count
from PhantomLibrary.keywords.times import NOW, UNTIL_HEALED, VirtualTime, in_seconds, to_virtual_time

if TYPE_CHECKING:
    from PhantomLibrary.testbed.schedule import Command

_ALL_KINDS = Names(("all",))
_FIVE_SECONDS = to_virtual_time("5s")
_FIRST = Count(1)


class ChaosKeywords(Component):
    """Keywords of plans, nemeses and armed faults."""

    @keyword(tags=("fault",))
    def run_fault_plan(self, plan: str) -> list[str]:
        """Accepts all steps of a fault plan, each for its time from now on. Returns one line a step.

        ``plan`` is the name of a plan that ships with the library (``rolling-restart``, ``flaky-network``,
        ``region-outage``) or the path of a YAML file. A step has a ``time`` from the start of the plan, a ``fault`` in
        the words of keywords, the ``target`` and the other arguments that this fault takes, and a ``duration``:
        | steps:
        |   - {time: 0s, fault: crash node, target: leader of shard 1, duration: 2s}
        |   - {time: 3s, fault: set link, source: n1, target: all, loss: 30 %, duration: 5s}
        Roles are resolved when a step takes effect. Virtual time stands still: `Run For` lets the plan happen.

        Fails when the plan does not exist or is malformed, when a step contradicts an earlier one (a crash of a node
        that is down by then), and when a step makes no sense for this cluster; then nothing of it is accepted.

        Example:
        | `Run Fault Plan` | rolling-restart |
        | `Run For` | 6s |
        """
        from PhantomLibrary.testbed.plan_file import accept_plan, load_plan

        cluster = self._cluster
        cluster.check_may_change()
        loaded = load_plan(plan)
        commands = cluster.do_unbroken(lambda: accept_plan(cluster.run, loaded))
        lines = [_line(command) for command in commands]
        for line in lines:
            cluster.tell(f"planned for {line}")
        return lines

    @keyword(tags=("fault",))
    def start_nemesis(self, kinds: Names = _ALL_KINDS, *, every: VirtualTime = _FIVE_SECONDS) -> None:
        """Lets random faults strike from now on, on average one in ``every``. Each of them heals by itself.

        ``kinds`` are names with commas between: ``crash``, ``pause``, ``partition``, ``isolate``, ``flapping``,
        ``slow links``, ``lossy links``, ``lost messages``, ``clock``, ``disk`` (which hangs), ``slow disk``,
        ``full disk``, ``io error``, ``torn write``, ``bit rot`` and ``misdirected write``, or ``all``; where there are
        several regions also ``region links``, and ``fail over`` where one of them takes the writes. At no time is
        more than a minority of a shard's voters down, paused, behind a failing disk or damaged, so that the cluster can
        survive it; networks part freely. What it does stands in the schedule, which replays without a nemesis.

        Fails when a nemesis runs already, for an unknown kind, and for one that this cluster cannot survive.

        Example:
        | `Start Nemesis` | crash, partition | every=2s |
        | `Run For` | 20s |
        | `Stop Nemesis` |
        """
        from PhantomLibrary.testbed.nemesis import Nemesis

        cluster = self._cluster
        cluster.check_may_change()
        if cluster.nemesis is not None and cluster.nemesis.is_running:
            raise InvalidState("a nemesis runs already: stop it first with Stop Nemesis")
        every_ns = every.or_none(NOW)
        if every_ns is None:
            raise InvalidInput(f"every={every} is no time: write one above 0, such as 5s")
        cluster.nemesis = Nemesis(cluster.run, kinds.names, every_ns)
        cluster.nemesis.start()
        cluster.tell(f"a nemesis strikes every {every}: {', '.join(cluster.nemesis.kinds)}")

    @keyword(tags=("fault",))
    def stop_nemesis(self, *, heal: bool = True) -> int:
        """Ends the nemesis and heals all faults that are in force, as `Heal Faults` does. Returns how often it struck.

        With ``heal=no``, what is in force heals by itself when its time is over.

        Fails when no nemesis runs, and when it never struck.

        Example:
        | `Stop Nemesis` |
        | `Cluster Should Recover` |
        """
        from PhantomLibrary.testbed.nemesis import stopped

        cluster = self._cluster
        cluster.check_may_change()
        nemesis = stopped(cluster.nemesis)
        healed = f", and healed {cluster.perform('heal faults')} faults" if heal else ""
        cluster.tell(f"stopped the nemesis after {nemesis.strikes} strikes{healed}")
        if not nemesis.strikes:
            cluster.fail("FLT-001", f"the nemesis never struck by {cluster.now}: let the run go on for longer under it")
        return nemesis.strikes

    @keyword(tags=("fault",))
    def arm_fault(
        self,
        event: Event,
        fault: Literal["crash node", "pause node", "isolate node", "lose disk"],
        *,
        node: NodeRef = ANY,
        on: NodeRef = ANY,
        occurrence: Count = _FIRST,
        phase: Literal["before", "after"] = "after",
        duration: VirtualTime = UNTIL_HEALED,
    ) -> None:
        """Lets a fault wait for an event, and strike in the very instant in which it happens, once.

        ``event`` is ``leader elected``, ``vote persisted``, ``snapshot sent``, ``entry committed``,
        ``learner added`` or ``voters changing``; of sagas, ``saga started``, ``step executing``, ``step completed``,
        ``compensation begun``, ``step compensated`` or ``saga ended``; of transactions ``prepare sent`` and
        ``commit sent`` (by the coordinator), ``decision sent`` (by whoever keeps the record), ``transaction prepared``,
        ``transaction decided`` or ``transaction step``, which is each of their messages and effects. The fault strikes
        ``before`` or ``after`` it: a vote is persisted before its voter answers, and an entry counts as committed when
        the first replica applies it. ``on`` counts only what happens on these nodes, and ``occurrence`` waits for the
        n-th time. It strikes the node on which the event happens, or ``node``. ``lose disk`` crashes a node and empties
        its disk. `Heal Faults` disarms what has not struck.

        Fails for an event that is no such moment. A fault that never struck fails `History Should Be`.

        Example:
        | `Arm Fault` | vote persisted | crash node | duration=2s |
        | `Crash Node` | leader of shard 1 |
        """
        from PhantomLibrary.testbed.events import EVENTS

        cluster = self._cluster
        if event.word not in EVENTS:
            raise InvalidInput(f"{event} is a state and no moment: a fault can be armed for {', '.join(EVENTS)}")
        cluster.perform(
            "arm fault",
            "" if node == ANY else node.text,
            event=event.word,
            fault=fault,
            on=None if on == ANY else on.text,
            occurrence=None if occurrence == _FIRST else occurrence.number,
            phase=None if phase == "after" else phase,
            duration_ns=duration.or_none(UNTIL_HEALED),
        )
        which = "" if occurrence == _FIRST else f" number {occurrence}"
        where = "" if on == ANY else f" on {on}"
        whom = "" if node == ANY else f" of {node}"
        cluster.tell(f"armed {fault}{whom} {phase} {event}{which}{where}")


def _line(command: Command) -> str:
    """Say what a step of a plan will do, and when."""
    told = command.arguments
    where = command.target or (f"{told['source']} > {told['target']}" if "source" in told else "")
    lasting = "" if command.until_ns is None else f" until t={in_seconds(command.until_ns)}"
    return f"t={in_seconds(command.at_ns)}: {command.verb} {where}".rstrip() + lasting
