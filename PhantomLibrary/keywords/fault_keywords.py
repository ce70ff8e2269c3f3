"""Keywords that break nodes, disks, clocks and the network, and that heal them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from robotlibcore import keyword

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.node_names import ALL, NodeRef, Nodes, Sides
from PhantomLibrary.keywords.quantities import (
    UNCHANGED_RATE,
    UNCHANGED_SHARE,
    Drift,
    Percent,
    Rate,
    to_drift,
    to_percent,
)
from PhantomLibrary.keywords.times import (
    NEVER,
    NOW,
    UNCHANGED,
    UNTIL_HEALED,
    ClockOffset,
    VirtualTime,
    to_clock_offset,
)

if TYPE_CHECKING:
    from PhantomLibrary.keywords.cluster import Cluster

_ALWAYS = to_percent("100")
_NO_OFFSET = to_clock_offset("0s")
_NO_DRIFT = to_drift("0")


class FaultKeywords(Component):
    """Keywords of faults."""

    @keyword(tags=("fault",))
    def crash_node(self, node: NodeRef, *, at: VirtualTime = NOW, duration: VirtualTime = UNTIL_HEALED) -> str:
        """Crashes a node: it stops at once, and loses what its disk had not made durable. Returns its name.

        With ``duration`` it restarts by itself; otherwise `Restart Node` or `Heal Faults` restarts it. With ``at`` it
        crashes later, and the node is chosen then: the name is returned as it was written.

        Fails when the node is down already.

        Example:
        | ${old} = | `Crash Node` | leader of shard 1 |
        """
        return self._fail_node("crash node", "crashed", node, at, duration)

    @keyword(tags=("fault",))
    def pause_node(self, node: NodeRef, *, at: VirtualTime = NOW, duration: VirtualTime = UNTIL_HEALED) -> str:
        """Pauses a node: it does nothing, forgets nothing, and then works off all that has arrived. Returns its name.

        With ``duration`` it goes on by itself, otherwise after `Resume Node` or `Heal Faults`.

        Fails when the node is down.

        Example:
        | `Pause Node` | leader of shard 1 | duration=3s |
        """
        return self._fail_node("pause node", "paused", node, at, duration)

    @keyword(tags=("fault",))
    def resume_node(self, node: NodeRef, *, at: VirtualTime = NOW) -> None:
        """Lets a paused node go on.

        Fails when the node is not paused.

        Example:
        | `Resume Node` | n2 |
        """
        cluster = self._cluster
        nodes = cluster.perform("resume node", node.text, at=at)
        cluster.tell(f"resumed {', '.join(nodes)}" if nodes else f"will resume {node} at {at}")

    @keyword(tags=("fault",))
    def isolate_node(
        self,
        node: NodeRef,
        *,
        direction: Literal["both", "in", "out"] = "both",
        at: VirtualTime = NOW,
        duration: VirtualTime = UNTIL_HEALED,
    ) -> str:
        """Cuts a node off from all others. Returns its name.

        ``direction`` loses only what it sends (``out``), only what is sent to it (``in``), or both.
        Its clients still reach it. What is under way at that moment is lost.

        Example:
        | ${old} = | `Isolate Node` | leader of shard 1 | duration=10s |
        """
        how = {"both": "isolated", "in": "cut what goes to", "out": "cut what comes from"}[direction]
        given = None if direction == "both" else direction
        return self._fail_node("isolate node", how, node, at, duration, direction=given)

    @keyword(tags=("fault",))
    def skew_clock(
        self,
        node: NodeRef,
        *,
        offset: ClockOffset = _NO_OFFSET,
        drift: Drift = _NO_DRIFT,
        at: VirtualTime = NOW,
        duration: VirtualTime = UNTIL_HEALED,
    ) -> str:
        """Sets a node's clock wrong: its wall clock by an offset, and the speed of all its clocks by a drift.

        Both may be negative. Healed, the wall clock is set right again. Returns the node's name.

        Example:
        | `Skew Clock` | n2 | offset=-200 ms | drift=2 % |
        """
        if not offset.ns and not drift.ppm:
            raise InvalidInput("a clock that is skewed by nothing is right: give offset= or drift=")
        how = f"skewed by {offset} and {drift.ppm / 10_000:+g} % the clock of"
        return self._fail_node(
            "skew clock", how, node, at, duration, offset_ns=offset.ns or None, drift_ppm=drift.ppm or None
        )

    @keyword(tags=("fault",))
    def partition_network(
        self,
        sides: Sides,
        *,
        direction: Literal["both", "forward", "backward"] = "both",
        flapping: VirtualTime = NEVER,
        at: VirtualTime = NOW,
        duration: VirtualTime = UNTIL_HEALED,
    ) -> None:
        """Cuts the network into sides. What is under way between them at that moment is lost.

        ``direction=forward`` loses only what goes from an earlier side to a later one, ``backward`` only the other way.
        ``flapping`` is a period: the cut holds for its first half and is mended for the second, over and over. Clients
        still reach the node they stand beside. Afterwards, ``minority`` and ``majority`` mean the sides of this
        partition. Ends with `Heal Network`, or by itself after ``duration``.

        Fails when a node is named twice or a side is empty.

        Example:
        | `Partition Network` | leader of shard 1, follower of shard 1 | rest |
        | `Partition Network` | halves | flapping=2s | duration=20s |
        """
        cluster = self._cluster
        led = cluster.roles()
        flapping_ns = flapping.or_none(NEVER)
        if flapping_ns == 0:
            raise InvalidInput("flapping=0s is no period: write a time above 0, such as 2s")
        partition = cluster.perform(
            "partition network",
            sides.text,
            at=at,
            duration=duration,
            direction=None if direction == "both" else direction,
            flapping_ns=flapping_ns,
        )
        if partition is None:
            cluster.tell(f"will partition the network into {sides} at {at}")
            return
        from PhantomLibrary.keywords.cluster import with_roles

        shown = " | ".join(with_roles(side, led) for side in partition.sides) or sides.text
        way = "" if direction == "both" else f", {direction} only"
        often = "" if flapping_ns is None else f", flapping every {flapping}"
        cluster.tell(f"partitioned the network: {shown}{way}{often}{_until(duration)}")

    @keyword(tags=("fault",))
    def drop_messages(
        self,
        kind: str = "all",
        *,
        source: Nodes = ALL,
        target: Nodes = ALL,
        probability: Percent = _ALWAYS,
        at: VirtualTime = NOW,
        duration: VirtualTime = UNTIL_HEALED,
    ) -> None:
        """Loses messages of one kind between nodes, each with a probability.

        ``kind`` is the name of a message, such as ``append entries`` or ``request vote``, or ``all``.

        Fails when no message goes by that name, or the probability is nothing.

        Example:
        | `Drop Messages` | append entries | source=n1 | probability=30% | duration=5s |
        """
        from PhantomLibrary.testbed.message_kinds import check_kind

        cluster = self._cluster
        check_kind(kind)
        if not probability.ppm:
            raise InvalidInput(f"a probability of {probability} drops nothing: write a share above 0 %")
        arguments = {"kind": kind, "probability_ppm": probability.ppm}
        pairs = self._fault_of_links(cluster, "drop messages", source, target, at, duration, arguments)
        what = "all messages" if kind == "all" else f"{kind} messages"
        cluster.tell(
            f"{_will(pairs, at)}drop {probability.ppm / 10_000:g} % of {what} {source} > {target}{_until(duration)}"
        )

    @keyword(tags=("fault",))
    def delay_messages(
        self,
        kind: str = "all",
        *,
        by: VirtualTime,
        doubled: bool = False,
        source: Nodes = ALL,
        target: Nodes = ALL,
        probability: Percent = _ALWAYS,
        at: VirtualTime = NOW,
        duration: VirtualTime = UNTIL_HEALED,
    ) -> None:
        """Holds messages of one kind back for a time, each with a probability; all that follows passes them.

        With ``doubled`` a message comes as it would, and once more so much later. What was sent before the fault ends
        still comes late. ``kind`` is as in `Drop Messages`.

        Fails when no message goes by that name, and when the delay or the probability is nothing.

        Example:
        | `Delay Messages` | commit | by=5s | source=n1 | duration=1s |
        """
        from PhantomLibrary.testbed.message_kinds import check_kind

        cluster = self._cluster
        check_kind(kind)
        delay_ns = by.or_none(NOW)
        if not delay_ns:
            raise InvalidInput(f"by={by} delays nothing: write a time above 0 s, such as 5s")
        if not probability.ppm:
            raise InvalidInput(f"a probability of {probability} delays nothing: write a share above 0 %")
        arguments = {"kind": kind, "delay_ns": delay_ns, "doubles": doubled, "probability_ppm": probability.ppm}
        pairs = self._fault_of_links(cluster, "delay messages", source, target, at, duration, arguments)
        what = "all messages" if kind == "all" else f"{kind} messages"
        how = f"double, {by} later," if doubled else f"delay by {by}"
        share = f"{probability.ppm / 10_000:g} %"
        cluster.tell(f"{_will(pairs, at)}{how} {share} of {what} {source} > {target}{_until(duration)}")

    @keyword(tags=("fault",))
    def set_link(
        self,
        source: Nodes,
        target: Nodes,
        *,
        latency: VirtualTime = UNCHANGED,
        jitter: VirtualTime = UNCHANGED,
        loss: Percent = UNCHANGED_SHARE,
        duplicate: Percent = UNCHANGED_SHARE,
        reorder: Percent = UNCHANGED_SHARE,
        bandwidth: Rate = UNCHANGED_RATE,
        at: VirtualTime = NOW,
        duration: VirtualTime = UNTIL_HEALED,
    ) -> None:
        """Changes the links from nodes to nodes, one way. What is not named stays as it is.

        ``latency`` is one-way, ``jitter`` a random time on top, ``loss``, ``duplicate`` and ``reorder`` are shares
        of the messages, ``bandwidth`` is a rate such as 2MB/s. Ends with `Heal Network`, or by itself after
        ``duration``.

        Fails when nothing would change, or a node is named as its own target.

        Example:
        | `Set Link` | n1 | n2, n3 | latency=80 ms | loss=1 % |
        """
        cluster = self._cluster
        arguments = {
            "latency_ns": latency.or_none(UNCHANGED),
            "jitter_ns": jitter.or_none(UNCHANGED),
            "loss_ppm": loss.ppm,
            "duplicate_ppm": duplicate.ppm,
            "reorder_ppm": reorder.ppm,
            "bandwidth": bandwidth.bandwidth(),
        }
        if all(value is None for value in arguments.values()):
            raise InvalidInput(
                "nothing would change: give latency=, jitter=, loss=, duplicate=, reorder= or bandwidth="
            )
        pairs = self._fault_of_links(cluster, "set link", source, target, at, duration, arguments)
        named = {"latency": latency, "jitter": jitter, "loss": loss, "duplicate": duplicate, "reorder": reorder}
        changes = [
            f"{name}={value}" for name, value in {**named, "bandwidth": bandwidth}.items() if str(value) != "unchanged"
        ]
        cluster.tell(f"{_will(pairs, at)}set links {source} > {target}: {', '.join(changes)}{_until(duration)}")

    @keyword(tags=("fault",))
    def heal_network(self) -> None:
        """Heals all faults of the network: partitions, isolated nodes, dropped and delayed messages, changed links.

        Example:
        | `Heal Network` |
        """
        cluster = self._cluster
        healed = cluster.perform("heal network")
        cluster.tell(f"healed the network ({healed} fault{'s' if healed != 1 else ''})")

    @keyword(tags=("fault",))
    def heal_faults(self, *targets: NodeRef) -> None:
        """Heals the faults of nodes, those of their links included; without a target, all. Crashed nodes restart.

        Example:
        | `Heal Faults` |
        | `Heal Faults` | n1 | n3 |
        """
        cluster = self._cluster
        target = ", ".join(each.text for each in targets)
        healed = cluster.perform("heal faults", target)
        where = f" of {target}" if target else ""
        cluster.tell(f"healed {healed} fault{'s' if healed != 1 else ''}{where}")

    # --- what they have in common -----------------------------------------------------------------------------------

    def _fail_node(
        self, verb: str, did: str, node: NodeRef, at: VirtualTime, duration: VirtualTime, **arguments: Any
    ) -> str:
        return fail_nodes(self._cluster, verb, did, node, at, duration, **arguments)

    @staticmethod
    def _fault_of_links(
        cluster: Cluster,
        verb: str,
        source: Nodes,
        target: Nodes,
        at: VirtualTime,
        duration: VirtualTime,
        arguments: dict[str, Any],
    ) -> object:
        ends = {"source": source.text, "target": target.text}
        return cluster.perform(verb, "", at=at, duration=duration, **ends, **arguments)


def _will(performed: object, at: VirtualTime) -> str:
    return f"at {at} will " if performed is None else ""


def _until(duration: VirtualTime) -> str:
    return "" if duration == UNTIL_HEALED else f" for {duration}"


def fail_nodes(
    cluster: Cluster,
    verb: str,
    did: str,
    node: NodeRef,
    at: VirtualTime,
    duration: VirtualTime,
    **arguments: Any,
) -> str:
    """Do something to nodes, log it with the roles that they had, and return their names."""
    from PhantomLibrary.keywords.cluster import with_roles

    led = cluster.roles()
    nodes: Sequence[str] | None = cluster.perform(verb, node.text, at=at, duration=duration, **arguments)
    if nodes is None:
        cluster.tell(f"{verb} {node} is to come at {at}{_until(duration)}")
        return node.text
    cluster.tell(f"{did} {with_roles(nodes, led)}{_until(duration)}")
    return ", ".join(nodes)
