"""Verbs of transactions that a test holds open by name, and what has become of them, seen from outside."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.domain import (
    ISOLATION_LEVELS,
    MILLISECOND_NS,
    SECOND_NS,
    Answer,
    Delete,
    Get,
    NodeId,
    Ok,
    Put,
    Refused,
    Scan,
    Sql,
    StatementFailed,
    Update,
    Where,
)
from PhantomLibrary.errors import InvalidInput, InvalidState, nearest
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.protocols.transactions.values import TransactionId
from PhantomLibrary.testbed.client_transaction import ClientTransaction
from PhantomLibrary.testbed.cluster import Cluster
from PhantomLibrary.testbed.queries import read_parameters
from PhantomLibrary.testbed.schedule import Command
from PhantomLibrary.testbed.targets import resolve_nodes

OutcomeWord: TypeAlias = Literal["done", "blocked", "failed", "aborted", "unknown"]
Advance: TypeAlias = Callable[[int, Callable[[], bool]], Any]
_PATIENCE_NS = 60 * SECOND_NS  # More than any client waits for an answer.
_BLOCKED_NS = 500 * MILLISECOND_NS  # Whoever has no answer for so long waits for something, such as a decision.


def begin_transaction(cluster: Cluster, command: Command) -> ClientTransaction:
    """Open a transaction under a name, at the gateway of the command's target, where that is given."""
    name, isolation = command.arguments["transaction"], command.arguments["isolation"]
    known = cluster.transactions.get(name)
    if known is not None and known.is_open:
        raise InvalidState(f"transaction {name!r} is open already: commit it or roll it back, or take another name")
    if isolation not in ISOLATION_LEVELS:
        levels = ", ".join(ISOLATION_LEVELS)
        raise InvalidInput(
            f"no isolation level {isolation!r}: there are {levels}{nearest(isolation, ISOLATION_LEVELS)}"
        )
    if not name.strip():
        raise InvalidInput("a transaction needs a name")
    home: NodeId | None = None
    if command.target:
        if command.resolved is None:
            command.resolved = resolve_nodes(command.target, cluster)
        home = command.resolved[0]
    session = cluster.sessions.open(cluster.recorder.new_process(), home=home)
    look = partial(_at_gateway, cluster, session.node, session.process)
    transaction = cluster.transactions[name] = ClientTransaction(
        name, isolation, session, scheduler=cluster.scheduler, recorder=cluster.recorder, look=look
    )
    return transaction


def _at_gateway(cluster: Cluster, node: NodeId, process: int) -> OpenTransaction | None:
    """Return a client's transaction as its gateway has it, None where that has crashed since."""
    return None if cluster.host(node).is_down else cluster.processes[node].transactions.transaction_of(process)


def known_transaction(cluster: Cluster, name: str) -> ClientTransaction:
    """Return a transaction that was begun in this run. Raises InvalidInput for another name."""
    transaction = cluster.transactions.get(name)
    if transaction is None:
        begun = f"there is {', '.join(cluster.transactions)}" if cluster.transactions else "none was begun"
        raise InvalidInput(f"no transaction {name!r}: {begun}{nearest(name, cluster.transactions)}")
    return transaction


def open_transaction(cluster: Cluster, name: str) -> ClientTransaction:
    """Return a transaction that its client has open. Raises InvalidInput or InvalidState."""
    transaction = known_transaction(cluster, name)
    if transaction.known == "committed":
        raise InvalidState(f"transaction {name!r} is committed: begin another one")
    if transaction.known == "unknown":
        raise InvalidState(f"nobody knows what became of transaction {name!r}: begin another one")
    if transaction.known == "aborted":
        raise InvalidState(f"transaction {name!r} is rolled back, for {transaction.reason}: begin another one")
    return transaction


def _free_transaction(cluster: Cluster, command: Command) -> ClientTransaction:
    transaction = open_transaction(cluster, command.arguments["transaction"])
    if not transaction.task.is_done:
        raise InvalidState(f"transaction {transaction.name!r} waits for an answer still: let time go on")
    return transaction


def read_key(cluster: Cluster, command: Command) -> Task[Answer]:
    return _free_transaction(cluster, command).perform(Get(command.arguments["key"]))


def write_key(cluster: Cluster, command: Command) -> Task[Answer]:
    arguments = command.arguments
    return _free_transaction(cluster, command).perform(Put(arguments["key"], arguments["value"]))


def delete_key(cluster: Cluster, command: Command) -> Task[Answer]:
    return _free_transaction(cluster, command).perform(Delete(command.arguments["key"]))


def read_range(cluster: Cluster, command: Command) -> Task[Answer]:
    start, end, where = _range(command)
    return _free_transaction(cluster, command).perform(Scan(start, end, where))


def update_range(cluster: Cluster, command: Command) -> Task[Answer]:
    start, end, where = _range(command)
    change, value = command.arguments["change"], command.arguments.get("value", "")
    if change == "add" and not value.removeprefix("-").isdecimal():
        raise InvalidInput(f"{value!r} cannot be added: write a whole number")
    return _free_transaction(cluster, command).perform(Update(start, end, where, change, value))


def _range(command: Command) -> tuple[str, str, Where]:
    arguments = command.arguments
    kind, number = arguments.get("where", "all"), arguments.get("number", 0)
    if kind == "multiple" and not number:
        raise InvalidInput("no number is a multiple of 0")
    start, end = arguments["start"], arguments.get("end", "")
    if end and end <= start:
        raise InvalidInput(f"no key lies between {start!r} and {end!r}: write the smaller one first")
    return start, end, Where(kind, number)


def execute_sql(cluster: Cluster, command: Command) -> Task[Answer]:
    """Perform a statement of SQL, in a transaction that is open or as one of its own."""
    arguments = command.arguments
    statement = Sql(arguments["statement"], read_parameters(arguments.get("parameters", ())))
    if arguments.get("transaction"):
        return _free_transaction(cluster, command).perform(statement)
    return cluster.operator.begin(statement)


def commit_transaction(cluster: Cluster, command: Command) -> Task[Answer]:
    return _free_transaction(cluster, command).commit()


def roll_back_transaction(cluster: Cluster, command: Command) -> Task[Answer]:
    transaction = open_transaction(cluster, command.arguments["transaction"])
    if transaction.is_committing:
        raise InvalidState(f"transaction {transaction.name!r} is being committed: it cannot be rolled back any more")
    return transaction.roll_back()


# --- how requests end -----------------------------------------------------------------------------------------------


class Outcome(Struct, frozen=True):
    """What came of a request: `done` with a value, `blocked`, or with a reason `failed`, which leaves the transaction
    open, `aborted` or `unknown`.
    """

    word: OutcomeWord
    value: str | None = None
    reason: str = ""


def await_outcome(advance: Advance, transaction: ClientTransaction, *, may_block: bool) -> Outcome:
    """Let time go on until the latest request of a transaction is answered; return what came of it.

    With `may_block` it is enough that the request waits for a lock, or has had no answer for long.
    """
    task = transaction.task
    advance(_BLOCKED_NS if may_block else _PATIENCE_NS, lambda: task.is_done or (may_block and transaction.is_blocked))
    transaction.is_owed = not task.is_done
    if not task.is_done:
        return Outcome("blocked")
    return outcome_of(task.result)


def outcome_of(answer: Answer) -> Outcome:
    """Return what an answer means."""
    if isinstance(answer, Ok):
        return Outcome("done", answer.value)
    if isinstance(answer, StatementFailed):
        return Outcome("failed", None, answer.reason)
    return Outcome("aborted" if isinstance(answer, Refused) else "unknown", None, answer.reason)


# --- seen from outside ----------------------------------------------------------------------------------------------


def transaction_state(cluster: Cluster, transaction: ClientTransaction) -> str:
    """Return `active`, `blocked`, `prepared`, `committed` or `aborted`: what its client knows, else what any node does.

    One that nobody knows any more, for its gateway is gone and no shard has a trace of it, is aborted.
    """
    if transaction.known in ("committed", "aborted"):
        return transaction.known
    ending = _ending(cluster, transaction.id)
    if ending:
        return ending
    running = transaction.look()
    if transaction.id is not None and _is_prepared(cluster, transaction.id):
        return "prepared"
    if running is None:
        return "active" if transaction.id is None and transaction.is_open else "aborted"
    return "active" if running.state == "committing" else running.state


def _ending(cluster: Cluster, identity: TransactionId | None) -> str:
    if identity is None:
        return ""
    for process in cluster.processes.values():
        for replica in process.replicas.values():
            ended = replica.machine.transactions.ending(identity)
            if ended is not None:
                return "committed" if ended.committed else "aborted"
    return ""


def _is_prepared(cluster: Cluster, identity: TransactionId) -> bool:
    return any(
        identity in replica.machine.transactions.parts
        for process in cluster.processes.values()
        for replica in process.replicas.values()
    )
