"""Sagas in a shard's replicated state, and on their way through the gateway."""

import pytest

from PhantomLibrary.database.config import DatabaseConfig, make_layout
from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.messages import (
    Done,
    Execute,
    ExecuteAct,
    Held,
    MoveSaga,
    NotLeader,
    OpenSession,
    StaleRoute,
    Transact,
)
from PhantomLibrary.database.saga_state import changed
from PhantomLibrary.database.sessions import SessionTable, session_number
from PhantomLibrary.domain import (
    Act,
    Append,
    BeginSaga,
    CancelSaga,
    Cas,
    Change,
    ForgetSagas,
    Get,
    Increment,
    Ok,
    OutcomeUnknown,
    Put,
    Remove,
)
from PhantomLibrary.domain.sagas import encode_definition
from PhantomLibrary.protocols.saga.progress import Move
from PhantomLibrary.protocols.transactions.values import Prepare, TransactionId
from tests.unit.protocols.saga_harness import in_sequence, take

LAYOUT = make_layout(["n1", "n2", "n3"], shards=2, replicas=3, config=DatabaseConfig())
TAKE = Change(Increment("k1", -1), at_least=-1)
TRIP = encode_definition(in_sequence(take("k1"))).decode()


def _machine(shard):
    return ShardMachine(LAYOUT, LAYOUT.shards[shard], SessionTable(10))


class Script:
    def __init__(self, shard):
        self.shard = shard
        self.machine = _machine(shard)

    def apply(self, command):
        return self.machine.apply(self.machine.applied_index + 1, command)

    def act(self, phase="action", change=TAKE, saga=1, epoch=1):
        return self.apply(ExecuteAct("n1", 1, epoch, 0, Act("k1", saga, 0, phase, change)))

    def value(self):
        return self.machine.read(Get("k1"), 1).value

    def copy(self):
        machine = _machine(self.shard)
        machine.restore(self.machine.snapshot())
        return machine


@pytest.fixture
def script():
    return Script(1)


@pytest.fixture
def system():
    script = Script(0)
    script.apply(OpenSession("n1", 1))
    return script


def test_act_is_done_once_without_a_session(script):
    assert [script.act() for _ in range(3)] == [Done("")] * 3
    assert script.value() == "-1"


def test_rejected_act_leaves_no_effect_and_says_why(script):
    script.act()
    assert script.act(saga=2) == Done("k1 would be -2, less than -1")
    assert script.value() == "-1"


def test_act_of_another_epoch_is_not_taken_up(script):
    assert type(script.act(epoch=7)) is StaleRoute
    assert script.value() is None


def test_act_waits_for_a_transaction_that_may_yet_write_its_key(script):
    transaction = TransactionId(1, "n1", 1)
    prepare = Prepare(transaction, "serializable", 0, (Put("k1", "7"),), (), 1, (1, 2))
    script.apply(Transact("n1", 1, 1, 10, prepare))
    assert script.act() == Held(transaction)
    assert not script.machine.sagas.dump().fences.steps


def test_fences_are_in_snapshot_and_digest(script):
    script.act("compensation")
    copy = script.copy()
    assert copy.digest() == script.machine.digest() != _machine(1).digest()
    assert "too late" in copy.apply(2, ExecuteAct("n1", 1, 1, 0, Act("k1", 1, 0, "action", TAKE))).value


def test_shard_forgets_sagas_that_have_ended(script):
    script.act()
    script.apply(ExecuteAct("n1", 1, 1, 0, ForgetSagas("", 5, (3,))))
    assert "has ended" in script.act().value
    assert not script.machine.sagas.dump().fences.steps


def _asked(system, sequence, operation):
    return system.apply(Execute("n1", 1, 1, session_number(0, 1), sequence, 0, operation)).value


def test_saga_begins_moves_and_stands_in_the_snapshot(system):
    assert _asked(system, 1, BeginSaga("trip", TRIP)) == ""
    (saga,) = system.machine.sagas.table.open()
    assert saga.number == 2
    system.apply(MoveSaga(2, 0, (Move("tried", 0),)))
    system.apply(MoveSaga(2, 0, (Move("tried", 0),)))  # A copy of it.
    copy = system.copy()
    assert copy.digest() == system.machine.digest()
    assert copy.sagas.table.named("trip").steps[0].attempts == 1


def test_begin_and_cancel_are_refused_with_a_reason(system):
    assert "no definition of a saga" in _asked(system, 1, BeginSaga("trip", "[]"))
    assert "has 0 steps" in _asked(system, 2, BeginSaga("trip", '["trip",[]]'))
    assert "there is no saga 'trip'" in _asked(system, 3, CancelSaga("trip"))
    _asked(system, 4, BeginSaga("trip", TRIP))
    assert _asked(system, 5, CancelSaga("trip")) == ""
    assert system.machine.sagas.table.named("trip").state == "COMPENSATED"  # It had not begun any step.


def test_remove_takes_an_element_out_of_a_list(script):
    script.apply(OpenSession("n1", 1))
    for sequence, operation in enumerate((Append("k1", "a"), Append("k1", "b"), Remove("k1", "a"), Remove("k1", "z"))):
        script.apply(Execute("n1", 1, 1, session_number(1, 1), sequence + 1, 0, operation))
    assert script.value() == "b"


@pytest.mark.parametrize(
    ("operation", "before", "after"),
    [
        (Put("k", "new"), "old", "new"),
        (Cas("k", None, "new"), None, "new"),
        (Append("k", "b"), "a", "a b"),
        (Append("k", "a"), "", "a"),
        (Remove("k", "a"), "a b a", "b"),
        (Remove("k", "a"), None, ""),
        (Increment("k", -2), None, "-2"),
    ],
)
def test_change_says_what_a_key_holds_afterwards(operation, before, after):
    assert changed(Change(operation), before) == (after, "")


@pytest.mark.parametrize(
    ("change", "before", "reason"),
    [
        (Change(Cas("k", "a", "b")), "c", "k holds 'c'"),
        (Change(Cas("k", "a", "b")), None, "k holds nothing"),
        (Change(Increment("k", 1)), "many", "k holds 'many', which is no number"),
        (Change(Increment("k", -1), at_least=0), "0", "k would be -1, less than 0"),
    ],
)
def test_change_that_cannot_be_made_is_rejected(change, before, reason):
    assert changed(change, before) == (None, reason)


def test_gateway_takes_an_act_to_its_shard_without_a_session(bench):
    bench.with_map()
    answers = []
    bench.gateway.perform(Act("k1", 1, 0, "action", TAKE), answers.append)
    attempt = bench.attempt()
    assert (attempt.shard, attempt.session) == (1, 0)
    bench.reply(attempt, Done("k1 holds 'many'"))
    assert answers == [Ok("k1 holds 'many'")]


def test_gateway_does_not_know_what_became_of_an_act_that_nobody_answered(bench):
    bench.with_map()
    answers = []
    bench.gateway.perform(Act("k1", 1, 0, "action", TAKE), answers.append)
    bench.attempts()
    bench.pass_ms(400)
    bench.reply(bench.attempt(), NotLeader("", may_happen=False))
    bench.pass_ms(3_000)
    assert [type(each) for each in answers] == [OutcomeUnknown]


def test_gateway_takes_the_begin_of_a_saga_to_shard_0(bench):
    bench.ask(BeginSaga("trip", TRIP))
    assert bench.attempt().shard == 0
