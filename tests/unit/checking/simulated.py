"""Histories that are linearizable by construction, and a checker that tries every order.

Written without the models of the project, so that a mistake in one shows against the other.
"""

from PhantomLibrary.checking.history import MISMATCH
from PhantomLibrary.domain import HistoryEvent


def start(kind):
    return {"register": None, "append": (), "map": ""}[kind]


def apply(kind, state, function, argument):
    """Return new state and result; a cas that does not match results in False."""
    if function in ("read", "get"):
        return state, list(state) if kind == "append" else state
    if function == "cas":
        return (argument[1], True) if state == argument[0] else (state, False)
    if function == "append":
        return ((*state, argument), None) if kind == "append" else (state + argument, None)
    return argument, None  # write, put


def draw(kind, random, fresh, values):
    """Return function and argument of a random operation."""
    word = random.choice(
        {"register": ("read", "write", "cas"), "append": ("read", "append"), "map": ("get", "put", "append")}[kind]
    )
    value = fresh if values is None else random.randrange(values)
    if kind == "map":
        value = f"<{value}>"
    if word == "cas":
        return word, [random.choice((None, *range(values or 4))), value]
    return word, None if word in ("read", "get") else value


def simulate(kind, random, *, operations, clients=4, keys=1, values=None, info_percent=15, fail_percent=5):
    """Run clients against one copy of the data; each operation takes effect at some time between call and return.

    With `info`, it takes effect then, or much later, or never.
    """
    states = [start(kind)] * keys
    events, under_way, late = [], {}, []
    processes, next_process, issued = list(range(clients)), clients, 0

    def record(process, type_, function, key, value, error=""):
        index = len(events)
        events.append(HistoryEvent(index, index * 1_000_000, process, type_, function, f"k{key}", value, error=error))

    def effect(key, function, argument):
        states[key], result = apply(kind, states[key], function, argument)
        return result

    while issued < operations or under_way:
        if late and random.randrange(8) == 0:
            effect(*late.pop(random.randrange(len(late))))
        slot = random.randrange(clients)
        process = processes[slot]
        if process not in under_way:
            if issued < operations:
                issued += 1
                function, argument = draw(kind, random, issued, values)
                key = random.randrange(keys)
                under_way[process] = [key, function, argument, False, None]
                record(process, "invoke", function, key, argument)
            continue
        doing = under_way[process]
        key, function, argument, is_done, result = doing
        chance = random.randrange(100)
        if not is_done and chance < info_percent:
            record(process, "info", function, key, None)
            late.append((key, function, argument))
            del under_way[process]
            processes[slot], next_process = next_process, next_process + 1
        elif not is_done and chance < info_percent + fail_percent:
            record(process, "fail", function, key, argument, "refused")
            del under_way[process]
        elif not is_done:
            doing[3:] = True, effect(key, function, argument)
        elif result is False:
            record(process, "fail", function, key, argument, MISMATCH)
            del under_way[process]
        else:
            record(process, "ok", function, key, argument if result is None and argument is not None else result)
            del under_way[process]
    return events


def has_order(kind, operations):
    """Try every order of at most a few operations of one key."""
    relevant = []
    for operation in operations:
        is_read = operation.function in ("read", "get")
        if operation.ending == "fail":
            if operation.function == "cas" and operation.error == MISMATCH:
                relevant.append((operation, False, True))
        elif operation.ending == "ok" or not is_read:
            result = {"register": None, "append": [], "map": ""}[kind] if operation.result is None else operation.result
            expected = result if is_read else (True if operation.function == "cas" else None)
            relevant.append((operation, expected, operation.ending == "ok"))

    def search(state, left):
        if not any(required for _, _, required in left):
            return True
        for chosen in left:
            operation, expected, _ = chosen
            others = [each for each in left if each is not chosen]
            if any(each[2] and each[0].returned < operation.called for each in others):
                continue
            after, result = apply(kind, state, operation.function, operation.argument)
            if result == expected and search(after, others):
                return True
        return False

    return search(start(kind), relevant)
