"""Judges what every shard has a copy of: the catalog, and tables that are replicated everywhere.

Of shards that are in doubt about a transaction nothing is said: one may have acted on the decision, the other not yet.
Nor of rows of tables that are no more, which each shard removes when it comes to it.
"""

from __future__ import annotations

from PhantomLibrary.checking.verdict import EVIDENCE_LINES_MAX, Verdict
from PhantomLibrary.database.config import SYSTEM_SHARD
from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.sql.sweeping import numbers_of
from PhantomLibrary.domain import ShardId
from PhantomLibrary.domain.rows import CATALOG_KEY, table_of
from PhantomLibrary.testbed.run import Run


def judge_copies(run: Run) -> Verdict:
    """Compare the copies of all shards, as the live replica of each has them that has applied most. `operations`
    counts the copies.
    """
    copies: dict[str, dict[ShardId, str | None]] = {}
    machines = machines_of(run)
    for machine in machines:
        own = machine.copies()
        numbers = numbers_of(own.get(CATALOG_KEY, "").encode() or None)
        for key, value in own.items():
            if numbers.has_given_up(table_of(key) or numbers.next):
                continue
            copies.setdefault(key, {})[machine.descriptor.shard] = value
    count = sum(map(len, copies.values()))
    if any(machine.transactions.parts for machine in machines):
        return Verdict("valid", operations=count, confirmed=count)
    for key, values in sorted(copies.items()):
        held = [(machine.descriptor.shard, values.get(machine.descriptor.shard)) for machine in machines]
        other = next((each for each in held if each[1] != held[0][1]), None)
        if other is not None:
            message = f"{key} is not the same on all shards: {_told(held[0])}, {_told(other)}"
            return Verdict("invalid", "RPL-004", message, tuple(map(_told, held[:EVIDENCE_LINES_MAX])), count)
    return Verdict("valid", operations=count, confirmed=count)


def machines_of(run: Run) -> list[ShardMachine]:
    """Return of each shard that holds data the machine of the live replica that has applied most."""
    known = {each.shard for each in run.directory().shards if each.shard != SYSTEM_SHARD}
    machines: dict[ShardId, ShardMachine] = {}
    for node in run.live_nodes():
        for shard, replica in run.processes[node].replicas.items():
            machine = replica.machine
            if shard in known and machine.applied_index >= getattr(machines.get(shard), "applied_index", 0):
                machines[shard] = machine
    return [machine for _, machine in sorted(machines.items())]


def _told(held: tuple[ShardId, str | None]) -> str:
    shard, value = held
    if value is None:
        return f"shard {shard} has none"
    return f"shard {shard} has {value if len(value) <= 60 else value[:59] + '…'}"
