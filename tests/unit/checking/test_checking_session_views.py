"""Sets and counters that regions copy: what each session may see, and what it may not."""

import pytest

from PhantomLibrary.checking.dispatch import check_history
from PhantomLibrary.domain import HistoryEvent
from PhantomLibrary.errors import InvalidInput


def events(*steps):
    """Make a history of (process, type, function, value), all on one key."""
    return [
        HistoryEvent(index, index * 10, process, ending, function, "k", value)
        for index, (process, ending, function, value) in enumerate(steps)
    ]


def added(process, value, function="add", ending="ok"):
    return (process, "invoke", function, value), (process, ending, function, value)


def read(process, value):
    return (process, "invoke", "read", None), (process, "ok", "read", value)


def judge(kind, *pairs):
    return check_history(events(*(step for pair in pairs for step in pair)), kind, level="causal")


def test_what_others_added_may_come_late():
    assert judge("set", added(1, 1), read(2, []), read(2, [1])).outcome == "valid"
    assert judge("counter", added(1, 3, "increment"), read(2, 0), read(2, 3)).outcome == "valid"


@pytest.mark.parametrize(
    ("history", "code"),
    [
        ((added(1, 1), read(1, [])), "SET-001"),  # Read your writes.
        ((added(1, 1), read(2, [1]), read(2, [])), "SET-005"),  # Monotonic reads.
        ((added(1, 1), read(2, [1, 2])), "SET-002"),  # Nobody wrote it.
        ((added(1, 1, ending="fail"), read(2, [1])), "SET-003"),
    ],
)
def test_what_a_session_has_put_in_or_seen_it_sees_from_then_on_and_nothing_that_nobody_put_in(history, code):
    assert judge("set", *history).code == code


def test_a_counter_holds_what_the_session_added_and_no_more_than_all_did():
    assert judge("counter", added(1, 3, "increment"), read(1, 2)).outcome == "invalid"
    assert judge("counter", added(1, 3, "increment"), read(2, 4)).outcome == "invalid"
    assert judge("counter", added(1, 3, "increment"), read(2, 3), read(2, 0)).outcome == "invalid"


def test_lists_have_an_order_and_so_no_level_like_this():
    with pytest.raises(InvalidInput, match="there is one of register, set, counter"):
        judge("append", added(1, 1, "append"), read(1, [1]))
