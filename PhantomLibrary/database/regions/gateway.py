"""The gateway where each region has a copy of its own: clients read in the region where they are, and write there if it
takes writes, else in the first region that does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PhantomLibrary.database.calls import ON_SHARD_0, Call, GatewayHost
from PhantomLibrary.database.config import SYSTEM_SHARD, ShardDescriptor
from PhantomLibrary.database.gateway import Gateway
from PhantomLibrary.database.messages import ClientReply, ClientRequest, Outcome
from PhantomLibrary.database.regions.administration import RegionAdministrator
from PhantomLibrary.database.regions.messages import Awaited, Behind, Declined, DoneHere, NotWritable
from PhantomLibrary.database.regions.refusals import NEEDS_ONE_ORDER, NOT_OVER_REGIONS, WHAT_IS_POSSIBLE
from PhantomLibrary.database.regions.routing import RegionMap, RegionRoutes
from PhantomLibrary.database.transactions.messages import ShardWork
from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS, Answer, KeyOperation, OkSeen, Refused, ShardId
from PhantomLibrary.domain.operations import RegionalRead, RegionalWrite
from PhantomLibrary.domain.region_policy import FailOver, ForgetRegion, RegionPolicy

_ADMINISTRATION = frozenset((FailOver, ForgetRegion))
_FOR_THE_CLUSTER = ON_SHARD_0 - NEEDS_ONE_ORDER


AVOID_NS = 5 * SECOND_NS
"""How long clients do not write in a region whose shard has not answered, if they can write in another one."""

BRIEFLY_NS = 700 * MILLISECOND_NS
"""Three times the way around the world."""


class RegionGateway(Gateway):
    """A gateway that knows its region."""

    _routes: RegionRoutes
    _map: RegionMap

    def __init__(self, host: GatewayHost) -> None:
        super().__init__(host)
        self._outcomes |= {
            DoneHere: self._on_done_here,
            NotWritable: self._on_not_writable,
            Behind: self._on_behind,
            Awaited: self._on_awaited,
            Declined: self._on_declined,
        }
        self._map.learn_policy(host.layout.regions)
        self._administrator = RegionAdministrator(self)
        self._avoided: dict[str, int] = {}  # Until when regions are that kept silent.

    def _make_routes(self) -> RegionRoutes:
        layout = self._host.layout
        region = next((each.region for each in layout.places if each.node == self._env.node), "")
        # Ranges never change: a gateway that has just started serves its region even if that is cut off from shard 0.
        return RegionRoutes(layout.shards, region)

    def _make_map(self) -> RegionMap:
        return RegionMap(self._env.node, self._routes, self._fetch_directory)

    @property
    def policy(self) -> RegionPolicy:
        """Return the policy as it is known here."""
        policy = self._map.policy
        assert policy is not None
        return policy

    # --- requests ---------------------------------------------------------------------------------------------------

    def request(self, client: str, request: ClientRequest) -> None:
        operation = request.operation
        kind = type(operation)
        if kind is RegionalRead or kind is RegionalWrite or kind in _FOR_THE_CLUSTER or self._closed:
            super().request(client, request)
            return
        process, number = request.process, request.request

        def finish(answer: Answer) -> None:
            self._env.send(client, ClientReply(process, number, answer))

        if kind in _ADMINISTRATION:
            self._administrator.perform(process, operation, finish)  # type: ignore[arg-type]
        else:
            finish(Refused(NOT_OVER_REGIONS if kind in NEEDS_ONE_ORDER else WHAT_IS_POSSIBLE))

    def put_to_shard_0(self, process: int, operation: KeyOperation, finish: Callable[[Answer], object]) -> None:
        """Ask something of the cluster."""
        self._prepare(self._new_call(process, operation, finish), SYSTEM_SHARD)

    def ask_briefly(self, shard: ShardId, work: ShardWork, finish: Callable[[Any], object]) -> None:
        """Put something to the leader of a shard that may be out of reach, when the map is known."""
        call = self._new_call(0, work, finish)
        call.shard, call.is_bound, call.deadline_ns = shard, True, self._env.monotonic_ns() + BRIEFLY_NS
        self._attempt(call)

    def learn_policy(self, policy: RegionPolicy) -> None:
        """This policy holds, unless a newer one is known."""
        self._map.learn_policy(policy)

    def shards_of(self, region: str) -> list[ShardDescriptor]:
        """Return the shards of a region, as far as they are known."""
        return self._routes.of_region(region)

    def _route(self, call: Call) -> None:
        operation = call.operation
        kind = type(operation)
        if kind is not RegionalRead and kind is not RegionalWrite:
            super()._route(call)
            return
        call.needs_map = not self._routes.has_map
        if call.needs_map:
            self._map.when_known(lambda answer: self._go_on(call, answer))
            return
        region = self._routes.region
        if kind is RegionalWrite:
            region = self._writable(region)
            if not region:
                heir = self.policy.heir
                call.trouble = f"no region takes writes until {heir} has all that others had written"
                self._map.refresh()
                self._wait_for_map(call)
                return
        key: str = operation.key  # type: ignore[union-attr]
        self._prepare(call, self._routes.in_region(region, key).shard)

    def _wait_for_map(self, call: Call) -> None:
        call.needs_map = True
        self._back_off(call)

    def _writable(self, region: str) -> str:
        """Return where a client of a region writes, "" while nobody takes writes.

        Where several others do, one that has just kept silent is left out, if there is any that has not.
        """
        writable, now_ns = self.policy.writable, self._env.monotonic_ns()
        if region in writable:
            return region
        heard = (each for each in writable if now_ns >= self._avoided.get(each, 0))
        return next(heard, next(iter(writable), ""))

    def _give_up(self, call: Call) -> None:
        is_write = call.operation is None or type(call.operation) is RegionalWrite  # Or the session for one.
        if is_write and not call.trouble:
            self._avoided[self._region_of(call)] = self._env.monotonic_ns() + AVOID_NS
        super()._give_up(call)

    # --- answers of shards ------------------------------------------------------------------------------------------

    def _on_done_here(self, call: Call, outcome: Outcome) -> None:
        assert type(outcome) is DoneHere
        self._routes.learn_leader(call.shard, call.target)
        self._finish(call, OkSeen(outcome.value, outcome.seen, outcome.context, outcome.values))

    def _on_not_writable(self, call: Call, outcome: Outcome) -> None:
        """The shard refused it in its log, where its epoch has changed since: no earlier attempt happened there."""
        assert type(outcome) is NotWritable
        self._map.learn_policy(outcome.policy)
        call.may_happen = False
        call.session, call.sequence = None, 0
        call.trouble = f"region {self._region_of(call)} takes no writes any more"
        self._map.refresh()
        self._wait_for_map(call)

    def _region_of(self, call: Call) -> str:
        known = self._routes.find(call.shard)
        return known.region if known is not None else ""

    def _on_behind(self, call: Call, outcome: Outcome) -> None:
        assert type(outcome) is Behind
        call.trouble = outcome.reason
        self._back_off(call)

    def _on_awaited(self, call: Call, outcome: Outcome) -> None:
        assert type(outcome) is Awaited
        call.may_happen, call.trouble = True, outcome.reason
        self._back_off(call)

    def _on_declined(self, call: Call, outcome: Outcome) -> None:
        assert type(outcome) is Declined
        self._finish(call, Refused(outcome.reason))
