"""How transactions ended on all shards of a run, asked of replicas: right ones pass, and each kind of lie is found."""

import msgspec
import pytest

from PhantomLibrary.domain import SECOND_NS, Increment, Ok, Put, Transact
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.protocols.transactions.values import Ended, Part
from PhantomLibrary.testbed.judge import judge_agreement
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import RunSpec
from PhantomLibrary.testbed.transaction_judge import judge_transaction_ends

KEYS = ("a", "h", "p", "w")


@pytest.fixture
def run():
    """A run in which a few transactions over shards have ended."""
    run = Run(RunSpec(seed=5, nodes=3, shards=4))
    run.advance(SECOND_NS)

    async def work():
        session = run.sessions.open(1000)
        for key in KEYS:
            assert isinstance(await session.call(Put(key, "100")), Ok)
        for first, second in zip(KEYS, KEYS[1:] + KEYS[:1], strict=True):
            changes = (Increment(first, -1), Increment(second, 1))
            assert isinstance(await session.call(Transact("serializable", changes)), Ok)

    task = Task(run.scheduler, work(), "work")
    run.advance(run.now_ns + 10 * SECOND_NS, lambda: task.is_done)
    assert task.is_done
    run.advance(run.now_ns + SECOND_NS)
    return run


def tables(run, shard):
    """Return what each replica of a shard knows of transactions."""
    return [
        process.replicas[shard].machine.transactions for process in run.processes.values() if shard in process.replicas
    ]


def rewrite(run, shard, change):
    """Let all replicas of a shard know something else, and the same."""
    for table in tables(run, shard):
        dump = table.dump()
        change(dump)
        table.load(dump, table._versions)


def ended_on_two(run):
    """Return a committed transaction, how it ended, and a shard that knows it."""
    seen = {}
    for shard in run.shard_ids:
        for transaction, state, _ in tables(run, shard)[0].dump().ended:
            if transaction in seen and state.committed:
                return transaction, state, shard
            seen[transaction] = shard
    raise AssertionError("no transaction went over two shards")


def test_transactions_that_ended_are_right(run):
    verdict = judge_transaction_ends(run, is_quiet=True)
    assert verdict.outcome == "valid", verdict
    assert verdict.confirmed >= len(KEYS)
    assert judge_agreement(run).outcome == "valid"


def test_transaction_that_one_shard_aborted_is_found(run):
    transaction, _, shard = ended_on_two(run)

    def forge(dump):
        dump.ended = [
            (each, Ended(False, 0) if each == transaction else state, at_ns) for each, state, at_ns in dump.ended
        ]
        dump.records = [each for each in dump.records if each[0] != transaction]

    rewrite(run, shard, forge)
    verdict = judge_agreement(run)
    assert verdict.code == "ATM-001"
    assert f"transaction {transaction.number} of {transaction.node} is committed on shard" in verdict.message


def test_transaction_with_two_commit_times_is_found(run):
    transaction, state, shard = ended_on_two(run)
    later = msgspec.structs.replace(state, commit_ns=state.commit_ns + 1)

    def forge(dump):
        dump.ended = [(each, later if each == transaction else was, at_ns) for each, was, at_ns in dump.ended]
        dump.records = [each for each in dump.records if each[0] != transaction]

    rewrite(run, shard, forge)
    assert judge_transaction_ends(run).code == "ATM-002"


def test_what_is_left_of_a_transaction_is_found_once_all_is_quiet(run):
    transaction, _, shard = ended_on_two(run)
    part = Part(run.now_ns, (("a", "7"),), (), shard)
    forgotten = msgspec.structs.replace(transaction, number=transaction.number + 1000)
    rewrite(run, shard, lambda dump: dump.parts.append((forgotten, part)))
    assert judge_transaction_ends(run).outcome == "valid"
    verdict = judge_transaction_ends(run, is_quiet=True)
    assert verdict.code == "ATM-004"
    assert "still in doubt on shard" in verdict.message
    assert any("holds a since" in line for line in verdict.evidence)
