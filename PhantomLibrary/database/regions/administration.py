"""What operators ask of regions, at the gateway that they ask, and what the leader of shard 0 does about regions by
itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any, Protocol

import msgspec

from PhantomLibrary.database.config import ShardDescriptor
from PhantomLibrary.database.directory import Directory
from PhantomLibrary.database.regions.failing_over import (
    Decision,
    Positions,
    back_home,
    best_heir,
    decide,
    forgotten,
    handed_over,
    why_no_member,
)
from PhantomLibrary.database.regions.messages import AdoptPolicy, AskPosition, Position
from PhantomLibrary.database.transactions.messages import ShardWork
from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS, Answer, KeyOperation, NodeId, Ok, Refused, ShardId
from PhantomLibrary.domain.region_policy import (
    ChangeRegions,
    FailOver,
    ForgetRegion,
    GetRegions,
    RegionPolicy,
)

_LOOK_NS = 200 * MILLISECOND_NS
_PATIENCE_NS = 5 * SECOND_NS
_decode_policy = msgspec.json.Decoder(RegionPolicy).decode
_to_json = msgspec.json.Encoder().encode

Ask = Callable[[ShardId, ShardWork, Callable[[Any], object]], object]
Finish = Callable[[Answer], object]


def survey(ask: Ask, shards: Iterable[ShardDescriptor], finish: Callable[[dict[str, Positions]], object]) -> None:
    """Ask shards of regions how far they are; tell it by region and slot when all have answered or cannot be
    reached.
    """
    asked = list(shards)
    found: dict[str, dict[str, Position | None]] = {}
    for each in asked:
        found.setdefault(each.region, {})[each.start] = None
    left = len(asked)

    def answered(shard: ShardDescriptor, answer: Any) -> None:
        nonlocal left
        left -= 1
        if type(answer) is Position:
            found[shard.region][shard.start] = answer
        if not left:
            finish(dict(found))

    for each in asked:
        ask(each.shard, AskPosition(each.start), partial(answered, each))


class AdministratorHost(Protocol):
    """The gateway that an operator asks."""

    def put_to_shard_0(self, process: int, operation: KeyOperation, finish: Finish) -> None: ...
    def ask_briefly(self, shard: ShardId, work: ShardWork, finish: Callable[[Any], object]) -> None: ...
    def shards_of(self, region: str) -> list[ShardDescriptor]: ...
    def with_map(self, action: Finish) -> None: ...
    def learn_policy(self, policy: RegionPolicy) -> None: ...


class RegionAdministrator:
    """Does what operators ask for, one step after the other; whoever asks again asks for the same."""

    def __init__(self, host: AdministratorHost) -> None:
        self._host = host

    def perform(self, process: int, operation: FailOver | ForgetRegion, finish: Finish) -> None:
        """Find out what holds now, and go on from there."""

        def told(answer: Answer) -> None:
            if not isinstance(answer, Ok):
                finish(Refused(answer.reason))  # Nothing has been asked for yet.
                return
            policy = _decode_policy(answer.value or "")
            self._host.learn_policy(policy)
            reason = why_no_member(policy, operation.key)
            if reason:
                finish(Refused(reason))
            elif isinstance(operation, ForgetRegion):
                self._forget(process, policy, operation.key, finish)
            else:
                self._host.with_map(lambda _: self._fail_over(process, policy, operation, finish))

        self._host.put_to_shard_0(process, GetRegions(), told)

    def _forget(self, process: int, policy: RegionPolicy, region: str, finish: Finish) -> None:
        new = forgotten(policy, region)
        if isinstance(new, str):
            finish(Refused(new))
        else:
            self._change(process, new, finish, "")

    def _fail_over(self, process: int, policy: RegionPolicy, operation: FailOver, finish: Finish) -> None:
        region = operation.key
        if policy.heir:
            finish(Refused(f"region {policy.heir} is about to take over: wait for that"))
            return
        if policy.writable == (region,):
            finish(Ok(_told(policy, Decision(policy))))
            return
        if len(policy.writable) > 1:
            finish(Refused(f"regions {', '.join(policy.writable)} all take writes: there is nothing to fail over"))
            return

        def surveyed(positions: dict[str, Positions]) -> None:
            decision = decide(policy, region, positions, is_forced=operation.is_forced)
            if decision.policy is None:
                finish(Refused(decision.refusal))
            else:
                self._change(process, decision.policy, finish, _told(decision.policy, decision))

        survey(self._host.ask_briefly, self._shards(policy), surveyed)

    def _shards(self, policy: RegionPolicy) -> list[ShardDescriptor]:
        return [shard for region in policy.members for shard in self._host.shards_of(region)]

    def _change(self, process: int, policy: RegionPolicy, finish: Finish, told: str) -> None:
        def changed(answer: Answer) -> None:
            if isinstance(answer, Ok) and answer.value:
                finish(Refused(answer.value))
            elif isinstance(answer, Ok):
                self._host.learn_policy(policy)
                finish(Ok(told))
            else:
                finish(answer)

        self._host.put_to_shard_0(process, ChangeRegions("regions", policy), changed)


def _told(policy: RegionPolicy, decision: Decision) -> str:
    return _to_json(
        {
            "epoch": policy.epoch,
            "is_planned": bool(policy.heir),
            "missing": decision.missing,
            "behind_ns": decision.behind_ns,
        }
    ).decode()


class KeeperHost(Protocol):
    """The node that leads shard 0."""

    def monotonic_ns(self) -> int: ...
    def propose(self, command: AdoptPolicy) -> None: ...
    def unavailable(self) -> Collection[NodeId]: ...
    def ask(self, shard: ShardId, work: ShardWork, finish: Callable[[Any], object]) -> None: ...


class RegionKeeper:
    """One term of shard 0's leader: it completes what was begun, and fails over where the policy says so.

    It keeps nothing that matters: another leader asks anew, and waits anew.
    """

    def __init__(self, host: KeeperHost) -> None:
        self._host = host
        self._epoch = 0
        self._since_ns = 0  # When this policy was first seen here.
        self._down_ns: int | None = None  # Since when no node of the writable region is available.
        self._whole_ns: int | None = None  # Since when all nodes of the home are available that takes no writes.
        self._is_asking = False

    def look(self, directory: Directory) -> int:
        """Do what is due; return when to look again, 0 when nothing can become due."""
        policy = directory.regions
        if policy is None or not (policy.heir or policy.fail_over_after_ns or policy.fail_back_after_ns):
            return 0
        now_ns = self._host.monotonic_ns()
        if policy.epoch != self._epoch:
            self._epoch, self._since_ns, self._down_ns, self._whole_ns = policy.epoch, now_ns, None, None
        if policy.heir:
            self._hand_over(directory, policy, now_ns)
        elif policy.fail_back_after_ns and policy.home in policy.members and policy.home not in policy.writable:
            self._watch_home(directory, policy, now_ns)
        if policy.fail_over_after_ns and len(policy.writable) == 1:
            self._watch(directory, policy, now_ns)
        return now_ns + _LOOK_NS

    def _hand_over(self, directory: Directory, policy: RegionPolicy, now_ns: int) -> None:
        away, is_late = self._host.unavailable(), now_ns >= self._since_ns + _PATIENCE_NS
        given_up = [
            region
            for region in policy.members
            if is_late or all(node in away for node in directory.nodes("active", region=region))
        ]
        self._ask(directory, policy, lambda found: handed_over(policy, found, given_up=given_up))

    def _watch(self, directory: Directory, policy: RegionPolicy, now_ns: int) -> None:
        nodes, away = directory.nodes("active", region=policy.writable[0]), self._host.unavailable()
        if any(node not in away for node in nodes):
            self._down_ns = None
        elif self._down_ns is None:
            self._down_ns = now_ns
        elif now_ns >= self._down_ns + policy.fail_over_after_ns:
            self._ask(directory, policy, lambda found: self._fail_over(policy, found))

    def _watch_home(self, directory: Directory, policy: RegionPolicy, now_ns: int) -> None:
        away = self._host.unavailable()
        if any(node in away for node in directory.nodes("active", region=policy.home)):
            self._whole_ns = None
        elif self._whole_ns is None:
            self._whole_ns = now_ns
        elif now_ns >= self._whole_ns + policy.fail_back_after_ns:
            self._ask(directory, policy, lambda found: back_home(policy, found))

    def _fail_over(self, policy: RegionPolicy, positions: dict[str, Positions]) -> RegionPolicy | None:
        heir = best_heir(policy, positions)
        return decide(policy, heir, positions, is_forced=False).policy if heir else None

    def _ask(
        self,
        directory: Directory,
        policy: RegionPolicy,
        conclude: Callable[[dict[str, Positions]], RegionPolicy | None],
    ) -> None:
        if self._is_asking:
            return
        self._is_asking = True

        def surveyed(positions: dict[str, Positions]) -> None:
            self._is_asking = False
            new = conclude(positions)
            if new is not None and policy.epoch == self._epoch:
                self._host.propose(AdoptPolicy(new))

        survey(self._host.ask, [each for each in directory.shards if each.region in policy.members], surveyed)
