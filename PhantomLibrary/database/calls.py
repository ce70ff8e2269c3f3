"""What a gateway keeps of each operation that it takes to a shard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from PhantomLibrary.database.config import SYSTEM_SHARD, ClusterLayout, ShardDescriptor
from PhantomLibrary.database.messages import ShardRequest
from PhantomLibrary.database.regions.messages import AskPosition
from PhantomLibrary.database.sql.messages import AskCounts, CloseCursors, Deliver, FetchChunk, RunFragment
from PhantomLibrary.database.transactions.messages import CheckUnchanged, LockKeys, ReadAt, ReleaseLocks, ShardWork
from PhantomLibrary.domain import (
    Act,
    Answer,
    BeginSaga,
    CancelSaga,
    ChangeMember,
    ForgetSagas,
    Get,
    KeyOperation,
    OutcomeUnknown,
    Refused,
    ShardId,
    TransactionOperation,
)
from PhantomLibrary.domain.operations import GetSaga, RegionalRead
from PhantomLibrary.domain.placement import PLACEMENT_WISHES
from PhantomLibrary.domain.region_policy import REGION_WISHES, GetRegions
from PhantomLibrary.domain.regions import Batch
from PhantomLibrary.domain.scaling import SCALING_WISHES, GetScale
from PhantomLibrary.kernel.process import Env
from PhantomLibrary.protocols.transactions.values import Prepare

ON_SHARD_0 = (
    PLACEMENT_WISHES
    | SCALING_WISHES
    | REGION_WISHES
    | {ChangeMember, BeginSaga, CancelSaga, GetSaga, GetScale, GetRegions}
)
"""What clients ask of the cluster, and not of their data."""

_OF_PLANS = frozenset((Deliver, FetchChunk, CloseCursors, AskCounts))
_OF_REGIONS = frozenset((RegionalRead, Batch, AskPosition, GetRegions))
_OF_TRANSACTIONS = frozenset((ReadAt, CheckUnchanged, RunFragment, LockKeys, ReleaseLocks))
_HARMLESS = _OF_PLANS | _OF_REGIONS | _OF_TRANSACTIONS | {Get, GetSaga, GetScale}
_PLANNED = frozenset((ReadAt, CheckUnchanged, RunFragment, LockKeys, Prepare))
_WITHOUT_SESSION = _HARMLESS | {Act, ForgetSagas}


class GatewayHost(Protocol):
    """The node that a gateway stands on."""

    env: Env
    layout: ClusterLayout

    def request(self, request: ShardRequest) -> None: ...
    def transact(self, process: int, operation: TransactionOperation, finish: Callable[[Answer], object]) -> None: ...


class Session:
    """A client process's session at one shard."""

    __slots__ = ("number", "sequence")

    def __init__(self, number: int) -> None:
        self.number = number
        self.sequence = 0


class Moved(Refused, frozen=True, gc=False, array_like=True, tag="moved"):
    """What was asked of a shard is for keys that it does not hold any more: whoever asked has to plan anew."""


class Call:
    """One operation on its way. `operation` None opens a session. One that `is_bound` is for its shard, whatever keys
    that holds; others are for whoever holds their key.
    """

    __slots__ = (
        "attempt",
        "backs_off",
        "deadline_ns",
        "finish",
        "is_bound",
        "may_happen",
        "needs_map",
        "number",
        "operation",
        "planned",
        "process",
        "refusals",
        "sequence",
        "session",
        "shard",
        "target",
        "trouble",
    )

    def __init__(
        self,
        number: int,
        process: int,
        operation: KeyOperation | ShardWork | None,
        deadline_ns: int,
        finish: Callable[[Any], object],
    ) -> None:
        self.number = number
        self.process = process
        self.operation = operation
        self.deadline_ns = deadline_ns
        self.finish = finish
        self.shard: ShardId = SYSTEM_SHARD
        self.session: Session | None = None
        self.trouble = ""  # Why nobody leads, as far as is known.
        self.sequence = 0
        self.attempt = self.refusals = 0
        self.target = ""
        self.may_happen = False
        self.is_bound = False
        self.backs_off = False
        self.needs_map = False  # Nobody knows yet where to take it.
        self.planned: ShardDescriptor | None = None  # The shard as it was known when the call was taken there.


def is_read(call: Call) -> bool:
    """Whether a call leaves everything as it is, so that it needs no session, and never happened if it failed."""
    return type(call.operation) in _HARMLESS


def failed(call: Call, reason: str, what_else: str = "") -> Answer:
    """Return what is known of a call that failed: it never happened, unless some attempt at a write was left without
    answer.
    """
    is_unknown = call.may_happen and not is_read(call)
    return OutcomeUnknown(reason) if is_unknown else Refused(reason + what_else)


def moved(call: Call) -> Answer:
    """Return what is known of a call whose shard does not hold the keys any more that it was for."""
    answer = failed(call, f"shard {call.shard} holds other keys now")
    return Moved(answer.reason) if isinstance(answer, Refused) else answer


def is_planned(call: Call) -> bool:
    """Whether a call that is bound to a shard was made for the keys which that held then."""
    return type(call.operation) in _PLANNED


def needs_session(call: Call) -> bool:
    """Whether it is kept from happening twice by a session; acts of sagas are so by themselves."""
    return type(call.operation) not in _WITHOUT_SESSION
