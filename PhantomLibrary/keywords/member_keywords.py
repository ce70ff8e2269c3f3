"""Keywords by which nodes join and leave, and that tell whether everybody knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from robotlibcore import keyword

from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.node_names import ALL, NodeRef, Nodes
from PhantomLibrary.keywords.times import NOW, VirtualTime, in_seconds, to_virtual_time

if TYPE_CHECKING:
    from PhantomLibrary.keywords.cluster import Cluster
    from PhantomLibrary.testbed.members import Wish

_CHANGE_NS_MAX = 60_000_000_000
_TEN_SECONDS = to_virtual_time("10s")
_HALF_MINUTE = to_virtual_time("30s")
_SHORT = to_virtual_time("300 ms")
_ONE_ELECTION = to_virtual_time("2s")


class MemberKeywords(Component):
    """Keywords of membership."""

    @keyword(tags=("cluster",))
    def add_node(self, node: str = "next", *, zone: str = "any", size: str = "medium", wait: bool = True) -> str:
        """Adds a node to the cluster, and returns its name.

        ``next`` takes the first name that is free. A node that was removed before may be named: it begins anew, and
        whatever its disk holds is given up; if it is down it is started. ``zone=any`` takes the zone with the fewest
        nodes; ``size`` is one of the topology's. The new node asks its way in, is *joining* until it has reported, and
        is given replicas where shards lack some. Waits until it is active, unless ``wait=no``.

        Fails when the node is a member already, when the zone or size is unknown, and when it is not active in time.

        Example:
        | ${new} = | `Add Node` | zone=a |
        | `Add Node` | n3 |
        """
        cluster = self._cluster
        name = " ".join(node.split())
        if name != "next":
            _check_name(name)
        wish = cluster.perform("add node", name, zone=zone, size=size)
        cluster.tell(f"adds {wish.node}")
        if wait:
            _wait(cluster, wish, "active")
        return str(wish.node)

    @keyword(tags=("cluster",))
    def decommission_node(self, node: NodeRef, *, wait: bool = True) -> None:
        """Takes a node out of the cluster in good order: leadership first, then replicas, then the node.

        Its clients go elsewhere at once. The node keeps each replica until another one has caught up, so nothing is
        lost and every shard keeps all its replicas. Waits until it is removed, unless ``wait=no``.

        Fails when the node is no member, is down, or cannot be spared: when too few nodes would be left for the
        replicas, or a shard would lose its quorum.

        Example:
        | `Decommission Node` | n3 |
        """
        cluster = self._cluster
        wish = cluster.perform("decommission node", node.text)
        cluster.tell(f"decommissions {wish.node}")
        if wait:
            _wait(cluster, wish, "removed")

    @keyword(tags=("cluster",))
    def remove_node(self, node: NodeRef, *, wait: bool = True) -> None:
        """Takes a node out of the cluster at once, as one does with a machine that will not come back.

        Its replicas are given up, and replaced on other nodes that can take them. If it does come back, the others tell
        it that it was removed; `Add Node` lets it begin anew. Waits until no shard counts on it, unless ``wait=no``.

        Fails when the node is no member, and when a shard would lose its quorum or its only replica.

        Example:
        | ${lost} = | `Crash Node` | follower of shard 1 |
        | `Remove Node` | ${lost} |
        """
        cluster = self._cluster
        wish = cluster.perform("remove node", node.text)
        cluster.tell(f"removes {wish.node}")
        if wait:
            _wait(cluster, wish, "removed")
            run = cluster.run
            _wait_for(
                cluster,
                lambda: all(wish.node not in run.configuration(shard).members for shard in run.shard_ids),
                lambda: f"{wish.node} is still a member of some shard",
            )

    @keyword(tags=("cluster",))
    def restart_nodes_in_turn(
        self, nodes: Nodes = ALL, *, down: VirtualTime = _SHORT, unavailable: VirtualTime = _ONE_ELECTION
    ) -> int:
        """Restarts nodes one after the other, as a rolling upgrade does, and waits for all shards after each.

        ``down`` is how long each node is down. Returns the longest time, in milliseconds, for which no operation of any
        workload was confirmed meanwhile.

        Fails when that is longer than ``unavailable``, when no workload runs that could tell, and when the cluster does
        not recover from a restart.

        Example:
        | `Start Workload` | register | rate=200/s |
        | `Restart Nodes In Turn` | unavailable=1500 ms |
        """
        from PhantomLibrary.errors import InvalidState
        from PhantomLibrary.testbed.availability import longest_outage
        from PhantomLibrary.testbed.judge import Recovery
        from PhantomLibrary.testbed.targets import resolve_nodes

        cluster = self._cluster
        run = cluster.run
        if not any(each.is_running for each in run.workloads.values()):
            raise InvalidState("no workload runs that would notice an outage: begin with Start Workload")
        since_ns, down_ns = run.now_ns, down.or_none(NOW) or 0
        removed = run.removed_nodes()
        for node in [each for each in resolve_nodes(nodes.text, run) if each not in removed]:
            cluster.perform("crash node", node)
            cluster.advance(down_ns)
            cluster.perform("restart node", node)
            recovery = Recovery(run)
            if not cluster.advance(_CHANGE_NS_MAX, recovery):
                cluster.fail("REC-001", f"after the restart of {node}, {recovery.gap()}")
            cluster.tell(f"restarted {node}")
        outage_ns, at_ns = longest_outage(run.recorder.events, since_ns, run.now_ns)
        bound_ns = unavailable.or_none(NOW) or 0
        if outage_ns > bound_ns:
            cluster.fail(
                "AVL-001",
                f"nothing was confirmed for {in_seconds(outage_ns)} from t={in_seconds(at_ns)} on, longer than the "
                f"{in_seconds(bound_ns)} that the restarts may cost",
            )
        return outage_ns // 1_000_000

    @keyword(tags=("assertion", "check"))
    def cluster_state_should_be_consistent(self, *, within: VirtualTime = _TEN_SECONDS) -> None:
        """Lets time go on until all live members hold the cluster to be the same, and it is as they hold it.

        That is: who its members are, which nodes hold which shard at which epoch, in the directory and in the gateway
        of every node; and that each node holds the replicas that the shards' configurations give it, and no other. A
        node that has crashed stays a member.

        Fails with the first difference when there is one at the end of that time.

        Example:
        | `Decommission Node` | n3 |
        | `Cluster State Should Be Consistent` | within=5s |
        """
        from PhantomLibrary.testbed.membership_judge import judge_consistency

        cluster = self._cluster
        run = cluster.run
        within_ns = within.or_none(NOW) or 0
        cluster.advance(within_ns, lambda: judge_consistency(run).outcome == "valid")
        verdict = judge_consistency(run)
        if verdict.outcome != "valid":
            cluster.fail_with(verdict, after=in_seconds(within_ns))
        cluster.tell(f"{verdict.operations} nodes agree on members, shards and epochs")

    @keyword(tags=("assertion", "check"))
    def shards_should_be_whole(self, *, within: VirtualTime = _HALF_MINUTE) -> int:
        """Lets time go on until each shard has all its replicas on active nodes that run. Returns how long that took.

        All its replicas are as many as the cluster was started with, or as there are nodes if these are fewer. The time
        is in milliseconds.

        Fails with the shard that lacks one, or is still being changed, at the end of that time.

        Example:
        | `Remove Node` | n2 |
        | `Shards Should Be Whole` | within=20s |
        """
        from PhantomLibrary.testbed.membership_judge import missing_replica

        cluster = self._cluster
        run = cluster.run
        since_ns, within_ns = run.now_ns, within.or_none(NOW) or 0
        if not cluster.advance(within_ns, lambda: not missing_replica(run)):
            cluster.fail("MEM-003", f"{missing_replica(run)}, after {in_seconds(within_ns)}")
        took_ms = (run.now_ns - since_ns) // 1_000_000
        cluster.tell(f"each shard has all its replicas, after {took_ms} ms")
        return took_ms


def _check_name(name: str) -> None:
    from PhantomLibrary.errors import InvalidInput
    from PhantomLibrary.testbed.targets import NODE_NAME

    if not NODE_NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} is no name for a node: write one such as n4, or next")


def _wait(cluster: Cluster, wish: Wish, standing: str) -> None:
    from PhantomLibrary.domain import Ok

    run, task = cluster.run, wish.task
    _wait_for(cluster, lambda: task.is_done, lambda: f"shard 0 has not answered what becomes of {wish.node}")
    answer = task.result
    if not isinstance(answer, Ok):
        cluster.fail("MEM-001", f"shard 0 did not decide on {wish.node}: {answer.reason}")
    if answer.value:
        cluster.fail("MEM-001", str(answer.value))
    _wait_for(
        cluster,
        lambda: run.directory().standing(wish.node) == standing,
        lambda: f"{wish.node} is {run.directory().standing(wish.node)}, not {standing}",
    )
    cluster.tell(f"{wish.node} is {standing}")


def _wait_for(cluster: Cluster, condition: Callable[[], bool], problem: Callable[[], str]) -> None:
    if not cluster.advance(_CHANGE_NS_MAX, condition):
        cluster.fail("MEM-001", f"{problem()}, after {in_seconds(_CHANGE_NS_MAX)}")
