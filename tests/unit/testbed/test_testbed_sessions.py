"""What a client does to see a saga to its end."""

import pytest

from PhantomLibrary.domain import SECOND_NS, BeginSaga, Ok, OutcomeUnknown, Refused
from PhantomLibrary.domain.operations import GetSaga, RunSaga
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.testbed.sessions import GatewaySession

BEGUN, SILENCE, UNKNOWN_SAGA = Ok(""), OutcomeUnknown("no answer"), Ok(None)


class Scripted(GatewaySession):
    """Answers by a list, the last of which is given for ever. `asked` is what was asked for."""

    def __init__(self, run, answers):
        super().__init__(run.sessions, 900_001, "n1")
        self.answers = list(answers)
        self.asked = []

    async def call(self, operation):
        if type(operation) is RunSaga:
            return await super().call(operation)
        self.asked.append(operation)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def book(it):
    """Run a saga with these answers; return its own, the seconds it took, and what was asked for."""

    def run(*answers):
        session, began_ns = Scripted(it.run, answers), it.run.now_ns
        task = Task(it.run.scheduler, session.call(RunSaga("trip", "{}")), "client")
        assert it.go(60, lambda: task.is_done)
        return task.result, (it.run.now_ns - began_ns) / SECOND_NS, [type(each) for each in session.asked]

    return run


def test_client_awaits_the_end_of_its_saga(book):
    for end in ("COMPLETED", "COMPENSATED"):
        answer, took_s, asked = book(BEGUN, Ok("ACTIVE"), SILENCE, Ok("ACTIVE"), Ok(end))
        assert answer == Ok(end) and took_s == pytest.approx(0.2)
        assert asked == [BeginSaga] + 4 * [GetSaga]


def test_client_whose_saga_is_refused_does_not_wait(book):
    assert book(Refused("nobody listens")) == (Refused("nobody listens"), 0, [BeginSaga])
    assert book(Ok("1000 sagas have not ended yet")) == (Refused("1000 sagas have not ended yet"), 0, [BeginSaga])


@pytest.mark.parametrize("beginning", [SILENCE, BEGUN])
def test_client_gives_up_a_saga_that_nobody_knows_of_after_a_second_and_begins_no_other(book, beginning):
    answer, took_s, asked = book(beginning, UNKNOWN_SAGA)
    assert answer == OutcomeUnknown("nobody knows of saga trip") and took_s == pytest.approx(1)
    assert asked == [BeginSaga] + 20 * [GetSaga]


def test_client_waits_for_a_saga_that_comes_late(book):
    late = [UNKNOWN_SAGA] * 19 + [SILENCE] * 30
    assert book(SILENCE, *late, Ok("COMPLETED"))[0] == Ok("COMPLETED")


def test_client_gives_up_a_saga_that_does_not_end(book):
    answer, took_s, _asked = book(BEGUN, Ok("ACTIVE"))
    assert answer == OutcomeUnknown("saga trip has not ended") and took_s == pytest.approx(20)
