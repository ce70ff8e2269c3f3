"""Does every read of all accounts add up to what there is, and has every confirmed transfer been made once?

A `transfer` moves an amount between two accounts (`{"from": a, "to": b, "amount": n}`), a `read` shows all of them at
one snapshot (`{account: balance}`). Whatever the isolation from read committed on promises about several reads, one
statement that reads all accounts sees all of a transfer or nothing of it, so the total stays the same.

Where reads are in real time too, each account is also judged as a counter: it holds what confirmed transfers left
there.

Source: Jepsen's bank test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from PhantomLibrary.checking.counters import check_counter, whole_number
from PhantomLibrary.checking.elements import Finding, verdict_of
from PhantomLibrary.checking.history import CompletedOperation
from PhantomLibrary.checking.verdict import Verdict, seconds
from PhantomLibrary.errors import InvalidInput, nearest


class BankTerms(Struct, frozen=True):
    """What is known of a bank. Unless given, `total` is what the first read shows.

    `initial` are the balances in the beginning; without them transfers are not counted. `may_be_negative` allows
    overdrafts. `in_real_time`: a read shows every transfer that had been confirmed before it began.
    """

    total: int | None = None
    initial: Mapping[str, int] | None = None
    may_be_negative: bool = False
    in_real_time: bool = False


NO_TERMS = BankTerms()


def check_bank(operations: Sequence[CompletedOperation], terms: BankTerms = NO_TERMS) -> Verdict:
    """Judge the operations of a bank workload; the wrong read that returned first explains it."""
    bank = _Bank(operations, terms)
    verdict = verdict_of(list(bank.wrong_reads()), operations, cost=bank.cost)
    if verdict.outcome != "valid" or not terms.in_real_time or terms.initial is None:
        return verdict
    lost = check_counter(list(bank.as_counters(terms.initial)))
    if lost.outcome == "valid":
        return verdict
    message = f"{lost.message} (balances less what they were in the beginning)"
    return replace(verdict, outcome="invalid", code="BNK-005", message=message, evidence=lost.evidence)


class _Bank:
    """The reads and transfers of one bank."""

    def __init__(self, operations: Sequence[CompletedOperation], terms: BankTerms) -> None:
        self._terms = terms
        self._transfers: list[tuple[CompletedOperation, str, str, int]] = []
        self._reads: list[tuple[CompletedOperation, Mapping[str, Any]]] = []
        for operation in operations:
            if operation.function == "transfer":
                if operation.may_have_happened:
                    self._transfers.append((operation, *_transfer(operation)))
            elif operation.function != "read":
                guess = nearest(operation.function, ("read", "transfer"))
                raise InvalidInput(f"a bank has no {operation.function!r}: it knows read, transfer{guess}")
            elif operation.is_confirmed:
                self._reads.append((operation, _balances(operation)))
        self._reads.sort(key=lambda read: read[0].returned or 0)
        self.cost = sum(len(balances) for _, balances in self._reads) + len(operations)

    def wrong_reads(self) -> Iterator[Finding]:
        """Yield what is wrong with each read."""
        if not self._reads:
            return
        accounts = self._terms.initial if self._terms.initial is not None else self._reads[0][1]
        expected = set(map(str, accounts))
        total = self._terms.total
        for read, balances in self._reads:
            numbers = {account: _balance(balance) for account, balance in balances.items()}
            wrong = next((account for account, number in numbers.items() if number is None), None)
            if balances.keys() != expected:
                yield self._finding("BNK-003", read, _difference(set(balances), expected))
                continue
            if wrong is not None:
                yield self._finding(
                    "BNK-004", read, f"shows {balances[wrong]!r} in account {wrong}, which is no number"
                )
                continue
            known = {account: number for account, number in numbers.items() if number is not None}
            found = sum(known.values())
            total = found if total is None else total
            lowest = min(known, key=lambda account: known[account])
            if found != total:
                yield self._finding("BNK-001", read, f"adds up to {found}, not to {total}: {_listed(known)}")
            elif known[lowest] < 0 and not self._terms.may_be_negative:
                yield self._finding("BNK-002", read, f"shows {known[lowest]} in account {lowest}")

    def as_counters(self, initial: Mapping[str, int]) -> Iterator[CompletedOperation]:
        """Yield each account as a counter of what was moved since the beginning."""
        for read, balances in self._reads:
            for account, balance in balances.items():
                moved = (_balance(balance) or 0) - initial[account]
                yield replace(read, key=account, result=moved)
        for transfer, source, target, amount in self._transfers:
            yield replace(transfer, function="add", key=source, argument=-amount)
            yield replace(transfer, function="add", key=target, argument=amount)

    def _finding(self, code: str, read: CompletedOperation, words: str) -> Finding:
        assert read.returned_ns is not None
        message = f"bank: the read of process {read.process} at {seconds(read.returned_ns)} {words}"
        return Finding(code, message, read, ())


def _transfer(operation: CompletedOperation) -> tuple[str, str, int]:
    value = operation.argument
    if isinstance(value, Mapping) and {"from", "to", "amount"} <= value.keys() and type(value["amount"]) is int:
        return str(value["from"]), str(value["to"]), value["amount"]
    raise InvalidInput(f'a transfer is {{"from": account, "to": account, "amount": number}}, not {value!r}')


def _balances(operation: CompletedOperation) -> Mapping[str, Any]:
    if isinstance(operation.result, Mapping):
        return {str(account): balance for account, balance in operation.result.items()}
    raise InvalidInput(f"a read of a bank shows {{account: balance}}, not {operation.result!r}")


def _balance(value: Any) -> int | None:
    return None if value is None else whole_number(value)


def _difference(found: set[str], expected: set[str]) -> str:
    missing, added = sorted(expected - found), sorted(found - expected)
    parts = [f"lacks account {', '.join(missing)}"] if missing else []
    return " and ".join([*parts, *([f"shows account {', '.join(added)}, which there is not"] if added else [])])


def _listed(balances: Mapping[str, int]) -> str:
    shown = [f"{account} = {balance}" for account, balance in list(balances.items())[:_ACCOUNTS_SHOWN]]
    return ", ".join(shown) + (", …" if len(balances) > _ACCOUNTS_SHOWN else "")


_ACCOUNTS_SHOWN = 8
