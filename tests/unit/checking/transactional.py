"""Histories of transactions: short scripts, and small engines whose histories keep a level by construction.

The engines are written without anything of the checkers, so that a mistake in one shows against the other.
"""

from msgspec.structs import replace

from PhantomLibrary.checking.history import pair
from PhantomLibrary.domain import MILLISECOND_NS, HistoryEvent


def read_script(text):
    """Return the events of lines `process ending: step; step`, as in `1 ok: r x [1 2]; append y 3`.

    Transactions are concurrent; a line `---` lets all before it return before any after it is called. The n-th event
    is at n milliseconds.
    """
    events = []

    def record(process, type_, steps):
        index = len(events) + 1
        events.append(HistoryEvent(index, index * MILLISECOND_NS, process, type_, "txn", None, steps))

    for group in text.strip().split("---"):
        parsed = [_parse_line(line) for line in group.strip().splitlines()]
        for process, _, steps in parsed:
            record(process, "invoke", [[f, key, None if f == "r" else value] for f, key, value in steps])
        for process, ending, steps in parsed:
            if ending != "open":
                record(process, ending, steps if ending == "ok" else None)
    return events


def operations_of(text):
    return pair(read_script(text))


def _parse_line(line):
    head, _, rest = line.partition(":")
    process, ending = head.split()
    return int(process), ending, [_parse_step(step) for step in rest.split(";") if step.strip()]


def _parse_step(text):
    function, key, value = text.strip().split(" ", 2)
    if value.startswith("["):
        return [function, key, [int(each) for each in value.strip("[]").split()]]
    return [function, key, None if value == "nil" else int(value)]


class Engine:
    """Runs random transactions of several clients against versions in memory, at one isolation level.

    `kind` is append or register. Serializable transactions run at one instant; snapshots read as of their begin, and
    abort where another has committed to a key of theirs since; read committed reads what is newest, and locks rows that
    it writes to. `lag`: transactions that only read may read as of an earlier time.
    """

    def __init__(self, kind, isolation, random, *, clients=5, keys=4, lag=False, info_percent=5, fail_percent=5):
        self.kind, self.isolation, self.random, self.lag = kind, isolation, random, lag
        self.keys = [f"k{number}" for number in range(keys)]
        self.versions = {key: [(0, [] if kind == "append" else None)] for key in self.keys}
        self.now, self.fresh, self.events = 0, 0, []
        self.processes, self.next_process = list(range(clients)), clients
        self.info_percent, self.fail_percent = info_percent, fail_percent
        self.under_way = {}
        self.locked = {}

    def run(self, transactions):
        """Return the history of so many transactions."""
        issued = 0
        while issued < transactions or self.under_way:
            slot = self.random.randrange(len(self.processes))
            process = self.processes[slot]
            if process in self.under_way:
                self._go_on(slot, process)
            elif issued < transactions:
                issued += 1
                steps = [self._step() for _ in range(self.random.randint(1, 4))]
                self.under_way[process] = {"steps": steps, "at": 0, "seen": [], "own": {}, "begun": None}
                self._record(process, "invoke", steps)
        return self.events

    def _step(self):
        key = self.random.choice(self.keys)
        if self.random.randrange(2):
            return ["r", key, None]
        self.fresh += 1
        return ["append" if self.kind == "append" else "w", key, self.fresh]

    def _go_on(self, slot, process):
        doing = self.under_way[process]
        if doing["begun"] is None:
            self.now += 1
            doing["begun"] = self.now
            if self.lag and all(step[0] == "r" for step in doing["steps"]):
                doing["begun"] = self.random.randint(0, self.now)
        turns = len(doing["steps"]) if self.isolation == "serializable" else 1
        for _ in range(turns):
            if doing["at"] < len(doing["steps"]) and not self._do(process, doing):
                return
        if doing["at"] == len(doing["steps"]):
            self._end(slot, process, doing)

    def _do(self, process, doing):
        """Take one step; False when it has to wait for a lock."""
        function, key, value = doing["steps"][doing["at"]]
        if function == "r":
            doing["seen"].append([function, key, self._value(doing, key)])
        else:
            if self.isolation != "serializable" and self.locked.setdefault(key, process) != process:
                if any(holder == process for holder in self.locked.values()):
                    doing["deadlock"] = True  # It may not be one, but a transaction may always abort.
                    doing["at"] = len(doing["steps"])
                    return True
                return False
            doing["seen"].append([function, key, value])
            if self.kind == "append":
                doing["own"].setdefault(key, []).append(value)
            else:
                doing["own"][key] = value
        doing["at"] += 1
        return True

    def _value(self, doing, key):
        at = self.now if self.isolation == "read committed" else doing["begun"]
        committed = next(value for time, value in reversed(self.versions[key]) if time <= at)
        if self.kind == "append":
            return [*committed, *doing["own"].get(key, [])]
        return doing["own"].get(key, committed)

    def _end(self, slot, process, doing):
        del self.under_way[process]
        chance = self.random.randrange(100)
        conflict = self.isolation == "snapshot" and any(
            self.versions[key][-1][0] > doing["begun"] for key in doing["own"]
        )
        aborts = conflict or doing.get("deadlock") or chance < self.fail_percent
        is_lost = self.fail_percent <= chance < self.fail_percent + self.info_percent
        if not aborts and not (is_lost and self.random.randrange(2)):
            self.now += 1
            for key, own in doing["own"].items():
                newest = self.versions[key][-1][1]
                self.versions[key].append((self.now, [*newest, *own] if self.kind == "append" else own))
        self.locked = {key: holder for key, holder in self.locked.items() if holder != process}
        if aborts:
            self._record(process, "fail", None)
        elif is_lost:
            self._record(process, "info", None)
            self.processes[slot], self.next_process = self.next_process, self.next_process + 1
        else:
            self._record(process, "ok", doing["seen"])

    def _record(self, process, type_, steps):
        index = len(self.events)
        self.events.append(HistoryEvent(index, index * MILLISECOND_NS, process, type_, "txn", None, steps))


def planted(events, script, random, *, prefix="p"):
    """Return events with a script, on keys and processes of its own, put in at random places but in its order."""
    rename = {}
    added = []
    for event in read_script(script):
        steps = [[f, rename.setdefault(key, f"{prefix}{len(rename)}"), value] for f, key, value in event.value or ()]
        added.append((event.process + 10_000, event.type, steps if event.value is not None else None))
    places = sorted(random.randint(0, len(events)) for _ in added)
    mixed = []
    rest = list(zip(places, added, strict=True))
    for at in range(len(events) + 1):
        while rest and rest[0][0] == at:
            mixed.append(rest.pop(0)[1])
        if at < len(events):
            mixed.append((events[at].process, events[at].type, events[at].value))
    return [
        HistoryEvent(index, index * MILLISECOND_NS, process, type_, "txn", None, steps)
        for index, (process, type_, steps) in enumerate(mixed)
    ]


def corrupted(events, kind, chance):
    """Return events in which some reads show something else, and some transactions ended in another way."""
    changed = []
    for event in events:
        if event.type == "ok" and not chance.randrange(10):
            event = replace(event, value=[_corrupted(kind, step, chance) for step in event.value])
        if event.type == "ok" and not chance.randrange(30):
            event = replace(event, type="fail", value=None)
        changed.append(event)
    return changed


def _corrupted(kind, step, chance):
    function, key, value = step
    if function != "r":
        return step
    if kind == "register":
        return [function, key, chance.choice((None, chance.randint(1, 60)))]
    shorter = value[: chance.randint(0, len(value))]
    longer = [*shorter, chance.randint(1, 60), *value[len(shorter) :]]
    return [function, key, chance.choice((shorter, longer, value[::-1], value + value[:1]))]
