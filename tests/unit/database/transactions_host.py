"""A leader's desk for transactions, over a log that commits when the test says so."""

from PhantomLibrary.database.config import DatabaseConfig, ShardDescriptor, make_layout
from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.messages import Execute, OpenSession, ShardRequest, Told, Transact
from PhantomLibrary.database.sessions import SessionTable
from PhantomLibrary.database.sql.hosting import FragmentHost
from PhantomLibrary.database.transactions.desk import TransactionDesk
from PhantomLibrary.database.transactions.messages import (
    ReadAt,
)
from PhantomLibrary.domain import Get, Put
from PhantomLibrary.protocols.mvcc.clock import HybridClock
from PhantomLibrary.protocols.transactions.values import (
    Prepare,
    TransactionId,
    span_of,
)

CONFIG = DatabaseConfig()
T1, T2, T3 = (TransactionId(number, f"n{number}", 1) for number in (1, 2, 3))
FAR = 1 << 60


class Host:
    """A leader whose log commits what it is given when the test says so."""

    node, shard, term = "n1", 1, 4

    def __init__(self):
        layout = make_layout(["n1"], shards=1, replicas=1, config=CONFIG)
        self.machine = ShardMachine(layout, ShardDescriptor(1, "", "", 1, ("n1",)), SessionTable(9))
        self.now = 1_000
        self.clock = HybridClock(lambda: self.now)
        self.log, self.answers, self.told, self.asked, self.woken, self.shown = [], {}, [], [], [], []
        self.holds_proposals = False
        self.gone, self.shown_reads, self.swept = [], [], []
        self.desk = TransactionDesk(self, CONFIG)
        self.desk.begin()
        self.calls = self.worked_ns = 0

    @property
    def last_index(self):
        return self.machine.applied_index + len(self.log)

    def monotonic_ns(self):
        return self.now

    def wake_at(self, at_ns):
        self.woken.append(at_ns)

    def confirm(self, request):
        self.desk.serve(request)

    def replicate(self, request, command):
        self.log.append((request, command, self.clock.now_ns()))

    def answer(self, request, outcome):
        assert request.call not in self.answers
        self.answers[request.call] = outcome.answer if isinstance(outcome, Told) else outcome

    def sweep(self, command):
        self.swept.append(command)

    def tell(self, node, message):
        self.told.append((node, message))

    def ask(self, shard, command, finish):
        self.asked.append((shard, command, finish))

    def host_fragments(self):
        return FragmentHost(self, CONFIG)

    def work(self, cost_ns):
        self.worked_ns += cost_ns

    def unavailable_nodes(self):
        return self.gone

    def show(self, observation):
        self.shown.append(observation)

    def take_again(self, request):
        if isinstance(request.operation, Put):
            self.desk.admits(request, request.operation.key)
        elif isinstance(request.operation, Get):
            self.shown_reads.append(self.desk.shows(request, request.operation.key))
        else:
            self.desk.take(request)

    # --- for tests

    def request(self, work):
        self.calls += 1
        return ShardRequest(1, "n9", self.calls, 1, 1, 1, 0, 0, work)

    def take(self, work):
        request = self.request(work)
        self.desk.take(request)
        return request.call

    def commit(self, count=99):
        """Apply what the log holds."""
        for _ in range(min(count, len(self.log))):
            request, command, at_ns = self.log.pop(0)
            transact = Transact("n9", 0, 1, at_ns, command)
            outcome = self.machine.apply(self.machine.applied_index + 1, transact)
            if request is not None:
                self.answer(request, outcome)
            self.desk.applied(transact, outcome)

    def apply(self, command, at=None):
        self.log.append((None, command, at or self.clock.now_ns()))
        self.commit()

    def write(self, key, value, at):
        if self.machine.applied_index == 0 or not hasattr(self, "session"):
            opened = self.machine.apply(self.machine.applied_index + 1, OpenSession("n9", 0))
            self.session, self.sequence = int(opened.value), 0
        self.sequence += 1
        self.machine.apply(
            self.machine.applied_index + 1, Execute("n9", 0, 1, self.session, self.sequence, at, Put(key, value))
        )
        self.desk.settled()

    def pass_time(self, ns):
        self.now += ns
        self.desk.fire()


def prepare(transaction, *writes, participants=(), anchor=1, level="snapshot", snapshot=900, reads=()):
    return Prepare(transaction, level, snapshot, writes, reads, anchor, participants)


def read(key, at, *, limit=0, met=(0, 0), transaction=T1):
    return ReadAt(transaction, (span_of(key),), at, limit or at, met[1], met[0])
