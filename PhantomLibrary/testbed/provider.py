"""The provider of machines: stands outside the cluster, asks shard 0 how many nodes there are to be, and sees to it.

It asks as any client does, once a second, and does not wait for one answer before it asks again, so answers may come
late and in another order: it goes by the plan of the highest epoch, and by no earlier one. A machine takes its time to
start; until then it counts, and is given up if the plan does without it. Machines of nodes that were removed are
switched off.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from PhantomLibrary.domain import SECOND_NS, ChangeMember, NodeId, Ok
from PhantomLibrary.domain.scaling import GetScale, Wanted
from PhantomLibrary.kernel.tasks import Task, sleep
from PhantomLibrary.testbed.operator import Operator
from PhantomLibrary.testbed.sessions import SessionPool
from PhantomLibrary.workloads.recorder import HistoryRecorder
from PhantomLibrary.world.topology import NodeSpec
from PhantomLibrary.world.world import World

_POLL_NS = SECOND_NS
_PATIENCE_NS = 15 * SECOND_NS  # After that, a machine that is no member yet asks for admission again.
_decode = msgspec.json.Decoder(Wanted).decode


class Machine(Struct):
    """A machine that was ordered by the plan of an epoch, which wanted so many nodes, and what became of it."""

    spec: NodeSpec
    epoch: int
    wanted: int
    counted: int  # How many there were with it.
    ordered_ns: int
    asked_ns: int = 0  # When it asked for admission the last time; 0 before it has started.
    is_given_up: bool = False


class MachineProvider:
    """Starts and stops machines for one cluster. `machines` are all that it ever ordered, in their order."""

    def __init__(
        self, world: World, sessions: SessionPool, operator: Operator, recorder: HistoryRecorder, boot_ns: int
    ) -> None:
        self._world = world
        self._scheduler = world.scheduler
        self._sessions = sessions
        self._operator = operator
        self._recorder = recorder
        self.boot_ns = boot_ns
        self.epoch = 0
        self.machines: list[Machine] = []
        self._standings: dict[NodeId, str] = {}
        self._task: Task[None] = Task(self._scheduler, self._watch(), "provider")

    async def _watch(self) -> None:
        while True:
            Task(self._scheduler, self._ask(), "provider")
            await sleep(_POLL_NS)

    async def _ask(self) -> None:
        session = self._sessions.open(self._recorder.new_process())
        answer = await session.call(GetScale("provider"))
        session.close()
        if isinstance(answer, Ok) and answer.value:
            self.take(_decode(answer.value))

    # --- a plan -----------------------------------------------------------------------------------------------------

    def take(self, wanted: Wanted) -> None:
        """Do what the cluster wants, unless something newer is known."""
        if wanted.epoch < self.epoch:
            return
        self.epoch = wanted.epoch
        for node, standing in wanted.members:
            if self._standings.get(node) != standing:
                self._standings[node] = standing
                self._turned(node, standing)
        members = {node for node, standing in wanted.members if standing in ("active", "joining")}
        on_their_way = [each for each in self._ordered() if each.spec.name not in self._standings]
        self._admit(on_their_way)
        missing = wanted.nodes - len(members) - len(on_their_way)
        for machine in reversed(on_their_way[: max(-missing, 0)]):
            if not machine.asked_ns:
                machine.is_given_up = True
        for _ in range(missing):
            self._order(wanted, sum(not each.is_given_up for each in on_their_way) + len(members))
            on_their_way.append(self.machines[-1])

    def _turned(self, node: NodeId, standing: str) -> None:
        """A member has another standing: clients come and go with it, and its machine at last."""
        if standing == "active":
            self._sessions.admit(node)
        elif standing == "decommissioning":
            self._sessions.retire(node)
        elif standing == "removed":
            self._sessions.retire(node)
            if not self._world.node(node).is_down:
                self._world.crash(node)

    def _ordered(self) -> list[Machine]:
        return [each for each in self.machines if not each.is_given_up]

    # --- a machine --------------------------------------------------------------------------------------------------

    def _order(self, wanted: Wanted, others: int) -> None:
        spec = self._spec([node for node, standing in wanted.members if standing in ("active", "joining")])
        now_ns = self._scheduler.now_ns
        machine = Machine(spec, wanted.epoch, wanted.nodes, others + 1, now_ns)
        self.machines.append(machine)
        self._scheduler.after(self.boot_ns, self._booted, machine)

    def _spec(self, members: list[NodeId]) -> NodeSpec:
        """Return the next machine: like the first one, in the zone that has the fewest."""
        nodes = self._world.topology.nodes
        known = {each.name for each in nodes} | {each.spec.name for each in self.machines}
        number = 1
        while f"n{number}" in known:
            number += 1
        coming = [each.spec for each in self._ordered() if each.spec.name not in self._standings]
        zones = [(each.region, each.zone) for each in nodes if each.name in members]
        zones += [(each.region, each.zone) for each in coming]
        first = list(dict.fromkeys((each.region, each.zone) for each in nodes))
        region, zone = min(first, key=zones.count)
        return NodeSpec(f"n{number}", zone, region, nodes[0].size)

    def _booted(self, machine: Machine) -> None:
        if machine.is_given_up:
            return
        name = machine.spec.name
        if name in self._world.nodes:
            machine.is_given_up = True  # Somebody has added a node of that name meanwhile.
            return
        self._world.add_node(machine.spec)
        self._world.restart(name)
        self._admit([machine], is_new=True)

    def _admit(self, machines: list[Machine], *, is_new: bool = False) -> None:
        """Let machines that run ask for admission, those again that have not been heard for long."""
        now_ns = self._scheduler.now_ns
        for machine in machines:
            if is_new or (machine.asked_ns and now_ns - machine.asked_ns >= _PATIENCE_NS):
                machine.asked_ns = now_ns
                spec = machine.spec
                self._operator.ask(ChangeMember(spec.name, "joining", spec.zone, spec.region))
