"""What is known of a call that failed: only one that may have happened leaves its outcome open."""

import pytest

from PhantomLibrary.database.calls import Call, Moved, failed, moved
from PhantomLibrary.domain import Get, OutcomeUnknown, Put, Refused


def call(operation, *, may_happen):
    made = Call(1, 1, operation, 0, print)
    made.may_happen = may_happen
    return made


@pytest.mark.parametrize(
    ("operation", "may_happen", "kind"),
    [
        (Put("k", "v"), True, OutcomeUnknown),
        (Put("k", "v"), False, Refused),
        (Get("k"), True, Refused),
        (Get("k"), False, Refused),
    ],
)
def test_a_call_fails_for_certain_unless_it_writes_and_some_attempt_was_left_without_answer(
    operation, may_happen, kind
):
    answer = failed(call(operation, may_happen=may_happen), "why", "; what else")
    assert type(answer) is kind
    assert answer.reason == ("why" if may_happen and kind is OutcomeUnknown else "why; what else")


def test_a_call_whose_keys_have_moved_is_known_not_to_have_happened_or_left_open():
    reason = "shard 0 holds other keys now"
    assert moved(call(Put("k", "v"), may_happen=False)) == Moved(reason)
    assert moved(call(Get("k"), may_happen=True)) == Moved(reason)
    assert moved(call(Put("k", "v"), may_happen=True)) == OutcomeUnknown(reason)
