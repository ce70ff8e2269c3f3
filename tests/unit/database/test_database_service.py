"""What a replica that has just been elected owes to those who read at its predecessors."""

from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from PhantomLibrary.database.config import DatabaseConfig, ShardDescriptor, make_layout
from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.messages import NotLeader, ShardRequest, Told, Transact
from PhantomLibrary.database.service import ShardService
from PhantomLibrary.database.sessions import SessionTable
from PhantomLibrary.database.shard_state import NEVER
from PhantomLibrary.domain import Get, LogEntry, Put
from PhantomLibrary.domain.rows import CATALOG_KEY
from PhantomLibrary.protocols.mvcc.clock import HybridClock
from PhantomLibrary.protocols.raft.effects import Propose
from PhantomLibrary.protocols.raft.log import RaftLog
from PhantomLibrary.protocols.transactions.values import (
    Conflict,
    Inquire,
    Prepare,
    Prepared,
    RaiseFence,
    TransactionId,
)


class Elected:
    """A service whose group leads, and has not applied what came before."""

    def __init__(self, *commands):
        config = DatabaseConfig()
        layout = make_layout(["n1"], shards=1, replicas=1, config=config)
        machine = ShardMachine(layout, ShardDescriptor(1, "", "", 1, ("n1",)), SessionTable(9))
        entries = [LogEntry(index, 1, command) for index, command in enumerate(commands, 1)]
        group = SimpleNamespace(is_leader=True, term=2, leader="n1", log=RaftLog(0, 0, entries), holds_proposals=False)
        self.events, self.replies, self.shown = [], [], []
        self.is_current = True
        replica = SimpleNamespace(
            shard=1, group=group, machine=machine, step=self.events.append, is_current=lambda: self.is_current
        )
        env = SimpleNamespace(node="n1", monotonic_ns=lambda: 0)
        desk = SimpleNamespace(begin=lambda: None, settled=lambda: None)
        parts = SimpleNamespace(desk=lambda _service, _config: desk)
        owner = SimpleNamespace(env=env, clock=HybridClock(lambda: 1_000), layout=layout, wal=None, parts=parts,
                                sink=self.shown.append,
                                reply=lambda gateway, reply: self.replies.append(reply.outcome))  # fmt: skip
        self.service = ShardService(owner, replica)

    def request(self, operation):
        self.service.request(ShardRequest(1, "n9", 1, 1, 1, 1, 1, 1, operation))


def fence(until_ns):
    return Transact("", 0, 1, 900, RaiseFence(until_ns))


def test_first_writes_are_above_reads_that_an_earlier_leader_served_though_nobody_here_has_applied_their_fence():
    elected = Elected(fence(5_000), fence(7_000), None)
    elected.request(Put("a", "1"))
    (event,) = elected.events
    assert isinstance(event, Propose) and event.command.at_ns > 7_000


def test_without_such_reads_the_clock_is_right():
    elected = Elected(None)
    elected.request(Put("a", "1"))
    assert elected.events[0].command.at_ns == 1_000


def test_transactions_wait_until_all_is_applied():
    elected = Elected(fence(5_000))
    elected.request(Inquire(TransactionId(1, "n1", 1)))
    assert elected.events == []
    assert elected.replies == [NotLeader("", may_happen=False, reason="n1 has just been elected")]


@pytest.mark.parametrize(
    ("is_current", "is_frozen", "serves"),
    [(True, False, True), (False, False, False), (True, True, False), (False, True, False)],
)
def test_transactions_are_served_by_who_has_applied_all_of_a_shard_that_still_serves(is_current, is_frozen, serves):
    elected = Elected(None)
    elected.is_current = is_current
    if is_frozen:
        machine = elected.service.machine
        machine._become(replace(machine.descriptor, epoch=NEVER), machine.shape)
    elected.service.caught_up()
    assert (elected.service.desk is not None) == serves


@pytest.mark.parametrize(
    ("answer", "epoch", "keys"),
    [
        (Prepared(900), 1, ["a", "b"]),
        (Prepared(900), 9, []),  # It meant another shape of the shard.
        (Conflict("a was written"), 1, []),
    ],
    ids=str,
)
def test_what_a_shard_promises_of_a_transaction_is_shown_for_each_key_that_is_its_own(answer, epoch, keys):
    elected = Elected(None)
    writes = (Put("a", "1"), Put(CATALOG_KEY, "{}"), Put("b", "2"))
    work = Prepare(TransactionId(1, "n1", 1), "snapshot", 900, writes, (), 1, (1,))
    elected.service._show_acknowledged(Transact("n9", 1, epoch, 900, work), Told(answer))
    assert [each.key for each in elected.shown] == keys


def test_a_read_that_was_confirmed_is_not_answered_by_who_leads_no_more():
    elected = Elected(None)
    elected.service._replica.group.is_leader = False
    elected.service._replica.group.leader = "n2"
    elected.service.read_ready((ShardRequest(1, "n9", 1, 1, 1, 1, 0, 0, Get("a")),))
    assert elected.replies == [NotLeader("n2", may_happen=False)]


def test_what_was_met_before_a_merge_counts_for_nothing_after_it():
    elected = Elected(None)
    before = elected.service.term
    machine = elected.service.machine
    machine._become(machine.descriptor, replace(machine.shape, widened=7))
    assert elected.service.term != before
