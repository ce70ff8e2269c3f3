"""A shard's table of transactions over a store, with a clock that the test turns."""

from PhantomLibrary.protocols.mvcc.versions import VersionedStore
from PhantomLibrary.protocols.transactions.table import TransactionTable
from PhantomLibrary.protocols.transactions.values import Ended, Prepare, TransactionId, span_of

RETENTION, PATIENCE = 1000, 100
T1, T2 = TransactionId(1, "n1", 1), TransactionId(2, "n2", 1)
ABORTED = Ended(False, 0)


class Shard:
    """A table over a store, with a clock that the test turns."""

    def __init__(self, retention=RETENTION):
        self.store = VersionedStore()
        self.table = TransactionTable(self.store, retention_ns=retention, patience_ns=PATIENCE)
        self.now = 10

    def put(self, key, value, at=None):
        self.store.put(key.encode(), value.encode(), at_ns=at or self.now, horizon_ns=0)

    def value(self, key):
        value = self.store.latest(key.encode())
        return None if value is None else value.decode()

    def do(self, command, at=None):
        self.now = at if at is not None else self.now + 1
        return self.table.apply(command, self.now)

    def prepare(self, transaction=T1, *writes, reads=(), level="serializable", snapshot=5, **more):
        spans = tuple(span_of(each) if isinstance(each, str) else each for each in reads)
        return self.do(prepare(transaction, *writes, reads=spans, level=level, snapshot=snapshot, **more))


def prepare(transaction, *writes, reads=(), level="serializable", snapshot=5, participants=(), one_phase=False):
    return Prepare(transaction, level, snapshot, writes, reads, 1, participants, one_phase)


def restored(shard):
    """Return another shard that took over what this one holds."""
    copy = Shard()
    copy.store, copy.now = shard.store, shard.now
    copy.table.load(shard.table.dump(), shard.store)
    return copy
