"""From the reads of lists to the versions that every list went through, and from those to dependencies.

A list shows its own history: a read of [1 2 3] says which appends came before, and in which order. So the longest read
of a key is the order of its versions, and every other read has to be the beginning of it. Elements that were committed
and never read come after all that were, in an order that nobody knows.

Source: Kingsbury and Alvaro, "Elle" (VLDB 2020), sections 4 and 5.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from PhantomLibrary.checking.transactions.form import COMMITTED, FAILED, Transactions, refuse_step
from PhantomLibrary.checking.transactions.graph import KIND_BITS, RW, WR, WW, Graph
from PhantomLibrary.errors import InvalidInput

KNOWN_STEPS = ("append", "r")

NOBODY = -1
"""The writer of an element that nobody is known to have appended."""


class ListKey:
    """One key: who appended what, what committed reads showed, and the order that follows.

    `order` has the elements of the longest read without repetitions, `writers` who appended each of them, and
    `unread` the committed transactions whose elements no read showed. `shown` is what each of `readers` saw, as it was
    recorded, and `versions` how many elements of the order that is, or -1 where it does not fit.
    """

    __slots__ = (
        "appended", "is_text", "key", "last_user", "longest", "order",
        "readers", "shown", "unread", "versions", "writers",
    )  # fmt: skip

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.appended: dict[Any, int] = {}
        self.readers: list[int] = []
        self.shown: list[Any] = []
        self.versions: list[int] = []
        self.is_text = False
        self.last_user = NOBODY
        self.longest: list[Any] = []
        self.order: list[Any] = []
        self.writers: list[int] = []
        self.unread: list[int] = []

    def settle(self) -> None:
        """Find the order of the versions, once all is known."""
        if self.is_text:
            self.appended = {str(element): writer for element, writer in self.appended.items()}
            self._compare_texts()
        else:
            longest = self.longest = max(self.shown, key=len, default=[])
            self.versions = [len(shown) if shown == longest[: len(shown)] else -1 for shown in self.shown]
        self.order = self.longest
        if len(set(self.order)) != len(self.order):
            self.order = list(dict.fromkeys(self.longest))
            distinct = [len(set(self.longest[:count])) for count in range(len(self.longest) + 1)]
            self.versions = [distinct[count] if count >= 0 else -1 for count in self.versions]
        self.writers = [self.appended.get(element, NOBODY) for element in self.order]

    def _compare_texts(self) -> None:
        """Find the versions of texts, without taking apart those that are the beginning of the longest."""
        texts = [_spaced(shown) if type(shown) is str else " ".join(map(str, shown)) for shown in self.shown]
        whole = max(texts, key=lambda text: (text.count(" "), len(text)))
        self.longest = whole.split()
        for text in texts:
            if text and whole.startswith(text) and whole[len(text) : len(text) + 1] in ("", " "):
                self.versions.append(text.count(" ") + 1)
            else:
                self.versions.append(0 if not text else -1)

    def elements(self, shown: Any) -> list[Any]:
        """Return what a read of this key showed as a list of elements that compare with those of the order."""
        elements = as_list(shown)
        return [*map(str, elements)] if self.is_text else elements

    def reads(self) -> Iterator[tuple[int, list[Any]]]:
        """Yield who read which elements."""
        for reader, shown in zip(self.readers, self.shown, strict=True):
            yield reader, self.elements(shown)


class ListHistory:
    """All keys of a history of appends, by first use.

    `repeating` has the transactions that use some key more than once; `ambiguous` says why reads tell nothing, if so.
    Raises InvalidInput for a step that no list knows.
    """

    def __init__(self, transactions: Transactions) -> None:
        self.transactions = transactions
        self.keys: dict[Hashable, ListKey] = {}
        self.repeating: list[int] = []
        self.ambiguous = ""
        number = 0
        try:
            for number, steps in enumerate(transactions.steps):
                self._take(number, steps)
        except (TypeError, ValueError) as error:
            raise refuse_step(transactions, number, KNOWN_STEPS) from error
        self.repeating = list(dict.fromkeys(self.repeating))
        for key in self.keys.values():
            try:
                key.settle()
            except TypeError as error:
                raise InvalidInput(
                    f"a read of list {key.key} shows elements that are no numbers and no text"
                ) from error
        self._mark_seen()
        for key in self.keys.values():
            key.unread = self._unread(key)

    def _take(self, number: int, steps: Sequence[Any]) -> None:
        """Take in the steps of one transaction."""
        is_known = self.transactions.operations[number].ending == "ok"
        keys = self.keys
        for function, key, value in steps:
            of_key = keys.get(key)
            if of_key is None:
                of_key = keys[key] = ListKey(key)
            if of_key.last_user == number:
                self.repeating.append(number)
            of_key.last_user = number
            if function == "append":
                before = of_key.appended.setdefault(value, number)
                if before != number:
                    self._appended_again(of_key, value, before, number)
            elif function != "r":
                raise ValueError(function)
            elif is_known:
                of_key.readers.append(number)
                if type(value) is str:
                    of_key.is_text = True
                elif type(value) is not list:
                    value = as_list(value)
                of_key.shown.append(value)

    def _appended_again(self, of_key: ListKey, element: Any, before: int, number: int) -> None:
        """Two transactions put in one element: that tells nothing, unless one of them never happened."""
        endings = self.transactions.endings
        if endings[before] == FAILED:
            of_key.appended[element] = number
        elif endings[number] != FAILED and not self.ambiguous:
            self.ambiguous = f"T{before} and T{number} both append {element} to {of_key.key}"

    def _mark_seen(self) -> None:
        """What others saw of a transaction has happened, whatever its client knows."""
        endings = self.transactions.endings
        for key in self.keys.values():
            for writer in key.writers:
                if writer >= 0 and endings[writer] != FAILED:
                    endings[writer] = COMMITTED

    def _unread(self, key: ListKey) -> list[int]:
        if len(key.appended) == len(key.order):
            return []
        endings, seen = self.transactions.endings, set(key.order)
        unread = [writer for element, writer in key.appended.items() if element not in seen]
        return [writer for writer in dict.fromkeys(unread) if endings[writer] == COMMITTED]

    # --- dependencies -----------------------------------------------------------------------------------------------

    def add_dependencies(self, graph: Graph) -> None:
        """Add who wrote over whom, who read whose, and who wrote over what was read."""
        for key in self.keys.values():
            last_writer, last_readers = self._add_versions(graph.out, key)
            if key.unread:
                if last_writer >= 0:
                    graph.join([last_writer], key.unread, WW)
                graph.join(last_readers, key.unread, RW)

    def _add_versions(self, out: list[list[int]], key: ListKey) -> tuple[int, list[int]]:
        """Add what the order tells; return who wrote the last version of it and who read that."""
        writers = self.committed_writers(key)
        following = [NOBODY] * (len(writers) + 1)  # Who wrote the next version after so many elements.
        after = NOBODY
        for at in range(len(writers) - 1, -1, -1):
            writer = writers[at]
            if writer >= 0 and writer != after:
                if after >= 0:
                    out[writer].append(after << KIND_BITS | WW)
                after = writer
            following[at] = after
        last_readers: list[int] = []
        for reader, count in zip(key.readers, key.versions, strict=True):
            if count < 0:
                continue
            if count:
                writer = writers[count - 1]
                if writer >= 0 and writer != reader:
                    out[writer].append(reader << KIND_BITS | WR)
            overwriter = following[count]
            if overwriter < 0:
                last_readers.append(reader)
            elif overwriter != reader:
                out[reader].append(overwriter << KIND_BITS | RW)
        last_writer = next((writer for writer in reversed(writers) if writer >= 0), NOBODY)
        return last_writer, list(dict.fromkeys(last_readers))

    def committed_writers(self, key: ListKey) -> list[int]:
        """Return who wrote each version of the order, NOBODY where that is unknown or failed."""
        endings = self.transactions.endings
        return [writer if writer >= 0 and endings[writer] == COMMITTED else NOBODY for writer in key.writers]

    def users(self) -> Iterator[tuple[list[int], list[int]]]:
        """Yield the committed readers and writers of each key."""
        endings = self.transactions.endings
        for key in self.keys.values():
            yield key.readers, [writer for writer in key.appended.values() if endings[writer] == COMMITTED]


def _spaced(text: str) -> str:
    """Return a text with one space between elements and none around them."""
    return " ".join(text.split()) if "  " in text or text[:1] == " " or text[-1:] == " " else text


def as_list(value: Any) -> list[Any]:
    """Return what a read showed as a list: nothing, a list, or its text with elements parted by spaces."""
    if value is None:
        return []
    if isinstance(value, str):
        return value.split()
    if isinstance(value, (list, tuple)):
        return list(value)
    raise ValueError(value)
