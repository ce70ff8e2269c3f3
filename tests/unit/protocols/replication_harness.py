"""Three regions that hold one slot, without a network: writes, batches when a test says so, reads."""

from __future__ import annotations

import msgspec

from PhantomLibrary.domain import Append, Delete, Increment, Put, Remove
from PhantomLibrary.domain.operations import RegionalWrite
from PhantomLibrary.domain.region_policy import RegionPolicy
from PhantomLibrary.domain.regions import Batch
from PhantomLibrary.protocols.replication.entries import Entry
from PhantomLibrary.protocols.replication.table import RegionTable
from PhantomLibrary.protocols.replication.values import TableHead

REGIONS = ("ap", "eu", "us")
STRATEGIES = ("last writer wins", "multi value", "custom")
_VERBS = {
    "put": Put,
    "delete": lambda key, text: Delete(key),
    "append": Append,
    "remove": Remove,
    "increment": lambda key, text: Increment(key, int(text)),
}


def policy_of(conflicts="last writer wins", epoch=1, members=REGIONS, **fields):
    return RegionPolicy(epoch, tuple(members), tuple(fields.pop("writable", members)), conflicts=conflicts, **fields)


def write_of(words, *, context=(), seen=()):
    """`put k 1` and the like."""
    verb, key, *text = words.split()
    return RegionalWrite(key, _VERBS[verb](key, *(text or [""])), seen, context)


def reloaded(table, *, kind=None):
    """A table that has gone through a snapshot."""
    other = (kind or type(table))(table.region, table.policy, table._merge, slot=table.slot)
    encode = msgspec.msgpack.encode
    other.load_head(msgspec.msgpack.decode(encode(table.head()), type=TableHead))
    for key, entry in [(key, encode(entry)) for key, entry in table.items()]:
        other.load_item(key, msgspec.msgpack.decode(entry, type=Entry))
    return other


class Regions:
    """Tables by region. Times of walls stand still unless a test says otherwise."""

    def __init__(
        self, conflicts="last writer wins", *, kind=RegionTable, merge=None, name="", members=REGIONS, **fields
    ):
        policy = policy_of(conflicts, members=members, merge=name, **fields)
        self.tables = {region: kind(region, policy, merge, slot="a") for region in members}

    def __getitem__(self, region):
        return self.tables[region]

    def write(self, region, words, *, at=0, context=(), seen=()):
        """Do a write as a region's clock says; return the change."""
        write = write_of(words, context=context, seen=seen)
        assert self[region].why_not(write) == ""
        return self[region].write(write, at)

    def why_not(self, region, words, **fields):
        return self[region].why_not(write_of(words, **fields))

    def read(self, region, key):
        return self[region].read(key)

    def batch(self, sender, receiver, *, at=0, relayed=(), bytes_max=1 << 16, acked=None):
        acked = self[receiver].applied if acked is None else acked
        return self[sender].batch_for(receiver, acked, at_ns=at, relayed=relayed, bytes_max=bytes_max)

    def send(self, sender, receiver, **fields) -> Batch:
        """Have one region tell another what it lacks."""
        batch = self.batch(sender, receiver, **fields)
        self[receiver].receive(batch)
        return batch

    def meet(self, *, rounds=2):
        """Have everybody tell everybody; twice, so that they know of each other what they have."""
        for _ in range(rounds):
            for sender in self.tables:
                for receiver in self.tables:
                    if sender != receiver:
                        self.send(sender, receiver)

    def visible(self):
        """What all regions show, if it is the same."""
        shown = [table.visible() for table in self.tables.values()]
        assert all(each == shown[0] for each in shown), shown
        return shown[0]
