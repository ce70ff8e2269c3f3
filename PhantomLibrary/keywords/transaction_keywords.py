"""Keywords of transactions that a test holds open by name, several at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from robotlibcore import keyword

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.keywords.choices import DONE, NO_OPERATOR, Isolation, Operator, Outcome
from PhantomLibrary.keywords.comparison import fail_expectation, holds
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.lifetime import Clusters
from PhantomLibrary.keywords.node_names import ANY, Names, NodeRef
from PhantomLibrary.keywords.times import NOW, VirtualTime, in_seconds
from PhantomLibrary.keywords.workload_keywords import check_free

if TYPE_CHECKING:
    from PhantomLibrary.keywords.cluster import Cluster
    from PhantomLibrary.testbed.client_transaction import ClientTransaction
    from PhantomLibrary.testbed.transactions import Outcome as Ended

_SERIALIZABLE = Isolation("serializable")
_NOTHING = Names(())


class TransactionKeywords(Component):
    """Keywords of open transactions."""

    def __init__(self, clusters: Clusters) -> None:
        super().__init__(clusters)
        self._begun: dict[str, object] = {}  # The names that were ever begun, each with its latest run.

    @keyword(tags=("transaction",))
    def begin_transaction(
        self, txn: str, *, isolation: Isolation = _SERIALIZABLE, gateway: NodeRef = ANY, outcome: Outcome = DONE
    ) -> None:
        """Opens a transaction under a name of your choice, at an isolation level.

        Each one has a client of its own, so several can be open at once. ``gateway`` is the node that the client speaks
        to, which coordinates the commit. What is still open at the end of a test is rolled back, with a warning.
        With ``outcome=any`` here and in what follows, a test goes on when the transaction is rolled back.

        Fails when a transaction of that name is open, and when the gateway does not answer.

        Example:
        | `Begin Transaction` | t1 | isolation=snapshot |
        | `Write Key` | t1 | alice | at home |
        | `Commit Transaction` | t1 |
        """
        cluster = self._cluster
        target = "" if gateway == ANY else gateway.text
        transaction = cluster.perform("begin transaction", target, transaction=txn, isolation=isolation.word)
        self._begun[txn] = cluster.run
        ended = _wait(cluster, transaction, DONE)
        if ended.word != DONE.word and outcome.word != "any":
            cluster.fail("OPR-001", f"transaction {txn} could not begin by {cluster.now}: {ended.reason}")
        cluster.tell(f"began transaction {txn} ({isolation}) on {transaction.gateway}")

    @keyword(tags=("transaction", "getter"))
    def read_key(
        self, txn: str, key: str, operator: Operator = NO_OPERATOR, expected: str = "", *, outcome: Outcome = DONE
    ) -> str:
        """Reads one key within a transaction and returns its value; with an operator, checks it first.

        A key that was never written reads as empty. Virtual time goes on until the cluster has answered.

        Fails when the value is not as expected, and when the read ends otherwise than ``outcome`` says.

        Example:
        | `Read Key` | t1 | bob | == | on call |
        """
        cluster = self._cluster
        ended = self._ask(cluster, "read key", txn, outcome, f"reading key {key}", key=key)
        value = ended.value or ""
        if ended.word == DONE.word and not holds(value, operator.word, expected):
            fail_expectation(cluster, f"key {key}, read in transaction {txn},", value, operator.word, expected, 0)
        return value

    @keyword(tags=("transaction", "getter"))
    def read_keys(
        self,
        txn: str,
        first: str,
        operator: Operator = NO_OPERATOR,
        expected: Names = _NOTHING,
        *,
        end: str = "",
        equal_to: str = "",
        multiple_of: int = 0,
        outcome: Outcome = DONE,
    ) -> dict[str, str]:
        """Reads a range of keys within a transaction: from ``first`` on, up to ``end``, which is not read any more.

        Returns the keys that have a value, with their values. Without ``end`` the range goes on to the last key.
        ``equal_to`` and ``multiple_of`` pick keys whose value is a whole number like that. With an operator the keys
        and values are checked, written as ``key=value`` with commas between.

        Fails when they are not as expected, and when the read ends otherwise than ``outcome`` says.

        Example:
        | `Read Keys` | t1 | k1 | == | k1=10, k2=20 | end=k3 |
        """
        cluster = self._cluster
        chosen = _range(first, end, equal_to, multiple_of)
        ended = self._ask(cluster, "read range", txn, outcome, f"reading keys from {first}", **chosen)
        rows = dict(json.loads(ended.value or "[]"))
        found = [f"{key}={value}" for key, value in rows.items()]
        if ended.word == DONE.word and not holds(found, operator.word, list(expected.names)):
            fail_expectation(
                cluster, f"range from {first}, read in transaction {txn},", found, operator.word, expected.names, 0
            )
        return rows

    @keyword(tags=("transaction",))
    def write_key(self, txn: str, key: str, value: str, *, outcome: Outcome = DONE) -> None:
        """Writes one key within a transaction. Others see it when the transaction is committed.

        A key that another transaction has written, and that is open still, blocks. With ``outcome=blocked`` the test
        goes on as soon as that is so; the write goes on when a later keyword lets time pass.

        Fails when it ends otherwise than ``outcome`` says.

        Example:
        | `Write Key` | t1 | alice | at home |
        | `Write Key` | t2 | alice | on call | outcome=blocked |
        """
        cluster = self._cluster
        self._check_free(cluster, key)
        self._ask(cluster, "write key", txn, outcome, f"writing key {key}", key=key, value=value)

    @keyword(tags=("transaction",))
    def delete_key(self, txn: str, key: str, *, outcome: Outcome = DONE) -> None:
        """Deletes one key within a transaction, as `Write Key` writes it.

        Example:
        | `Delete Key` | t1 | alice |
        """
        cluster = self._cluster
        self._check_free(cluster, key)
        self._ask(cluster, "delete key", txn, outcome, f"deleting key {key}", key=key)

    @keyword(tags=("transaction",))
    def update_keys(
        self,
        txn: str,
        first: str,
        *,
        change: Literal["put", "add", "delete"],
        value: str = "",
        end: str = "",
        equal_to: str = "",
        multiple_of: int = 0,
        outcome: Outcome = DONE,
    ) -> int:
        """Changes a range of keys within a transaction; returns how many. The range is that of `Read Keys`.

        ``change`` says whether ``value`` is ``put`` there or, a whole number, to ``add``; or that keys are to be
        deleted.

        Fails when it ends otherwise than ``outcome`` says.

        Example:
        | `Update Keys` | t1 | k1 | end=k9 | multiple_of=3 | change=add | value=10 |
        """
        cluster = self._cluster
        check_free(cluster, first)
        chosen = _range(first, end, equal_to, multiple_of)
        ended = self._ask(
            cluster, "update range", txn, outcome, f"updating keys from {first}", change=change, value=value, **chosen
        )
        return int(ended.value or 0)

    @keyword(tags=("transaction",))
    def commit_transaction(self, txn: str, *, outcome: Outcome = DONE) -> str:
        """Commits a transaction and waits for its client to know what came of that. Returns the outcome.

        Fails when it ends otherwise than ``outcome`` says: ``done``, ``aborted`` (nothing of it happened or ever will),
        ``unknown`` (no answer came: `Transaction Should Be` asks the database), or ``any``.

        Example:
        | `Commit Transaction` | t2 | outcome=aborted |
        """
        cluster = self._cluster
        return str(self._ask(cluster, "commit transaction", txn, outcome, "its commit").word)

    @keyword(tags=("transaction",))
    def rollback_transaction(self, txn: str) -> None:
        """Rolls a transaction back, also while a statement of it is blocked: nothing of it will be seen.

        Fails for a transaction that has ended, or whose commit is under way.

        Example:
        | `Rollback Transaction` | t1 |
        """
        cluster = self._cluster
        transaction = self._known(cluster, txn)
        cluster.perform("roll back transaction", transaction=txn)
        _wait(cluster, transaction, DONE)
        cluster.tell(f"rolled back transaction {txn}")

    @keyword(tags=("transaction", "assertion"))
    def transaction_should_be(
        self,
        txn: str,
        state: Literal["active", "blocked", "prepared", "committed", "aborted"],
        *,
        within: VirtualTime = NOW,
    ) -> None:
        """Fails unless a transaction is in a state, at the latest ``within`` that time.

        ``committed`` and ``aborted`` is what its client knows or, where no answer came, what the shards have decided.
        ``prepared``: a shard has promised to commit and does not know the decision. ``blocked``: a statement waits for
        a lock.

        Example:
        | `Commit Transaction` | t1 | outcome=unknown |
        | `Transaction Should Be` | t1 | aborted | within=10s |
        """
        from PhantomLibrary.testbed.transactions import transaction_state

        cluster = self._cluster
        transaction = self._known(cluster, txn)
        within_ns = within.or_none(NOW) or 0
        if not cluster.advance(within_ns, lambda: transaction_state(cluster.run, transaction) == state):
            found = transaction_state(cluster.run, transaction)
            waited = f" within {in_seconds(within_ns)}" if within_ns else ""
            why = f": {transaction.reason}" if transaction.reason else ""
            cluster.fail("TST-001", f"transaction {txn} is {found} at {cluster.now}, expected {state}{waited}{why}")
        cluster.tell(f"transaction {txn} is {state}")

    # --- what all of them do ------------------------------------------------------------------------------------------

    def _known(self, cluster: Cluster, txn: str) -> ClientTransaction:
        from PhantomLibrary.testbed.transactions import known_transaction

        if txn in self._begun and txn not in cluster.run.transactions:
            raise InvalidInput(f"transaction {txn!r} was begun on a cluster that is gone, and went with it")
        return known_transaction(cluster.run, txn)

    def _check_free(self, cluster: Cluster, key: str) -> None:
        check_free(cluster, key)
        cluster.operator_keys.add(key)

    def _ask(self, cluster: Cluster, verb: str, txn: str, outcome: Outcome, what: str, **arguments: Any) -> Ended:
        """Let a transaction do something; fail unless it ends as it is to."""
        from PhantomLibrary.testbed.transactions import Outcome as Ended

        transaction = self._known(cluster, txn)
        if outcome.word == "any" and transaction.known == "aborted" and not transaction.is_owed:
            return Ended("aborted", None, transaction.reason)
        if transaction.is_owed:  # What was blocked comes first, and may have ended the transaction.
            ended = _wait(cluster, transaction, DONE)
            if ended.word != DONE.word:
                _check(cluster, txn, ended, outcome, what)
                return ended
        cluster.perform(verb, transaction=txn, **arguments)
        ended = _wait(cluster, transaction, outcome)
        _check(cluster, txn, ended, outcome, what)
        return ended


def _wait(cluster: Cluster, transaction: ClientTransaction, outcome: Outcome) -> Ended:
    from PhantomLibrary.testbed.transactions import await_outcome

    return await_outcome(cluster.advance, transaction, may_block=outcome.word == "blocked")


def _check(cluster: Cluster, txn: str, ended: Ended, outcome: Outcome, what: str) -> None:
    reason = f": {ended.reason}" if ended.reason else ""
    if outcome.word not in ("any", ended.word):
        cluster.fail(
            "OPR-001", f"transaction {txn}: {what} ended {ended.word} at {cluster.now}, expected {outcome}{reason}"
        )
    read = f" {ended.value}" if ended.value is not None else ""
    cluster.tell(f"transaction {txn}: {what}: {ended.word}{read}{reason}")


def _range(first: str, end: str, equal_to: str, multiple_of: int) -> dict[str, Any]:
    """Return the arguments of a range. Raises InvalidInput where no such keys can be."""
    if equal_to and multiple_of:
        raise InvalidInput("equal_to= and multiple_of= cannot both be given: write the one that is meant")
    chosen: dict[str, Any] = {"start": first, "end": end}
    if equal_to:
        if not equal_to.removeprefix("-").isdecimal():
            raise InvalidInput(f"equal_to={equal_to} is no whole number: only such values can be picked")
        return {**chosen, "where": "equals", "number": int(equal_to)}
    return {**chosen, "where": "multiple", "number": multiple_of} if multiple_of else chosen
