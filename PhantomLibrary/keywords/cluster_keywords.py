"""Keywords that start and stop a cluster, and that look at its nodes and leaders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from robot.api import logger
from robotlibcore import keyword

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.keywords.choices import ACTIVE, ANY_STATE, NO_OPERATOR, NodeState, Operator
from PhantomLibrary.keywords.comparison import expect
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.lifetime import planted_everywhere
from PhantomLibrary.keywords.node_names import NO_NAMES, Names, NodeRef
from PhantomLibrary.keywords.quantities import AS_TOPOLOGY, AUTO, Count, Seed
from PhantomLibrary.keywords.region_words import described_policy, region_wish
from PhantomLibrary.keywords.times import AS_TOPOLOGY as TIME_OF_TOPOLOGY
from PhantomLibrary.keywords.times import NOW, VirtualTime
from PhantomLibrary.keywords.wanted import Wanted

if TYPE_CHECKING:
    from PhantomLibrary.testbed.run import Run
    from PhantomLibrary.testbed.schedule import Schedule

_DEFAULT_SHARDS = Count(1)
_DEFAULT_REPLICAS = Count(3)  # By identity: who writes 3 gets 3 or an error, who writes nothing gets what fits.


class ClusterKeywords(Component):
    """Keywords of the cluster as a whole."""

    @keyword(tags=("cluster",))
    def start_cluster(
        self,
        topology: str = "three-nodes",
        *,
        nodes: Count = AS_TOPOLOGY,
        shards: Count = _DEFAULT_SHARDS,
        replicas: Count = _DEFAULT_REPLICAS,
        placement: Literal["as topology", "range", "hash", "consistent-hash", "directory"] = "as topology",
        replication: Literal["as topology", "synchronous", "semi-synchronous", "asynchronous"] = "as topology",
        conflicts: Literal["as topology", "last writer wins", "multi value", "custom"] = "as topology",
        primary: str = "",
        writable: Names = NO_NAMES,
        merge: str = "",
        lag_max: VirtualTime = TIME_OF_TOPOLOGY,
        fail_over_after: VirtualTime = TIME_OF_TOPOLOGY,
        fail_back_after: VirtualTime = TIME_OF_TOPOLOGY,
        leaders: str = "",
        seed: Seed = AUTO,
        defects: Names = NO_NAMES,
    ) -> str:
        """Starts a cluster at virtual time 0 and returns its seed, as text.

        ``topology`` is built in (``three-nodes``, ``five-nodes``, ``twenty-nodes``, ``three-small-nodes``,
        ``three-regions``) or the path of a YAML file. ``nodes`` repeats the topology's nodes in turn, as n1, n2 and
        so on. The keys are spread over ``shards`` 1, 2 and so on; shard 0 holds the shard map. Each shard has
        ``replicas`` replicas, or as many as there are nodes where that is less than the default, in as many regions
        and zones as there can be, with leaders in the region ``leaders`` as long as replicas there are well.

        ``placement``, unless the topology says it: ``range`` divides the keys k0 to k99 evenly and ``hash`` all hashes
        of keys, both on nodes in turn; ``consistent-hash`` puts ranges of hashes on the nodes that come next on a ring;
        ``directory`` goes by the topology's table.

        With a ``replication`` each region has a copy of all data; see `Regions` for this and what comes with it.

        The seed decides everything random; see `Seeds`. ``defects`` plants known defects, else those of ``${DEFECTS}``,
        to see which tests catch them. With ``${ORDER}``, such as ``pct:7``, the same run takes another order of events
        (see `For Each Schedule`).

        The cluster belongs to the test, and is stopped at its end; one that is started in a suite's setup can be
        read by all tests of the suite. Another cluster of the same test ends the one before. Leaders are elected
        when time goes on, in about a second.

        Fails when the topology is unknown or malformed, or cannot carry what is asked for.

        Example:
        | `Start Cluster` | nodes=5 | shards=4 |
        """
        said = {"replication": replication, "conflicts": conflicts, "merge": merge}
        times = {"lag_max_ns": lag_max, "fail_over_after_ns": fail_over_after, "fail_back_after_ns": fail_back_after}
        regions = region_wish(said, primary, writable, times)
        fits = None if replicas is _DEFAULT_REPLICAS else replicas.number
        knobs = {} if placement == "as topology" else {"placement": placement}
        planted = (defects if defects.names else planted_everywhere()).names
        base = Wanted(topology, nodes, shards.number, fits, regions, leaders, knobs, planted, self._clusters.order)
        cluster = self._clusters.start(base.spec, seed)
        run = cluster.run
        cluster.tell(f"started {len(run.node_names)} nodes ({run.spec.topology}), {_described(run)}")
        return str(run.spec.seed)

    @keyword(tags=("cluster",))
    def replay_schedule(self, schedule: str) -> str:
        """Does a recorded run again, to its end, and returns the digest of its trace.

        ``schedule`` is the path of a ``schedule.yaml`` from a test's artifacts. Afterwards the cluster stands where
        that run ended, and can be judged, or driven on, as any other.

        Fails when the file is no schedule, and when the trace is not that of the recorded run.

        Example:
        | `Replay Schedule` | results/phantom/Suite.Test/schedule.yaml |
        | `History Should Be` | linearizable |
        """
        from PhantomLibrary.testbed.replay import replay_commands

        recorded = _read_schedule(schedule)
        cluster = self._clusters.start(lambda _number: recorded.run, Seed(recorded.run.seed))
        cluster.do_unbroken(lambda: replay_commands(cluster.run, recorded))
        digest = cluster.run.finish().digest
        cluster.tell(f"replayed {len(recorded.commands)} commands of {schedule}, digest {digest}")
        if recorded.digest and recorded.digest != digest:
            cluster.fail("RPY-001", f"the replay of {schedule} has digest {digest}, recorded was {recorded.digest}")
        return digest

    @keyword(tags=("cluster",))
    def stop_cluster(self) -> None:
        """Stops the cluster and writes its artifacts; what the end of the test does otherwise.

        Fails when no cluster runs, and in a test when the cluster belongs to the suite.

        Example:
        | `Stop Cluster` |
        """
        self._clusters.stop()

    @keyword(tags=("cluster",))
    def restart_node(self, node: NodeRef, *, disk: Literal["kept", "wiped"] = "kept", at: VirtualTime = NOW) -> None:
        """Starts a node that is down, with what its disk holds, or with an empty disk (``disk=wiped``).

        With a wiped disk, a node takes part in no vote until a change of membership readmits it.

        Fails when the node runs.

        Example:
        | ${old} = | `Crash Node` | leader of shard 1 |
        | `Restart Node` | ${old} |
        """
        cluster = self._cluster
        nodes = cluster.perform("restart node", node.text, at=at, disk=disk if disk == "wiped" else None)
        wiped = " with a wiped disk" if disk == "wiped" else ""
        cluster.tell(f"restarted {', '.join(nodes)}{wiped}" if nodes else f"will restart {node} at {at}{wiped}")

    @keyword(tags=("cluster", "getter"))
    def get_leader(
        self, shard: int = 1, operator: Operator = NO_OPERATOR, expected: str = "", *, within: VirtualTime = NOW
    ) -> str:
        """Returns the node that leads a shard; with an operator, checks it first.

        ``within`` lets virtual time go on until it is as expected. Without an operator, waits for any leader.

        Fails when there is no leader, whatever the operator, unless an empty one is expected; or when it is another
        than expected.

        Example:
        | ${leader} = | `Get Leader` | 1 |
        | `Get Leader` | 1 | != | ${old} | within=2s |
        """
        cluster = self._cluster
        cluster.check_shard(shard)

        def read() -> str:
            return cluster.run.leader(shard)

        comparison, wanted = (operator, expected) if operator.word else (Operator("!="), "")
        return str(expect(cluster, f"leader of shard {shard}", read, comparison, wanted, within, needed=True))

    @keyword(tags=("cluster", "getter"))
    def get_node_count(
        self,
        state: NodeState = ACTIVE,
        operator: Operator = NO_OPERATOR,
        expected: int = 0,
        *,
        within: VirtualTime = NOW,
    ) -> int:
        """Returns how many nodes are in a state; with an operator, checks it first.

        The state is what most of the other nodes that run hold of a node: ``active``, ``suspect`` when it does not
        answer, ``down`` when it has not for long. So it follows a crash or a restart after some seconds only:
        give it time by ``within``. Of ``paused`` nodes the cluster knows nothing; that is the state that the test
        has put them into.

        ``within`` lets virtual time go on until it is as expected.

        Fails when it is not as expected.

        Example:
        | `Crash Node` | n2 |
        | `Get Node Count` | down | == | 1 | within=5s |
        """
        cluster = self._cluster
        subject = f"number of {state} nodes" if state != ANY_STATE else "number of nodes"
        return int(expect(cluster, subject, lambda: len(_in_state(cluster.run, state)), operator, expected, within))

    @keyword(tags=("cluster", "getter"))
    def get_nodes(
        self,
        state: NodeState = ANY_STATE,
        operator: Operator = NO_OPERATOR,
        expected: Names = NO_NAMES,
        *,
        within: VirtualTime = NOW,
    ) -> list[str]:
        """Returns the names of the nodes in a state, as a list; with an operator, checks it first.

        The state is what most of the other nodes that run hold of a node, as for `Get Node Count`.
        Names are compared in any order; ``contains`` asks for all expected names to be among them. ``within`` lets
        virtual time go on until it is as expected.

        Fails when it is not as expected.

        Example:
        | `Get Nodes` | active | == | n1, n3, n4 | within=5s |
        """
        cluster = self._cluster
        subject = f"set of {state} nodes" if state != ANY_STATE else "set of nodes"
        found = expect(cluster, subject, lambda: _in_state(cluster.run, state), operator, expected.names, within)
        return list(found)

    @keyword(tags=("cluster",))
    def log_cluster_state(self) -> None:
        """Writes one table into the log: nodes, their states, roles and terms by shard, and the faults in force.

        Example:
        | `Log Cluster State` |
        """
        from PhantomLibrary.keywords.state_table import render_state

        html, text = render_state(self._cluster.run)
        logger.info(html, html=True)
        logger.debug(text)


def _described(run: Run) -> str:
    spec, policy = run.spec, run.layout.regions
    planted = f", defects {', '.join(spec.defects)}" if spec.defects else ""
    shards = f"{spec.shards} {'shard' if spec.shards == 1 else 'shards'} of {spec.replicas} replicas"
    order = "" if spec.order is None else f", order {spec.order}"
    regions = "" if policy is None else f" in each of {', '.join(policy.members)}, {described_policy(policy)}"
    return f"{shards}{regions}, seed {spec.seed}{order}{planted}"


def _in_state(run: Run, state: NodeState) -> list[str]:
    """Return the nodes of which most others hold this; `paused` is known to nobody but the test."""
    from PhantomLibrary.testbed.health import common_view

    if state == ANY_STATE:
        return run.node_names
    if state.word == "paused":
        return [name for name, host in run.world.nodes.items() if host.state.value == "paused"]
    if state.word in ("joining", "decommissioning", "removed"):
        return [name for name in run.node_names if run.node_state(name) == state.word]
    return [name for name in run.node_names if common_view(run, name) == state.word]


def _read_schedule(path: str) -> Schedule:
    from PhantomLibrary.testbed.schedule import read_schedule

    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"schedule {path} cannot be read: {error}") from None
    return read_schedule(text, path)
