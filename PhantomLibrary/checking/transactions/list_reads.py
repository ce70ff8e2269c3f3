"""What is wrong with transactions on lists that no cycle is needed to see, and why one depends on another, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from PhantomLibrary.checking.transactions.findings import Anomaly
from PhantomLibrary.checking.transactions.form import COMMITTED, FAILED
from PhantomLibrary.checking.transactions.graph import WR, WW
from PhantomLibrary.checking.transactions.lists import NOBODY, ListHistory, ListKey
from PhantomLibrary.checking.transactions.wording import listed


def wrong_reads(history: ListHistory) -> Iterator[Anomaly]:
    """Yield what committed reads of single keys show that they may not."""
    for key in history.keys.values():
        odd = _Key(history, key)
        yield from odd.repeated()
        yield from odd.unexplained()
        yield from odd.disagreeing()
    yield from _Steps(history).judge()


class _Key:
    """The reads of one key against the order of its versions."""

    def __init__(self, history: ListHistory, key: ListKey) -> None:
        self._transactions = history.transactions
        self._key = key

    def repeated(self) -> Iterator[Anomaly]:
        key = self._key
        if key.order is not key.longest:
            reader, seen = self._first_reader(lambda seen: len(set(seen)) != len(seen))
            twice = next(element for at, element in enumerate(seen) if element in seen[:at])
            writer = key.appended.get(twice, reader)
            yield Anomaly("duplicate element", f"{_read(reader, key, seen)}, with {twice} twice", (reader, writer))

    def unexplained(self) -> Iterator[Anomaly]:
        key = self._key
        failed = [writer != NOBODY and self._transactions.endings[writer] == FAILED for writer in key.writers]
        if NOBODY in key.writers:
            element = key.order[key.writers.index(NOBODY)]
            reader, seen = self._first_reader(lambda seen: element in seen)
            text = f"{_read(reader, key, seen)}; nobody appended {element}"
            yield Anomaly("unwritten value", text, (reader,))
        if True in failed:
            at = failed.index(True)
            element, writer = key.order[at], key.writers[at]
            reader, seen = self._first_reader(lambda seen: element in seen)
            text = f"{_read(reader, key, seen)}; {element} was appended by T{writer}, which had failed"
            yield Anomaly("G1a", text, (reader, writer))
            later = [each for each, is_failed in zip(key.writers, failed, strict=True) if not is_failed][at:]
            above = next((each for each in later if each != NOBODY), NOBODY)
            if above != NOBODY:
                text = f"T{above} appended to {key.key} on top of {element}, by T{writer}, which had failed"
                yield Anomaly("dirty update", text, (above, writer))

    def disagreeing(self) -> Iterator[Anomaly]:
        key = self._key
        if -1 in key.versions:
            at = key.versions.index(-1)
            reader, seen = key.readers[at], key.elements(key.shown[at])
            other = next(each for each, elements in key.reads() if elements == key.longest)
            longest = _read(other, key, key.longest)
            text = f"{_read(reader, key, seen)}, and {longest}, which does not begin with that"
            yield Anomaly("incompatible order", text, (reader, other))

    def _first_reader(self, condition: Callable[[list[Any]], bool]) -> tuple[int, list[Any]]:
        """Return the read that met a condition and returned first."""
        reads = [read for read in self._key.reads() if condition(read[1])]
        return min(reads, key=lambda read: self._transactions.returned(read[0]))


class _Steps:
    """Transactions that use a key more than once: their reads against their own steps, and what others saw of them."""

    def __init__(self, history: ListHistory) -> None:
        self._history = history
        self._intermediate: dict[Any, dict[Any, int]] = {}  # Key to elements that were not the last, and by whom.
        self._updates: dict[Any, int] = {}  # Version of a key that somebody read and appended to, and who did.

    def judge(self) -> Iterator[Anomaly]:
        """Yield the first anomaly of each kind."""
        found: dict[str, Anomaly] = {}
        for number in self._history.repeating:
            for anomaly in self._walk(number):
                found.setdefault(anomaly.name, anomaly)
        yield from found.values()
        yield from self._intermediate_reads()

    def _walk(self, number: int) -> Iterator[Anomaly]:
        """Go through the steps of one transaction, with what it must see of each key."""
        history = self._history
        is_known = history.transactions.operations[number].ending == "ok"
        is_committed = history.transactions.endings[number] == COMMITTED
        before: dict[Any, list[Any]] = {}  # What was read before anything was appended.
        own: dict[Any, list[Any]] = {}
        for function, name, value in history.transactions.steps[number]:
            key = history.keys[name]
            if function == "append":
                mine = own.setdefault(name, [])
                element = str(value) if key.is_text else value
                if mine:
                    self._intermediate.setdefault(name, {})[mine[-1]] = number
                    if is_committed:
                        yield from self._misplaced(number, key, mine[-1], element)
                elif name in before and is_committed:
                    yield from self._updated(number, key, before[name])
                mine.append(element)
            elif is_known:
                seen = key.elements(value)
                mine = own.get(name, [])
                if seen[len(seen) - len(mine) :] != mine:
                    text = f"{_read(number, key, seen)}, though it had appended {listed(mine)}"
                    yield Anomaly("own write missed", text, (number,))
                    continue
                theirs = seen[: len(seen) - len(mine)]
                if before.setdefault(name, theirs) != theirs:
                    text = f"T{number} read {key.key} = {listed(before[name])}, and then {listed(seen)}"
                    yield Anomaly("unrepeatable read", text, (number,))
                    before[name] = theirs

    def _misplaced(self, number: int, key: ListKey, earlier: Any, later: Any) -> Iterator[Anomaly]:
        """Look whether what one transaction appended first stands first."""
        if later in key.order and earlier not in key.order[: key.order.index(later)]:
            reader, seen = next(read for read in key.reads() if later in read[1])
            text = f"{_read(reader, key, seen)}, though T{number} had appended {earlier} before {later}"
            yield Anomaly("incompatible order", text, (reader, number))

    def _updated(self, number: int, key: ListKey, seen: list[Any]) -> Iterator[Anomaly]:
        version = (key.key, *seen[-1:], len(seen))
        other = self._updates.setdefault(version, number)
        if other != number:
            text = f"T{other} and T{number} both read {key.key} = {listed(seen)}, and both appended to it"
            yield Anomaly("lost update", text, (other, number))

    def _intermediate_reads(self) -> Iterator[Anomaly]:
        for name, intermediate in self._intermediate.items():
            key = self._history.keys[name]
            for reader, count, shown in zip(key.readers, key.versions, key.shown, strict=True):
                last = key.order[count - 1] if count > 0 else next(reversed(key.elements(shown)), None)
                writer = intermediate.get(last, reader)
                if writer != reader:
                    text = f"{_read(reader, key, key.elements(shown))}; {last} was not the last that T{writer} appended"
                    yield Anomaly("G1b", text, (reader, writer))
                    return


def _read(reader: int, key: ListKey, seen: Sequence[Any]) -> str:
    return f"T{reader} read {key.key} = {listed(seen)}"


def label_lists(history: ListHistory) -> Callable[[int, int, int], str]:
    """Return what says why one transaction depends on another."""

    def label(first: int, second: int, kind: int) -> str:
        for step in history.transactions.steps[first]:
            key = history.keys[step[1]]
            text = _label(history, key, first, second, kind)
            if text:
                return text
        raise AssertionError(f"T{second} does not depend on T{first}")

    return label


def _label(history: ListHistory, key: ListKey, first: int, second: int, kind: int) -> str:
    writers = history.committed_writers(key)
    if kind == WW:
        known = [(writer, element) for writer, element in zip(writers, key.order, strict=True) if writer != NOBODY]
        for (writer, element), (after, appended) in pairwise(known):
            if (writer, after) == (first, second):
                return f"T{second} appended {appended} to {key.key} after T{first}'s {element}"
        if known and known[-1][0] == first and second in key.unread:
            return f"T{second} appended to {key.key} after T{first}'s {known[-1][1]}"
        if first in key.unread and second in key.unread:
            return f"T{second} appended to {key.key} after T{first}"
        return ""
    reader = second if kind == WR else first
    for each, count, shown in zip(key.readers, key.versions, key.shown, strict=True):
        if each != reader:
            continue
        seen = key.elements(shown)
        if kind == WR and count > 0 and writers[count - 1] == first:
            return f"{_read(second, key, seen)}, which ends in T{first}'s {key.order[count - 1]}"
        if kind != WR and count >= 0:
            after = next((at for at in range(count, len(writers)) if writers[at] != NOBODY), -1)
            if after >= 0 and writers[after] == second:
                return f"{_read(first, key, seen)} without T{second}'s {key.order[after]}"
            if after < 0 and second in key.unread:
                element = next(element for element, writer in key.appended.items() if writer == second)
                return f"{_read(first, key, seen)} without T{second}'s {element}"
    return ""
