"""Keywords of disks: they fail, and what they hold is judged."""

from __future__ import annotations

from typing import Literal

from robotlibcore import keyword

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.keywords.choices import DiskFault
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.fault_keywords import fail_nodes
from PhantomLibrary.keywords.node_names import NodeRef
from PhantomLibrary.keywords.quantities import Count, Percent
from PhantomLibrary.keywords.times import NOW, UNTIL_HEALED, VirtualTime, in_seconds, to_virtual_time

_FIRST = Count(1)
_DRAWN = Count(0, "drawn")
_AT_OCCURRENCE = Percent(None, "at the occurrence")
_NO_DELAY = VirtualTime("none", None)
_TEN_SECONDS = to_virtual_time("10s")


class DiskKeywords(Component):
    """Keywords of disks."""

    @keyword(tags=("fault",))
    def fail_disk(
        self,
        node: NodeRef,
        fault: DiskFault,
        *,
        operation: Literal["any", "append", "replace", "sync", "read"] = "any",
        file: str = "any",
        occurrence: Count = _FIRST,
        probability: Percent = _AT_OCCURRENCE,
        record: Count = _DRAWN,
        onto: str = "any",
        delay: VirtualTime = _NO_DELAY,
        survivable: bool = True,
        at: VirtualTime = NOW,
        duration: VirtualTime = UNTIL_HEALED,
    ) -> str:
        """Breaks the disk of a node. Returns the node's name.

        These last from the n-th operation (``occurrence``) until they are healed: ``stall`` lets no sync come back,
        ``slow`` lets each take ``delay`` longer, ``lost fsync`` calls durable what is not (the next crash takes it),
        ``full`` takes no write.

        These strike once, at the n-th operation, or with a ``probability`` at each: ``io error`` lets a write or sync
        fail (or a read, with ``operation=read``), ``misdirected write`` lets a write land elsewhere, or ``onto`` a
        file, ``torn write`` lets a crash keep a part of what was not synced, ``bit rot`` flips a bit. Without an
        ``operation``, a bit rots at once, in the file, in its ``record`` or anywhere.

        ``operation`` is ``append``, ``replace``, ``sync`` or ``read``; ``file`` is ``log``, or ``vote-1`` or
        ``snapshot-1`` for the vote or the snapshot of shard 1.

        Fails for a fault that no disk has, an unknown file, and damage to so many replicas of a shard that none could
        bring it back, unless ``survivable=no`` asks for just that.

        Example:
        | `Fail Disk` | leader of shard 1 | stall | duration=30s |
        | `Fail Disk` | n2 | io error | operation=sync | occurrence=3 |
        | `Fail Disk` | n3 | bit rot | file=log | record=5 |
        """
        if probability.ppm == 0:
            raise InvalidInput(f"a probability of {probability} strikes nothing: write a share above 0 %")
        return fail_nodes(
            self._cluster,
            "fail disk",
            f"began {fault}{_aim(operation, file, occurrence, probability, record)} on the disk of",
            node,
            at,
            duration,
            fault=fault.word,
            operation=None if operation == "any" else operation,
            file=None if file == "any" else file,
            occurrence=None if occurrence == _FIRST else occurrence.number,
            probability_ppm=probability.ppm,
            record=None if record == _DRAWN else record.number,
            onto=None if onto == "any" else onto,
            delay_ns=delay.or_none(_NO_DELAY),
            survivable=None if survivable else False,
        )

    @keyword(tags=("assertion", "check"))
    def disks_should_be_intact(self, *, within: VirtualTime = _TEN_SECONDS) -> None:
        """Lets virtual time go on until no file on a disk is damaged, and every replica that was damaged is repaired.

        Nodes that are down are not looked at. What rots on the disk of a node that runs is found when it reads its
        files back in turn; what is found at a start, other replicas bring back.

        Fails when a node does not hold what it should within that time, and says which and why.

        Example:
        | `Fail Disk` | n2 | bit rot | file=log |
        | `Disks Should Be Intact` |
        """
        from PhantomLibrary.testbed.disks import disk_gap

        cluster = self._cluster
        run = cluster.run
        within_ns = within.or_none(NOW) or 0
        if not cluster.advance(within_ns, lambda: not disk_gap(run)):
            cluster.fail("DSK-001", f"not whole within {in_seconds(within_ns)}, by {cluster.now}: {disk_gap(run)}")
        found = len(run.watch.damage)
        cluster.tell(f"all nodes hold what they should ({found} findings and repairs so far)")

    @keyword(tags=("assertion", "check"))
    def bit_rot_should_be_repaired(
        self, node: NodeRef, *, file: str = "log", every: Count = _FIRST, within: VirtualTime = _TEN_SECONDS
    ) -> int:
        """Lets one bit of each n-th record of a file rot, one after the other. Returns how many records that were.

        After each, the node crashes and comes back, has to notice the damage, and has to hold all again ``within``
        that time. Give the cluster little data: each record takes about a second of virtual time.

        Fails when damage goes unnoticed, or is not repaired in time.

        Example:
        | ${records} = | `Bit Rot Should Be Repaired` | follower of shard 1 | file=log | every=5 |
        """
        from PhantomLibrary.testbed.rot import rot_each_record
        from PhantomLibrary.testbed.targets import resolve_node

        cluster = self._cluster
        cluster.check_may_change()
        within_ns = within.or_none(NOW) or 0
        name = resolve_node(node.text, cluster.run)
        records, gap = cluster.do_unbroken(
            lambda: rot_each_record(cluster.run, name, file, every=every.number, within_ns=within_ns)
        )
        cluster.check_invariants()
        if gap:
            cluster.fail("DSK-001", f"record {records} of {file} on {name} rotted: {gap}")
        cluster.tell(f"{records} records of {file} on {name} rotted, were noticed and repaired")
        return records


def _aim(operation: str, file: str, occurrence: Count, probability: Percent, record: Count) -> str:
    """Say what a fault is aimed at, as far as somebody chose it."""
    chosen = (
        "" if operation == "any" else f" at {operation}",
        "" if file == "any" else f" of {file}",
        "" if occurrence == _FIRST else f" number {occurrence}",
        "" if probability == _AT_OCCURRENCE else f" in {probability} of all cases",
        "" if record == _DRAWN else f" in record {record}",
    )
    return "".join(chosen)
