"""Workloads of transactions over several keys, which lie on different shards where there are any.

- `list-append`, `rw-register`: transactions of one to four steps; what they saw shows in which order they were.
- `bank`: transfers between accounts, and reads of all of them at once.
- `write-skew`: of a pair, two clients each put one row in, if they see neither.
- `long-fork`: writes of one key, and reads of several at once, which must not disagree about their order.
- `monotonic`: additions to counters, and reads of several.

Most are sent as a whole. Transfers and pairs are decided by the client, statement by statement, as applications do.

Sources: Jepsen's list-append, rw-register, bank, g2, long-fork and monotonic tests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from PhantomLibrary.domain import (
    Answer,
    Append,
    Begin,
    Commit,
    Get,
    Increment,
    Ok,
    Operation,
    Put,
    Refused,
    Rollback,
    Scan,
    Statement,
    Transact,
    Within,
)
from PhantomLibrary.workloads.keys import Keyspace
from PhantomLibrary.workloads.kinds import (
    ELEMENTS_MAX,
    Choices,
    Drawn,
    Kind,
    LastRead,
    Meaning,
    elements,
    number_or_text,
)
from PhantomLibrary.workloads.session import Session

STEPS_MAX = 4
PAIR_WRITES_MAX = 4
FORK_READS = 4
BALANCE = 100
_ALL = "all"
_NOT_ENOUGH = "not enough in the account"
_NOT_EMPTY = "the pair is not empty"


class Conversation:
    """A transaction that a client leads statement by statement. After the first one that fails nothing more is asked:
    whatever became of it, it was not committed, and never will be.
    """

    def __init__(self, session: Session, isolation: str) -> None:
        self._session = session
        self._isolation = isolation
        self._refusal: Refused | None = None

    async def begin(self) -> None:
        await self._session.call(Rollback())  # Of one before, that this client knows no more of.
        await self._ask(Begin(self._isolation))

    async def do(self, statement: Statement) -> Ok | None:
        """Return what a statement came to, None when there is no transaction any more."""
        return await self._ask(Within(statement))

    async def roll_back(self, reason: str) -> Answer:
        await self._session.call(Rollback())
        return Refused(reason)

    async def commit(self) -> Answer:
        return self._refusal or await self._session.call(Commit())

    async def _ask(self, operation: Operation) -> Ok | None:
        if self._refusal is not None:
            return None
        answer = await self._session.call(operation)
        if isinstance(answer, Ok):
            return answer
        self._refusal = Refused(answer.reason)
        return None


class Steps:
    """Transactions of reads and writes of single keys, one statement each."""

    def __init__(self, keys: Keyspace, choices: Choices, isolation: str, *, word: str) -> None:
        self.keys = keys
        self._choices = choices
        self._isolation = isolation
        self._word = word  # append or w

    def draw(self, _last_read: LastRead) -> Drawn:
        choices = self._choices
        return self._whole([step for _ in range(1 + choices.bits(8) % STEPS_MAX) for step in self._steps()])

    def last_read(self, key: str) -> Drawn:
        return self._whole([["r", key, None]])

    def _steps(self) -> list[list[Any]]:
        choices = self._choices
        if choices.bits(16) < choices.reads:
            return [["r", self.keys.names[choices.slot()], None]]
        key = self.keys.write(choices.slot())
        write = [self._word, key, choices.value()]
        # A register is read before it is written, or nobody could tell in which order its values came.
        return [["r", key, None], write] if self._word == "w" else [write]

    def _whole(self, steps: list[list[Any]]) -> Drawn:
        return "txn", None, steps, Transact(self._isolation, tuple(map(_statement, steps)))

    def interpret(self, drawn: Drawn, text: str | None, _last_read: LastRead) -> Meaning:
        seen = json.loads(text or "[]")
        pairs = zip(drawn[2], seen, strict=True)
        return "ok", [["r", step[1], self._seen(result)] if step[0] == "r" else step for step, result in pairs], ""

    def _seen(self, text: str | None) -> Any:
        """Return what a read is in the history."""
        return elements(text) if self._word == "append" else number_or_text(text)


class Mixed(Steps):
    """Single reads and appends, and transactions, of the same keys. Each single one is a transaction of one step."""

    def __init__(self, keys: Keyspace, choices: Choices, isolation: str, mix: Sequence[int]) -> None:
        super().__init__(keys, choices, isolation, word="append")
        reads, writes, _ = mix
        self._reads_end = reads * 65536 // 100
        self._writes_end = (reads + writes) * 65536 // 100

    def draw(self, last_read: LastRead) -> Drawn:
        choices = self._choices
        part = choices.bits(16)
        if part < self._reads_end:
            key = self.keys.names[choices.slot()]
            return "txn", None, [["r", key, None]], Get(key)
        if part < self._writes_end:
            key, value = self.keys.write(choices.slot()), choices.value()
            return "txn", None, [[self._word, key, value]], Append(key, str(value))
        return super().draw(last_read)

    def interpret(self, drawn: Drawn, text: str | None, last_read: LastRead) -> Meaning:
        _, _, steps, operation = drawn
        if isinstance(operation, Get):
            return "ok", [["r", operation.key, self._seen(text)]], ""
        return ("ok", steps, "") if isinstance(operation, Append) else super().interpret(drawn, text, last_read)


class Forks(Steps):
    """Writes of one key, each written once, or reads of a group of neighbours."""

    def draw(self, _last_read: LastRead) -> Drawn:
        choices, names = self._choices, self.keys.names
        if choices.bits(16) >= choices.reads:
            return self._whole([[self._word, self.keys.write(choices.slot()), self._amount()]])
        first = choices.slot()
        group = dict.fromkeys(names[(first + offset) % len(names)] for offset in range(FORK_READS))
        return self._whole([["r", key, None] for key in group])

    def _amount(self) -> int:
        return self._choices.value()


class Counters(Forks):
    """As forks, but with counters that grow."""

    def _amount(self) -> int:
        return 1 + self._choices.bits(2)

    def _seen(self, text: str | None) -> Any:
        return number_or_text(text or "0")


class Bank:
    """Accounts with 100 each. A transfer reads both, and gives up when there is not enough."""

    def __init__(self, keys: Keyspace, choices: Choices, isolation: str) -> None:
        self.keys = _Once()
        self._accounts = keys.names
        self._choices = choices
        self._isolation = isolation

    @property
    def initial(self) -> dict[str, int]:
        """The balances before the first transfer."""
        return dict.fromkeys(self._accounts, BALANCE)

    async def set_up(self, session: Session) -> bool:
        """Open the accounts, unless that was done already; return whether they are open now."""
        conversation = Conversation(session, "serializable")
        await conversation.begin()
        first = await conversation.do(Get(self._accounts[0]))
        if first is not None and first.value is not None:
            await conversation.roll_back("there they are")
            return True
        for account in self._accounts:
            await conversation.do(Put(account, str(BALANCE)))
        return isinstance(await conversation.commit(), Ok)

    def draw(self, _last_read: LastRead) -> Drawn:
        choices = self._choices
        if choices.bits(16) < choices.reads or len(self._accounts) < 2:
            return self.last_read(_ALL)
        source = choices.slot()
        target = (source + 1 + choices.bits(16) % (len(self._accounts) - 1)) % len(self._accounts)
        transfer = {"from": self._accounts[source], "to": self._accounts[target], "amount": 1 + choices.bits(3)}
        return "transfer", None, transfer, partial(self._transfer, transfer)

    def last_read(self, _key: str) -> Drawn:
        first, last = min(self._accounts), max(self._accounts)
        return "read", None, None, Transact(self._isolation, (Scan(first, last + "\0"),))

    async def _transfer(self, transfer: dict[str, Any], session: Session) -> Answer:
        source, target, amount = transfer["from"], transfer["to"], transfer["amount"]
        conversation = Conversation(session, self._isolation)
        await conversation.begin()
        had, has = await conversation.do(Get(source)), await conversation.do(Get(target))
        if had is not None and has is not None:
            if int(had.value or "0") < amount:
                return await conversation.roll_back(_NOT_ENOUGH)
            await conversation.do(self._change(source, had, -amount))
            await conversation.do(self._change(target, has, amount))
        return await conversation.commit()

    def _change(self, account: str, before: Ok, change: int) -> Put | Increment:
        """At read committed another may have written since: only an addition is right there."""
        if self._isolation == "read committed":
            return Increment(account, change)
        return Put(account, str(int(before.value or "0") + change))

    def interpret(self, drawn: Drawn, text: str | None, _last_read: LastRead) -> Meaning:
        if drawn[0] == "transfer":
            return "ok", drawn[2], ""
        rows = json.loads(json.loads(text or "[]")[0])
        own = dict.fromkeys(self._accounts)
        return "ok", {key: number_or_text(value) for key, value in rows if key in own}, ""


class Pairs:
    """Two rows a pair, far from each other. Who finds both empty puts in one of them."""

    def __init__(self, keys: Keyspace, choices: Choices, isolation: str) -> None:
        self.keys = keys
        self._choices = choices
        self._isolation = isolation

    def draw(self, _last_read: LastRead) -> Drawn:
        choices = self._choices
        if choices.bits(16) < choices.reads:
            return self.last_read(self.keys.names[choices.slot()])
        key, value = self.keys.write(choices.slot()), choices.value()
        return "insert", key, value, partial(self._insert, key, value)

    def last_read(self, key: str) -> Drawn:
        return "read", key, None, Transact(self._isolation, tuple(map(Get, _rows(key))))

    async def _insert(self, key: str, value: int, session: Session) -> Answer:
        conversation, rows = Conversation(session, self._isolation), _rows(key)
        await conversation.begin()
        found = [await conversation.do(Get(row)) for row in rows]
        if any(answer is not None and answer.value is not None for answer in found):
            return await conversation.roll_back(_NOT_EMPTY)
        await conversation.do(Put(rows[value % 2], str(value)))
        return await conversation.commit()

    def interpret(self, drawn: Drawn, text: str | None, _last_read: LastRead) -> Meaning:
        if drawn[0] == "insert":
            return "ok", drawn[2], ""
        return "ok", [number_or_text(each) for each in json.loads(text or "[]") if each is not None], ""


class _Once:
    """What there is to read last of a bank: all of it, once."""

    def written(self) -> list[str]:
        return [_ALL]


def _rows(key: str) -> tuple[str, str]:
    """Return the rows of a pair: at both ends of the keys, and so on different shards if there are several."""
    return f"k1{key}", f"k8{key}"


def _statement(step: Sequence[Any]) -> Statement:
    function, key, value = step
    if function == "r":
        return Get(key)
    if function == "append":
        return Append(key, str(value))
    return Increment(key, value) if function == "add" else Put(key, str(value))


TRANSACTIONAL: dict[str, Callable[[int, str, Choices, str], Kind]] = {
    "list-append": lambda keys, pattern, *rest: Steps(Keyspace(keys, pattern, ELEMENTS_MAX), *rest, word="append"),
    "rw-register": lambda keys, pattern, *rest: Steps(Keyspace(keys, pattern), *rest, word="w"),
    "bank": lambda keys, pattern, *rest: Bank(Keyspace(keys, pattern), *rest),
    "write-skew": lambda keys, pattern, *rest: Pairs(Keyspace(keys, pattern, PAIR_WRITES_MAX), *rest),
    "long-fork": lambda keys, pattern, *rest: Forks(Keyspace(keys, pattern, 1), *rest, word="w"),
    "monotonic": lambda keys, pattern, *rest: Counters(Keyspace(keys, pattern), *rest, word="add"),
}

MIXED: dict[str, Callable[[int, str, Choices, str, Sequence[int]], Kind]] = {
    "list-append": lambda keys, pattern, *rest: Mixed(Keyspace(keys, pattern, ELEMENTS_MAX), *rest),
}
"""Kinds whose operations may be single ones as well, in a mix."""
