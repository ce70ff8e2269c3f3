"""Lets an open transaction meet the clocks of leaders when it takes its snapshot, before it needs them.

What a leader promises after a transaction has met its clock was decided after the transaction began, whatever its
timestamp (see desk.py). A transaction that comes to a shard late, without having met its leader, cannot tell what is
older than itself from what is younger, by as much as clocks may be apart; if it has read something by then that has
changed since, it has to be rolled back. So all likely leaders are asked for their clocks at once, while the first
statement is under way. Nobody waits for the answers, and a lost one costs no more than not having asked.

An answer needs no round of confirmation. It names the term in which its node leads, and counts only against what the
leader of this very term has promised: that is the node itself, whose clock only goes forward.

Source: the observed timestamps of CockroachDB (Taft et al., SIGMOD 2020, 3.3, and its `observedts` package).
"""

from __future__ import annotations

from typing import Protocol

from PhantomLibrary.database.routes import Routes
from PhantomLibrary.database.transactions.messages import Meet, Met
from PhantomLibrary.database.transactions.open import OpenTransaction
from PhantomLibrary.domain import NodeId, ShardId
from PhantomLibrary.kernel.process import Env
from PhantomLibrary.protocols.mvcc.clock import HybridClock

MET_AT_ONCE_MAX = 8
"""In a large cluster a transaction touches few shards: most questions would be in vain."""


class MeetingsHost(Protocol):
    """The node."""

    env: Env
    clock: HybridClock

    def leaderships(self) -> tuple[tuple[ShardId, int], ...]:
        """Return (shard, term) of all that this node leads; its clock is above all that they hold."""


def meet_leaders(host: MeetingsHost, routes: Routes, transaction: OpenTransaction) -> None:
    """Ask likely leaders for their clocks, on behalf of a transaction that takes its snapshot now."""
    for node in routes.likely_leaders()[:MET_AT_ONCE_MAX]:
        if node == host.env.node:
            note_meeting(transaction, answer_meeting(host, Meet(transaction.id))[1])
        else:
            host.env.send(node, Meet(transaction.id))


def answer_meeting(host: MeetingsHost, question: Meet) -> tuple[NodeId, Met]:
    """Return whom to tell what this node's clock shows, and where it leads."""
    leaderships = host.leaderships()  # First: it moves the clock.
    return question.transaction.node, Met(question.transaction, host.clock.now_ns(), leaderships)


def note_meeting(transaction: OpenTransaction, answer: Met) -> None:
    """Take in what a node has answered; where the transaction has been by now, it knows an earlier time."""
    for shard, term in answer.leaderships:
        transaction.meet(shard, term, answer.clock_ns)
