"""Does a history of transactions keep an isolation level?

`append` histories show the order of their versions themselves; where no cycle is found, every order of the transactions
that agrees with the graph explains all reads, so `valid` is proved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PhantomLibrary.checking.history import CompletedOperation
from PhantomLibrary.checking.transactions.cycles import find_cycles
from PhantomLibrary.checking.transactions.findings import Anomaly, earlier
from PhantomLibrary.checking.transactions.form import Transactions
from PhantomLibrary.checking.transactions.graph import Graph
from PhantomLibrary.checking.transactions.levels import CODES, ORDERS_BROKEN, PLAIN_NAMES, Level, level_of
from PhantomLibrary.checking.transactions.list_reads import label_lists, wrong_reads
from PhantomLibrary.checking.transactions.lists import ListHistory
from PhantomLibrary.checking.transactions.order import Users, add_real_time, add_real_time_of_keys, add_sessions
from PhantomLibrary.checking.transactions.wording import describe_cycle, describe_transactions
from PhantomLibrary.checking.verdict import Outcome, Verdict


def check_appends_of(operations: Sequence[CompletedOperation], level: str) -> Verdict:
    """Judge transactions of reads and appends of lists by an isolation level; `level` is a name of `levels.LEVELS`.

    Raises InvalidInput for a level, or a step of a transaction, that does not exist.
    """
    wanted = level_of(level)
    transactions = Transactions(operations)
    history = ListHistory(transactions)
    if history.ambiguous:
        return _verdict(transactions, "unknown", "TXN-021", f"{history.ambiguous}, so reads do not tell whose it is")
    found = list_anomalies(history, wanted)
    return _invalid(transactions, wanted, found) if found else _verdict(transactions, "valid")


def list_anomalies(history: ListHistory, level: Level) -> list[Anomaly]:
    """Return one anomaly of each kind that the level forbids, the most telling first."""
    transactions = history.transactions
    reads = first_of_each(wrong_reads(history), transactions, level)
    graph = Graph(len(transactions))
    history.add_dependencies(graph)
    add_order(graph, transactions, level, history.users())
    label = label_lists(history)
    return reads + [
        Anomaly(cycle.name, describe_cycle(transactions, cycle, label), cycle.nodes)
        for cycle in find_cycles(graph, level.forbidden)
    ]


def add_order(graph: Graph, transactions: Transactions, level: Level, users: Iterable[Users]) -> None:
    """Add the order that a level keeps beside its isolation."""
    if level.order == "session":
        add_sessions(graph, transactions)
    elif level.order == "per-key":
        add_real_time_of_keys(graph, transactions, users, reads=level.forbids("G2-item"))
    elif level.order == "strict":
        add_real_time(graph, transactions)


def first_of_each(found: Iterable[Anomaly], transactions: Transactions, level: Level) -> list[Anomaly]:
    """Return of each kind that the level forbids the anomaly that was complete first."""
    kinds: dict[str, Anomaly] = {}
    for anomaly in found:
        if level.forbids(anomaly.name):
            before = kinds.get(anomaly.name)
            kinds[anomaly.name] = anomaly if before is None else earlier(before, anomaly, transactions)
    return sorted(kinds.values(), key=lambda anomaly: level.forbidden.index(anomaly.name))


def _invalid(transactions: Transactions, level: Level, found: Sequence[Anomaly]) -> Verdict:
    worst = found[0]
    name = PLAIN_NAMES.get(worst.base, worst.base)
    if worst.name != worst.base:
        name = f"{name}, {ORDERS_BROKEN[worst.name.removeprefix(worst.base)]}"
    others = [each.name for each in found[1:]]
    also = f" (also found: {', '.join(others)})" if others else ""
    message = f"{name}, which {level.name} forbids: {worst.text}{also}"
    return _verdict(
        transactions, "invalid", CODES[worst.base], message, describe_transactions(transactions, worst.blamed)
    )


def _verdict(
    transactions: Transactions, outcome: Outcome, code: str = "", message: str = "", evidence: tuple[str, ...] = ()
) -> Verdict:
    confirmed = sum(operation.is_confirmed for operation in transactions.operations)
    cost = sum(map(len, transactions.steps))
    return Verdict(outcome, code, message, evidence, len(transactions), confirmed, cost)
