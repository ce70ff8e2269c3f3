"""Small histories of transactions, and a judge that tries everything: all outcomes, all orders.

Written without anything of the checkers. It takes Adya's and Cerone's definitions at their word: serializable, if some
order of the transactions gives what they read; snapshot, if some order of beginnings and ends does, where reads are as
of the beginning and no two that overlap write one key; read committed, if there is an order in which who was read, or
written over, comes first.
"""

from itertools import permutations, product

from PhantomLibrary.domain import MILLISECOND_NS, HistoryEvent


def draw_history(kind, random, *, transactions):
    """Return events of a few transactions on two keys, about half of them right."""
    fresh = {"x": 0, "y": 0}
    asked = []
    for _ in range(transactions):
        steps = []
        for _ in range(random.randint(1, 3)):
            key = random.choice("xy")
            if random.randrange(2):
                fresh[key] += 1
                steps.append(["append" if kind == "append" else "w", key, fresh[key]])
            else:
                steps.append(["r", key, None])
        asked.append(steps)
    orders = {key: random.sample(range(1, count + 1), count) for key, count in fresh.items()}
    bounds = sorted(2 * list(range(transactions)), key=lambda _: random.random())
    events, processes, free, fresh_process = [], {}, [], 0
    for number in bounds:
        first = number not in processes
        if first:
            if not free or not random.randrange(3):
                fresh_process += 1
                free.append(fresh_process)
            processes[number] = free.pop()
        type_ = "invoke" if first else random.choice(["ok"] * 12 + ["info", "fail"])
        if type_ in ("ok", "fail"):
            free.append(processes[number])
        steps = asked[number] if first else _seen(kind, random, asked[number], orders) if type_ == "ok" else None
        index = len(events)
        events.append(HistoryEvent(index, index * MILLISECOND_NS, processes[number], type_, "txn", None, steps))
    return events


def _seen(kind, random, steps, orders):
    own, done, before = {}, [], {}
    for function, key, value in steps:
        if function == "r":
            mine = [step[2] for step in steps if step[1] == key and step[0] != "r"]
            others = [each for each in orders[key] if each not in mine]
            if key not in before:
                before[key] = others[: random.randint(0, len(others))]
            if kind == "append":
                value = before[key] + own.get(key, [])
            else:
                value = own[key][-1] if key in own else next(reversed(before[key]), None)
        else:
            own.setdefault(key, []).append(value)
        done.append([function, key, value])
    return done


def is_allowed(kind, operations, level, order=""):
    """Try everything. `level` is serializable, snapshot or read committed; `order` none, session or strict."""
    certain = [each for each in operations if each.ending == "ok"]
    possible = [each for each in operations if each.ending in ("info", "open")]
    for chosen in product((False, True), repeat=len(possible)):
        happened = certain + [each for each, is_in in zip(possible, chosen, strict=True) if is_in]
        if _TESTS[level](kind, happened, order):
            return True
    return False


def _precedes(first, second, order):
    if order == "strict":
        return first.returned is not None and first.returned < second.called
    return order == "session" and first.process == second.process and first.called < second.called


def _follow(sequence, order):
    return not any(
        _precedes(later, earlier, order) for at, earlier in enumerate(sequence) for later in sequence[at + 1 :]
    )


def _run(kind, operation, state):
    """Return what the keys hold after a transaction that starts from this state, or None if it did not read that."""
    state = dict(state)
    is_known = operation.ending == "ok"
    for function, key, value in operation.result if is_known else operation.argument:
        here = state.get(key, () if kind == "append" else None)
        if function == "append":
            state[key] = (*here, value)
        elif function == "w":
            state[key] = value
        elif is_known and (tuple(value) if kind == "append" else value) != here:
            return None
    return state


def _written(operation):
    return {key for function, key, _ in operation.argument if function != "r"}


def _serializable(kind, happened, order):
    def search(state, done, left):
        if not left:
            return True
        for chosen in left:
            others = [each for each in left if each is not chosen]
            if any(_precedes(each, chosen, order) for each in others):
                continue
            after = _run(kind, chosen, state)
            if after is not None and search(after, [*done, chosen], others):
                return True
        return False

    return search({}, [], happened)


def _snapshot(kind, happened, order):
    def search(state, not_begun, active):
        if not not_begun and not active:
            return True
        for chosen in not_begun:
            others = [each for each in not_begun if each is not chosen]
            before = [*others, *(each for each, _ in active)]
            if any(_precedes(each, chosen, order) for each in before):
                continue
            if any(_written(each) & _written(chosen) for each, _ in active):
                continue
            after = _run(kind, chosen, state)
            if after is not None and search(state, others, [*active, (chosen, after)]):
                return True
        for ending in active:
            others = [each for each in active if each is not ending]
            chosen, after = ending
            if search({**state, **{key: after[key] for key in _written(chosen)}}, not_begun, others):
                return True
        return False

    return search({}, happened, [])


def _read_committed(kind, happened, order):
    """Every read sees a committed last write of somebody earlier; writes of a key are in that order."""
    return any(_follow(sequence, order) and _reads_fit(kind, sequence) for sequence in permutations(happened))


def _reads_fit(kind, sequence):
    seen = {"x": [() if kind == "append" else None], "y": [() if kind == "append" else None]}
    for operation in sequence:
        own = {}
        for function, key, value in operation.result if operation.ending == "ok" else operation.argument:
            if function != "r":
                own.setdefault(key, []).append(value)
            elif operation.ending == "ok":
                if kind == "append":
                    mine = tuple(own.get(key, ()))
                    base = tuple(value)[: len(value) - len(mine)]
                    if (*base, *mine) != tuple(value) or base not in seen[key] or (mine and base != seen[key][-1]):
                        return False
                elif own.get(key, [value])[-1] != value or (key not in own and value not in seen[key]):
                    return False
        for key, values in own.items():
            seen[key].append((*seen[key][-1], *values) if kind == "append" else values[-1])
    return True


_TESTS = {"serializable": _serializable, "snapshot": _snapshot, "read committed": _read_committed}
