"""What clients ask of the database: operations on keys, and transactions of them."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.domain.placement import CancelMoves, CancelReshape, ChangePlacement, MergeShards, SplitShard
from PhantomLibrary.domain.region_policy import ChangeRegions, FailOver, ForgetRegion, GetRegions, Seen, Vector
from PhantomLibrary.domain.scaling import GetScale, ScaleTo, SetScaling

# --- operations on keys: what a client asks of the database ---------------------------------------------------------


class Get(Struct, frozen=True, gc=False, array_like=True, tag="get"):
    """Read one key. Result: its text, or None when it was never written."""

    key: str


class Put(Struct, frozen=True, gc=False, array_like=True, tag="put"):
    """Write one key. Result: None."""

    key: str
    value: str


class Cas(Struct, frozen=True, gc=False, array_like=True, tag="cas"):
    """Write `value` if the key holds `expected` (None: was never written). Result: whether it did, "1" or "0"."""

    key: str
    expected: str | None
    value: str


class Append(Struct, frozen=True, gc=False, array_like=True, tag="append"):
    """Add one element to the end of a list that is kept as text, its elements parted by one space. Result: None."""

    key: str
    element: str


class Increment(Struct, frozen=True, gc=False, array_like=True, tag="increment"):
    """Add a number to a counter that is kept as decimal text, absent meaning 0. Result: None."""

    key: str
    amount: int


class Remove(Struct, frozen=True, gc=False, array_like=True, tag="remove"):
    """Take one element out of such a list, as often as it is there. Result: None."""

    key: str
    element: str


class Delete(Struct, frozen=True, gc=False, array_like=True, tag="delete"):
    """Remove one key. Result: None."""

    key: str


RegionalOperation: TypeAlias = Put | Delete | Append | Remove | Increment
"""What a client may write where each region has a copy of its own."""


class RegionalRead(Struct, frozen=True, gc=False, array_like=True, tag="regional read"):
    """Read one key in the region of the gateway, no earlier than what the client has `seen`. Result: as of Get.

    With `as_written`, siblings come as they were written, also where a function of the user merges them.
    """

    key: str
    seen: Seen = ()
    as_written: bool = False


class RegionalWrite(Struct, frozen=True, gc=False, array_like=True, tag="regional write"):
    """Write one key, in the region of the gateway if that is writable.

    The client has `seen` so much; `context` is what its last read of the key, or write to it, returned.
    """

    key: str
    operation: RegionalOperation
    seen: Seen = ()
    context: Vector = ()


class ChangeMember(Struct, frozen=True, gc=False, array_like=True, tag="change member"):
    """Ask for another standing of a node in the cluster. Result: why not, "" when it was done.

    `key` is the node: what an operation is about. A node that joins stands in a zone of a region.
    """

    key: str
    standing: Literal["joining", "decommissioning", "removed"]
    zone: str = ""
    region: str = ""


# --- operations of sagas --------------------------------------------------------------------------------------------

SagaPhase: TypeAlias = Literal["action", "compensation"]
SagaState: TypeAlias = Literal["ACTIVE", "COMPLETED", "FAILED", "COMPENSATED"]
StepState: TypeAlias = Literal["PENDING", "EXECUTING", "COMPLETED", "FAILED", "COMPENSATED"]


class Change(Struct, frozen=True, array_like=True):
    """What a step of a saga does to its key. Rejected where it would leave a number below `at_least`."""

    operation: Put | Cas | Append | Remove | Increment
    at_least: int | None = None


class Act(Struct, frozen=True, gc=False, array_like=True, tag="act"):
    """Do an action or a compensation of a saga, once: (saga, step, phase) is its idempotence key.

    Without a change it does nothing but see to it that the step's action can never be done any more. Result: why it was
    rejected, and so had no effect, "" when it was done.
    """

    key: str
    saga: int
    step: int
    phase: SagaPhase
    change: Change | None


class BeginSaga(Struct, frozen=True, gc=False, array_like=True, tag="begin saga"):
    """Begin a saga, whose definition is JSON. `key` is its name. Result: why not, "" when it has begun."""

    key: str
    definition: str


class CancelSaga(Struct, frozen=True, gc=False, array_like=True, tag="cancel saga"):
    """Roll a saga back. `key` is its name. Result: why not, "" when it is rolled back from now on."""

    key: str


class GetSaga(Struct, frozen=True, gc=False, array_like=True, tag="get saga"):
    """Ask how far a saga is. `key` is its name. Result: its state, None when it is not known (any more)."""

    key: str


class RunSaga(Struct, frozen=True, gc=False, array_like=True, tag="run saga"):
    """Begin a saga and wait for its end: what a client's session makes of the operations above. Result: its state."""

    key: str
    definition: str


LEFT_SUFFIX = "/left"
"""What the key of a number has behind that of the list beside it, in the workload of travel bookings."""


class ForgetSagas(Struct, frozen=True, gc=False, array_like=True, tag="forget sagas"):
    """All sagas up to number `last` have ended but for the `open` ones: whatever comes for them comes too late.

    `key` is the first one of the shard that is told. Result: "".
    """

    key: str
    last: int
    open: tuple[int, ...]


Wish: TypeAlias = (
    ChangeMember
    | ChangePlacement
    | CancelMoves
    | SplitShard
    | MergeShards
    | CancelReshape
    | SetScaling
    | ScaleTo
    | GetScale
    | ChangeRegions
    | GetRegions
    | BeginSaga
    | CancelSaga
)
"""What an operator asks shard 0 for."""

KeyOperation: TypeAlias = (
    Get
    | Put
    | Cas
    | Append
    | Remove
    | Increment
    | Delete
    | RegionalRead
    | RegionalWrite
    | FailOver
    | ForgetRegion
    | Wish
    | GetSaga
    | RunSaga
    | Act
    | ForgetSagas
)

# --- transactions: a client process has one open at a time, at the gateway where it began ----------------------------


class Where(Struct, frozen=True, gc=False, array_like=True):
    """Rows whose value is a whole number that `equals` a number, or is a `multiple` of it; or `all` rows."""

    kind: Literal["all", "equals", "multiple"] = "all"
    number: int = 0

    def holds(self, value: str) -> bool:
        if self.kind == "all":
            return True
        if not value.removeprefix("-").isdecimal():
            return False
        number = int(value)
        return number == self.number if self.kind == "equals" else number % self.number == 0


class Scan(Struct, frozen=True, gc=False, array_like=True, tag="scan"):
    """Read all keys in [start, end), `end` "" meaning no end, whose values the condition picks.

    Result: a JSON list of [key, value], in the order of keys.
    """

    start: str
    end: str
    where: Where = Where()


class Update(Struct, frozen=True, gc=False, array_like=True, tag="update"):
    """Write to all keys in [start, end) that the condition picks: `put` a text, `add` a whole number, or `delete`.

    Result: how many keys it was, as decimal text.
    """

    start: str
    end: str
    where: Where
    change: Literal["put", "add", "delete"]
    value: str = ""


Parameter: TypeAlias = int | float | str | bool | tuple[Literal["decimal", "blob"], str] | None
"""A value for SQL, as JSON has it; a decimal number as its text, a BLOB as its hexadecimal digits."""


class Sql(Struct, frozen=True, gc=False, array_like=True, tag="sql"):
    """Perform a statement of SQL, in which the parameters stand for its `?`, in order.

    Result: JSON with `columns`, their names; `types`; `rows`, lists of values, decimal numbers and days as text; and
    `count`, how many rows there are, or were inserted, changed or deleted.
    """

    text: str
    parameters: tuple[Parameter, ...] = ()


Statement: TypeAlias = Get | Put | Append | Increment | Delete | Scan | Update | Sql


Isolation: TypeAlias = Literal["read committed", "snapshot", "serializable"]
ISOLATION_LEVELS: tuple[Isolation, ...] = ("read committed", "snapshot", "serializable")


class Begin(Struct, frozen=True, gc=False, array_like=True, tag="begin"):
    """Open a transaction at an isolation level. Result: None."""

    isolation: str


class Within(Struct, frozen=True, gc=False, array_like=True, tag="within"):
    """Perform a statement within the open transaction. Result: that of the statement.

    `Refused` means that the transaction is rolled back, unless it is `StatementFailed`.
    """

    statement: Statement


class Commit(Struct, frozen=True, gc=False, array_like=True, tag="commit"):
    """Commit the open transaction. Result: its timestamp, as decimal text. `Refused`: it is rolled back."""


class Rollback(Struct, frozen=True, gc=False, array_like=True, tag="rollback"):
    """Roll the open transaction back. Result: None."""


class Transact(Struct, frozen=True, gc=False, array_like=True, tag="transact"):
    """A whole transaction: begin, perform the statements one after the other, commit.

    Result: a JSON list of the statements' results.
    """

    isolation: str
    statements: tuple[Statement, ...]


TransactionOperation: TypeAlias = Begin | Within | Commit | Rollback | Transact
Operation: TypeAlias = KeyOperation | TransactionOperation
