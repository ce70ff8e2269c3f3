"""Does a history of transactions keep an isolation level?

Lists show the order of their versions themselves, so where no cycle is found, every order of the transactions that
agrees with the graph explains all reads, and `valid` is proved. Of registers, and of elements that nobody read, the
order has to be inferred; `valid` then needs an order that explains all reads, and where none was found, and no cycle
either, the answer is `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PhantomLibrary.checking.history import CompletedOperation
from PhantomLibrary.checking.transactions.cycles import find_cycles
from PhantomLibrary.checking.transactions.findings import Anomaly, earlier
from PhantomLibrary.checking.transactions.form import Transactions
from PhantomLibrary.checking.transactions.graph import Graph
from PhantomLibrary.checking.transactions.inference import WriteOrders, Writes
from PhantomLibrary.checking.transactions.levels import (
    CODES,
    CYCLES,
    ISOLATIONS,
    ORDERS_BROKEN,
    PLAIN_NAMES,
    Level,
    Order,
    level_of,
)  # fmt: skip
from PhantomLibrary.checking.transactions.list_reads import label_lists, wrong_reads
from PhantomLibrary.checking.transactions.lists import ListHistory
from PhantomLibrary.checking.transactions.order import Users, add_real_time, add_real_time_of_keys, add_sessions
from PhantomLibrary.checking.transactions.registers import RegisterHistory
from PhantomLibrary.checking.transactions.replay import explains
from PhantomLibrary.checking.transactions.wording import Label, describe_cycle, describe_transactions
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
    return _answer(transactions, wanted, *list_anomalies(history, wanted))


def list_anomalies(history: ListHistory, level: Level) -> tuple[list[Anomaly], bool]:
    """Return one anomaly of each kind that the level forbids, and whether the lack of any proves the history."""
    transactions = history.transactions
    reads = first_of_each(wrong_reads(history), transactions, level)
    graph = Graph(len(transactions))
    history.add_dependencies(graph)
    add_order(graph, transactions, level, history.users())
    label = label_lists(history)
    found = reads + _cycles(graph, transactions, level, label)
    if found or level.forbids("G2-item") or not level.forbids("G-single"):
        return found, True
    unread = [Writes(key.unread, {}) for key in history.keys.values() if len(key.unread) > 1]
    if not unread:
        return found, True
    orders = WriteOrders(graph, unread, level)
    is_complete = orders.infer()
    found = _cycles(graph, transactions, level, label)
    if not found and is_complete and not orders.is_total:
        orders.choose()
        is_complete = not _cycles(graph, transactions, level, label)
    return found, is_complete


def check_registers_of(
    operations: Sequence[CompletedOperation], level: str, *, initial_is_known: bool = True
) -> Verdict:
    """Judge transactions of reads and writes of registers by an isolation level.

    Unless `initial_is_known`, as nothing, keys may have had any value in the beginning. Raises InvalidInput for a
    level, or a step of a transaction, that does not exist.
    """
    wanted = level_of(level)
    transactions = Transactions(operations)
    history = RegisterHistory(transactions, initial_is_known=initial_is_known)
    if history.ambiguous:
        return _verdict(transactions, "unknown", "TXN-021", f"{history.ambiguous}, so reads do not tell whose it is")
    return _answer(transactions, wanted, *register_anomalies(history, wanted))


def register_anomalies(history: RegisterHistory, level: Level) -> tuple[list[Anomaly], bool]:
    """Return one anomaly of each kind that the level forbids, and whether the lack of any proves the history.

    What was right in real time too is soonest proved, and right at weaker levels as well; so that is tried first.
    """
    reads = first_of_each(history.anomalies, history.transactions, level)
    if not reads and level.order != "strict" and _judge_in(history, level, "strict") == "valid":
        return [], True
    outcome = _judge(history, level)
    if outcome == "unknown" and not level.order:  # With more that is known an order may be found, and it will do here.
        in_order = (_judge_in(history, level, order) for order in ("per-key", "session"))
        outcome = next((each for each in in_order if each == "valid"), outcome)
    if outcome == "invalid":
        return reads + _weakest_cycles(history, level), True
    return reads, outcome == "valid" or bool(reads)


def _judge_in(history: RegisterHistory, level: Level, order: Order) -> Outcome:
    return _judge(history, Level(level.name, level.forbidden, order))


def _judge(history: RegisterHistory, level: Level) -> Outcome:
    """Tell whether dependencies have a cycle that the level forbids, or else some order explains all reads."""
    graph, is_proved = _inferred(history, level)
    if find_cycles(graph, level.forbidden):
        return "invalid"
    return "valid" if is_proved or explains(history, graph, snapshots=not level.forbids("G2-item")) else "unknown"


def _inferred(history: RegisterHistory, level: Level) -> tuple[Graph, bool]:
    """Return all dependencies that are known at a level, and whether they prove a history without cycles."""
    graph = Graph(len(history.transactions))
    history.add_dependencies(graph)
    add_order(graph, history.transactions, level, history.users())
    orders = WriteOrders(graph, [Writes(key.writers, key.readers) for key in history.keys.values()], level)
    is_complete = orders.infer()
    return graph, is_complete and (orders.is_total or not level.forbids("G-single"))


def _weakest_cycles(history: RegisterHistory, level: Level) -> list[Anomaly]:
    """Return the cycles of the weakest isolation that forbids some, where the level is known to do.

    What is inferred takes an isolation for granted, so that a cycle can look worse than what reads show. It is called
    by the first class that this isolation forbids and weaker ones allow, at the worst.
    """
    allowed = 0
    for forbidden in ISOLATIONS.values():
        graph, _ = _inferred(history, Level(level.name, forbidden, level.order))
        cycles = find_cycles(graph, forbidden)
        if cycles:
            named: dict[str, Anomaly] = {}
            for cycle in cycles:
                name = CYCLES[max(allowed, CYCLES.index(cycle.base))] + cycle.suffix
                text = describe_cycle(history.transactions, cycle, history.label)
                named.setdefault(name, Anomaly(name, text, cycle.nodes))
            return list(named.values())
        allowed = sum(name in forbidden for name in CYCLES)
    raise AssertionError(f"{level.name} forbids some cycle, and no isolation does")


def _cycles(graph: Graph, transactions: Transactions, level: Level, label: Label) -> list[Anomaly]:
    return [
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


def _answer(transactions: Transactions, level: Level, found: Sequence[Anomaly], is_proved: bool) -> Verdict:
    if found:
        return _invalid(transactions, level, found)
    if is_proved:
        return _verdict(transactions, "valid")
    message = f"no cycle was found that {level.name} forbids, nor an order of the writes that explains all reads"
    return _verdict(transactions, "unknown", "TXN-020", message)


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
