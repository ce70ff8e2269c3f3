"""From the reads of registers to who read whose write, and to what is wrong without looking at cycles.

A register shows its last write only, and values of a key are written once, so a read tells who wrote what it saw, but
not in which order the writes came. That order is inferred in `inference.py`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from PhantomLibrary.checking.transactions.findings import Anomaly
from PhantomLibrary.checking.transactions.form import COMMITTED, FAILED, Transactions, refuse_step
from PhantomLibrary.checking.transactions.graph import RW, WR, WW, Graph
from PhantomLibrary.checking.transactions.wording import listed

KNOWN_STEPS = ("w", "r")

INITIAL = -1
"""The writer of the value that a key had before anybody wrote it."""


class RegisterKey:
    """One key. `final` has the last value that each transaction wrote, `passing` those it wrote over itself.

    `reads` are (reader, value) of committed transactions before they wrote the key. Once all is known, `writers` has
    those who wrote the key and committed, by call, and `readers` who read whose value.
    """

    __slots__ = ("final", "initial", "key", "passing", "readers", "reads", "writers", "written")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.initial: Any = None
        self.written: dict[Any, int] = {}
        self.final: dict[int, Any] = {}
        self.passing: dict[Any, int] = {}
        self.reads: list[tuple[int, Any]] = []
        self.writers: list[int] = []
        self.readers: dict[int, list[int]] = {}


class RegisterHistory:
    """All keys of a history of reads and writes, by first use.

    `anomalies` are those of single reads; `ambiguous` says why reads tell nothing, if so. Unless `initial_is_known` (as
    nothing), one value of each key that was read and never written is taken for its initial one. Raises InvalidInput
    for a step that no register knows.
    """

    def __init__(self, transactions: Transactions, *, initial_is_known: bool = True) -> None:
        self.transactions = transactions
        self.keys: dict[Hashable, RegisterKey] = {}
        self.anomalies: list[Anomaly] = []
        self.ambiguous = ""
        self._updates: dict[tuple[Hashable, Any], int] = {}
        number = 0
        try:
            for number, steps in enumerate(transactions.steps):
                self._take(number, steps)
        except (TypeError, ValueError) as error:
            raise refuse_step(transactions, number, KNOWN_STEPS) from error
        for key in self.keys.values():
            if not initial_is_known:
                key.initial = next((value for _, value in key.reads if value not in key.written), None)
            self._mark_seen(key)
        for key in self.keys.values():
            self._settle(key)

    # --- steps ------------------------------------------------------------------------------------------------------

    def _take(self, number: int, steps: Sequence[Any]) -> None:
        """Take in the steps of one transaction."""
        is_known = self.transactions.operations[number].ending == "ok"
        own: dict[Hashable, Any] = {}
        before: dict[Hashable, Any] = {}
        for function, name, value in steps:
            key = self.keys.get(name)
            if key is None:
                key = self.keys[name] = RegisterKey(name)
            if function == "w":
                if value is None:
                    raise ValueError(value)  # That is what nobody wrote.
                self._write(number, key, value)
                if name in own and own[name] != value:
                    key.passing[own[name]] = number
                elif name in before and name not in own and is_known:
                    self._update(number, key, before[name])
                own[name] = key.final[number] = value
            elif function != "r":
                raise ValueError(function)
            elif is_known:
                if name not in own:
                    hash(value)
                    key.reads.append((number, value))
                    if before.setdefault(name, value) != value:
                        text = f"T{number} read {name} = {listed(before[name])}, and then {listed(value)}"
                        self.anomalies.append(Anomaly("unrepeatable read", text, (number,)))
                        before[name] = value
                elif own[name] != value:
                    text = f"T{number} read {name} = {listed(value)}, though it had written {listed(own[name])}"
                    self.anomalies.append(Anomaly("own write missed", text, (number,)))

    def _write(self, number: int, key: RegisterKey, value: Any) -> None:
        """Two transactions wrote one value: that tells nothing, unless one of them never happened."""
        endings = self.transactions.endings
        before = key.written.setdefault(value, number)
        if before == number:
            return
        if endings[before] == FAILED:
            key.written[value] = number
        elif endings[number] != FAILED and not self.ambiguous:
            self.ambiguous = f"T{before} and T{number} both write {value} to {key.key}"

    def _update(self, number: int, key: RegisterKey, value: Any) -> None:
        other = self._updates.setdefault((key.key, value), number)
        if other != number:
            text = f"T{other} and T{number} both read {key.key} = {listed(value)}, and both wrote it"
            self.anomalies.append(Anomaly("lost update", text, (other, number)))

    # --- reads ------------------------------------------------------------------------------------------------------

    def _mark_seen(self, key: RegisterKey) -> None:
        """What others saw of a transaction has happened, whatever its client knows."""
        endings = self.transactions.endings
        for _, value in key.reads:
            writer = key.written.get(value, INITIAL)
            if writer != INITIAL and endings[writer] != FAILED:
                endings[writer] = COMMITTED

    def _settle(self, key: RegisterKey) -> None:
        """Find who wrote and who read whose value, and what nobody may read."""
        endings = self.transactions.endings
        key.writers = [writer for writer in sorted(key.final) if endings[writer] == COMMITTED]
        for reader, value in key.reads:
            writer = key.written.get(value, INITIAL)
            text = f"T{reader} read {key.key} = {listed(value)}"
            if writer == INITIAL and value != key.initial:
                self.anomalies.append(Anomaly("unwritten value", f"{text}, which nobody wrote", (reader,)))
            elif writer != INITIAL and endings[writer] == FAILED:
                text += f", which T{writer} wrote, which had failed"
                self.anomalies.append(Anomaly("G1a", text, (reader, writer)))
            elif writer != INITIAL and key.final[writer] != value:
                text += f", over which T{writer} itself wrote {listed(key.final[writer])}"
                self.anomalies.append(Anomaly("G1b", text, (reader, writer)))
            else:
                key.readers.setdefault(writer, []).append(reader)

    # --- dependencies -----------------------------------------------------------------------------------------------

    def add_dependencies(self, graph: Graph) -> None:
        """Add what is certain at every level: who read whose, who wrote over what he had read, and what came first."""
        for key in self.keys.values():
            final = key.final
            for writer, readers in key.readers.items():
                if writer == INITIAL:
                    graph.join(list(dict.fromkeys(readers)), key.writers, RW)
                    continue
                for reader in readers:
                    graph.add(writer, reader, WR)
                    if reader in final:
                        graph.add(writer, reader, WW)
            for reader, value in key.reads:
                writer = key.passing.get(value, reader)
                if writer != reader and self.transactions.endings[writer] == COMMITTED:
                    graph.add(writer, reader, WR)
                    graph.add(reader, writer, RW)

    def users(self) -> Iterator[tuple[list[int], list[int]]]:
        """Yield the committed readers and writers of each key."""
        for key in self.keys.values():
            yield [reader for reader, _ in key.reads], key.writers

    def label(self, first: int, second: int, kind: int) -> str:
        """Say why the second transaction depends on the first one."""
        for _, name, _ in self.transactions.steps[first]:
            key = self.keys[name]
            if kind == WW and first in key.final and second in key.final:
                return f"T{second} wrote {name} = {key.final[second]} over T{first}'s {key.final[first]}"
            for reader, value in key.reads:
                writer = key.written.get(value, INITIAL)
                if kind == WR and (writer, reader) == (first, second):
                    return f"T{second} read {name} = {listed(value)}, which T{first} wrote"
                if kind == RW and reader == first and key.final.get(second, value) != value:
                    return f"T{first} read {name} = {listed(value)}, over which T{second} wrote {key.final[second]}"
        raise AssertionError(f"T{second} does not depend on T{first}")
