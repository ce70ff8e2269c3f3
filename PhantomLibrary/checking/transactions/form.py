"""The transactions of a history, in arrays.

A transaction is one operation with the function `txn`. Its value is a list of micro-operations in program order:

    ["append", key, element]    put one element at the end of a list; elements of a key are never put in twice
    ["w", key, value]           write a register; values of a key are never written twice
    ["r", key, null]            read; the value of `ok` holds what was seen: a list, its text, or a register's value

`fail` means that it was rolled back and never happens, `info` that nobody knows. As in Jepsen's list-append and
rw-register workloads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PhantomLibrary.checking.history import CompletedOperation
from PhantomLibrary.errors import InvalidInput, nearest

FUNCTION = "txn"

COMMITTED, POSSIBLE, FAILED = 0, 1, 2
"""How a transaction ended: for sure, perhaps, never. What others saw of a POSSIBLE one makes it COMMITTED."""

_ENDINGS = {"ok": COMMITTED, "info": POSSIBLE, "open": POSSIBLE, "fail": FAILED}


class Transactions:
    """What was done by which transaction. All lists have one place a transaction, by call.

    `steps` has micro-operations: with what was seen where it committed, as they were asked for elsewhere.
    """

    __slots__ = ("endings", "operations", "steps")

    def __init__(self, operations: Sequence[CompletedOperation]) -> None:
        self.operations = operations
        self.endings = bytearray(_ENDINGS[each.ending] for each in operations)
        self.steps: list[Sequence[Any]] = [
            (each.result if each.ending == "ok" else each.argument) or () for each in operations
        ]
        for operation in operations:
            if operation.function != FUNCTION:
                guess = nearest(operation.function, (FUNCTION,))
                raise InvalidInput(f"a history of transactions has no {operation.function!r}: it knows txn{guess}")

    def __len__(self) -> int:
        return len(self.operations)

    def returned(self, transaction: int) -> int:
        """Return the position where a transaction returned; after all others where its end is not known."""
        position = self.operations[transaction].returned
        return _NEVER if position is None else position


def refuse_step(transactions: Transactions, transaction: int, known: Sequence[str]) -> InvalidInput:
    """Return the error for a transaction some step of which has no known form."""
    for step in transactions.steps[transaction]:
        if not isinstance(step, (list, tuple)) or len(step) != 3 or step[0] not in known:
            forms = ", ".join(f'["{function}", key, value]' for function in known)
            found = step[0] if isinstance(step, (list, tuple)) and step else step
            return InvalidInput(f"a transaction has no step {step!r}: it knows {forms}{nearest(found, known)}")
    steps = transactions.steps[transaction]
    return InvalidInput(f"the steps of a transaction cannot be read: {steps!r}; keys and values are numbers or text")


_NEVER = 1 << 62
