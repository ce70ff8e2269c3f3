"""Runs an interleaving step by step, each transaction with a client of its own, and compares what comes of it.

Rows are keys of this run: dealt out in turn over as many shards as the test asks for, so that a case is tried on one
shard and over several. Virtual time stands still between steps, but for the waiting for answers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from PhantomLibrary.database.config import SYSTEM_SHARD, ShardDescriptor
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.testbed.client_transaction import ClientTransaction
from PhantomLibrary.testbed.interleavings import ABSENT, Step
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command
from PhantomLibrary.testbed.transactions import Advance, Outcome, await_outcome

_FRESH = {"x": "10", "y": "20"}
_USUAL = ("x", "y", "z", "u", "v", "w")  # Each always on the same shard, whichever others a case names.
_WORDS = {"done": "was done", "blocked": "was blocked", "aborted": "was aborted", "unknown": "has an unknown outcome"}


class InterleavingRun:
    """One interleaving in one run. `lines` tell what has happened so far."""

    def __init__(self, run: Run, advance: Advance, steps: Sequence[Step], isolation: str, *, shards: int = 0) -> None:
        self.lines: list[str] = []
        self._run = run
        self._advance = advance
        self._steps = steps
        self._isolation = isolation
        self._keys = _place(run, steps, shards)
        self._names = {key: name for name, key in self._keys.items()}

    def perform(self) -> str:
        """Write the rows afresh and do all steps; return what went otherwise, "" when nothing did.

        What is open in the end is rolled back.
        """
        self._fill()
        problem = ""
        for step in self._steps:
            problem = self._problem(step)
            if problem:
                problem = f"{step.describe()}: {problem}"
                break
        for number in dict.fromkeys(step.transaction for step in self._steps):
            transaction = self._run.transactions.get(_alias(number))
            if transaction is not None and transaction.is_open:
                self._give("roll back transaction", _alias(number))
                self._wait(number)
        return problem

    # --- steps ------------------------------------------------------------------------------------------------------

    def _problem(self, step: Step) -> str:
        """Do a step; return what went otherwise than it says."""
        earlier = self._catch_up(step)
        if step.act == "await":
            assert earlier is not None
            return self._compare(step, earlier)
        if earlier is not None and earlier.word != "done":
            return f"what was blocked before it {_WORDS[earlier.word]}: {earlier.reason}"
        read: dict[str, str] = {}
        outcome = self._do(step, read)
        return self._compare(step, outcome) or (_misread(step, read) if outcome.word == "done" else "")

    def _catch_up(self, step: Step) -> Outcome | None:
        """Begin the transaction, or wait for what it has left blocked; return how that ended."""
        transaction = self._run.transactions.get(_alias(step.transaction))
        if transaction is None or step is self._first_of(step.transaction):
            self._begin(step.transaction, self._isolation)
            return None
        if not transaction.is_owed or step.act == "roll back":
            return None
        return self._wait(step.transaction)

    def _first_of(self, number: int) -> Step:
        return next(step for step in self._steps if step.transaction == number)

    def _do(self, step: Step, read: dict[str, str]) -> Outcome:
        """Do what a step says; put the rows that it finds into `read`."""
        number, name = step.transaction, _alias(step.transaction)
        may_block = step.ending == "blocked"
        match step.act:
            case "commit":
                self._give("commit transaction", name)
            case "roll back":
                self._give("roll back transaction", name)
            case "write":
                self._give("write key", name, key=self._keys[step.rows[0][0]], value=step.rows[0][1])
            case "delete":
                self._give("delete key", name, key=self._keys[step.rows[0][0]])
            case "update":
                self._give("update range", name, change=step.change, value=step.value, **self._range(step))
            case "read range":
                self._give("read range", name, **self._range(step))
            case "read rows" if len(step.rows) == 1:
                row = step.rows[0][0]
                self._give("read key", name, key=self._keys[row])
                outcome = self._wait(number, may_block=may_block)
                if outcome.value is not None:
                    read[row] = outcome.value
                return outcome
            case _:  # Several rows are one statement.
                keys = sorted(self._keys[row] for row, _ in step.rows)
                self._give("read range", name, start=keys[0], end=keys[-1] + "\0")
        outcome = self._wait(number, may_block=may_block)
        if step.act in ("read range", "read rows"):
            read.update((self._names.get(key, key), value) for key, value in json.loads(outcome.value or "[]"))
        return outcome

    def _range(self, step: Step) -> dict[str, Any]:
        start, end = self._span()
        return {"start": start, "end": end, "where": step.where.kind, "number": step.where.number}

    def _span(self) -> tuple[str, str]:
        """Return the range that holds all rows, those of earlier interleavings included."""
        prefixes = sorted({key.rpartition(".")[0] for key in self._keys.values()})
        return f"{prefixes[0]}.", f"{prefixes[-1]}/"  # In the order of characters / comes right after the point.

    def _compare(self, step: Step, outcome: Outcome) -> str:
        shown = f"{step.describe()}: {outcome.word}"
        details = outcome.reason or (f"{outcome.value}" if step.act.startswith("read") else "")
        self.lines.append(f"{shown} ({details})" if details else shown)
        if outcome.word == step.ending:
            return ""
        reason = f": {outcome.reason}" if outcome.reason else ""
        return f"it {_WORDS[outcome.word]}, expected {step.ending}{reason}"

    # --- the rows ---------------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Put the rows to what each case begins with, in one transaction; what earlier ones have left goes."""
        self._begin(0, "serializable")
        prefixes = {key.rpartition(".")[0] for key in self._keys.values()}
        name, (start, end) = _alias(0), self._span()
        self._give("read range", name, start=start, end=end)
        for key, _ in json.loads(self._needed().value or "[]"):
            if key.rpartition(".")[0] not in prefixes:
                self._give("roll back transaction", name)
                self._wait(0)
                raise InvalidInput(f"key {key} lies among the rows: run interleavings on a cluster without other data")
            if self._names.get(key) not in _FRESH:
                self._give("delete key", name, key=key)
                self._needed()
        for row, value in _FRESH.items():
            self._give("write key", name, key=self._keys[row], value=value)
            self._needed()
        self._give("commit transaction", name)
        self._needed()

    def _needed(self) -> Outcome:
        outcome = self._wait(0)
        if outcome.word != "done":
            raise InvalidState(f"the rows could not be written: {outcome.reason}; is the cluster healthy?")
        return outcome

    # --- transactions -----------------------------------------------------------------------------------------------

    def _begin(self, number: int, isolation: str) -> None:
        self._give("begin transaction", _alias(number), isolation=isolation)
        outcome = self._wait(number)
        if outcome.word != "done":
            raise InvalidState(f"transaction {number} could not begin: {outcome.reason}")

    def _give(self, verb: str, name: str, **arguments: Any) -> None:
        run = self._run
        run.perform(Command(verb, run.now_ns, run.now_ns, arguments={"transaction": name, **arguments}))

    def _wait(self, number: int, *, may_block: bool = False) -> Outcome:
        transaction: ClientTransaction = self._run.transactions[_alias(number)]
        return await_outcome(self._advance, transaction, may_block=may_block)


def _alias(number: int) -> str:
    return f"T{number}"


def _place(run: Run, steps: Sequence[Step], shards: int) -> dict[str, str]:
    """Return the key of each row: x, y, z, u, v, w and the others in the order of their names, in turn over shards."""
    descriptors = [each for each in run.layout.shards if each.shard != SYSTEM_SHARD]
    if shards > len(descriptors):
        raise InvalidInput(f"shards={shards} cannot be: this cluster has {len(descriptors)}")
    chosen = descriptors[: shards or len(descriptors)]
    named = {row for step in steps for row, _ in (*step.rows, *(step.found or ()))}
    rows = [*_USUAL, *sorted(named - set(_USUAL))]
    return {row: _key(chosen[place % len(chosen)], row) for place, row in enumerate(rows)}


def _key(shard: ShardDescriptor, row: str) -> str:
    return shard.some_key(f".{row}") if shard.start or shard.is_hashed else f"k0.{row}"


def _misread(step: Step, read: dict[str, str]) -> str:
    """Return in what the rows that were found are not those that a step expects."""
    if step.found is not None:
        expected = {row: value for row, value in step.found if value is not None}
        return "" if read == expected else f"it found {_shown(read)}, expected {_shown(expected)}"
    if step.act == "read rows":
        for row, value in step.rows:
            if value is not None and read.get(row, ABSENT) != value:
                return f"it found {row}={read.get(row, ABSENT)}, expected {row}={value}"
    return ""


def _shown(rows: dict[str, str]) -> str:
    return "{" + ", ".join(f"{row}={value}" for row, value in sorted(rows.items())) + "}"
