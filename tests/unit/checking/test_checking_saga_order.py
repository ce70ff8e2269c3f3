"""Steps without an order between them may be undone in any; those that come after another may not."""

from PhantomLibrary.checking.sagas import SagaEffect, SagaEnd, check_sagas

AFTER = ((), (), (0, 1))  # The third step waits for two that run at once.


def _effects(done, undone):
    phases = [*((step, "action") for step in done), *((step, "compensation") for step in undone)]
    return [SagaEffect("trip", step, phase, time_ns) for time_ns, (step, phase) in enumerate(phases)]


def _code(done, undone, after):
    end = SagaEnd("trip", "COMPENSATED", ("a", "b", "c"), after=after)
    return check_sagas([end], _effects(done, undone)).code


def test_parallel_steps_may_be_undone_in_any_order():
    assert _code((0, 1, 2), (2, 0, 1), AFTER) == ""
    assert _code((0, 1, 2), (2, 1, 0), AFTER) == ""


def test_step_is_undone_after_those_that_waited_for_it():
    assert _code((0, 1, 2), (0, 2, 1), AFTER) == "SGA-009"


def test_without_an_order_steps_are_taken_to_be_a_sequence():
    assert _code((0, 1, 2), (2, 0, 1), None) == "SGA-009"


def test_steps_that_need_not_be_undone_have_no_place_in_the_order():
    end = SagaEnd("trip", "COMPENSATED", ("a", "b", "c"), undoable=(0, 2))
    assert check_sagas([end], _effects((0, 1, 2), (2, 0))).code == ""
    assert check_sagas([end], _effects((0, 1, 2), (0, 2))).code == "SGA-009"


def test_sagas_that_came_to_their_end_are_the_confirmed_ones():
    ends = [SagaEnd(name, "COMPENSATED", ()) for name in "ab"] + [SagaEnd("c", "COMPLETED", ())]
    verdict = check_sagas(ends, [])
    assert (verdict.outcome, verdict.operations, verdict.confirmed) == ("valid", 3, 1)
