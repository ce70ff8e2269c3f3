"""Orders of events as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.kernel.orders import STRATEGIES, Order
from PhantomLibrary.keywords.orders import to_order
from PhantomLibrary.reporting.trace_file import HeldTrace


@pytest.mark.parametrize(
    ("written", "order"),
    [
        ("pct:17", Order("pct", 17)),
        (" PCT:17:5 ", Order("pct", 17, 5)),
        ("delay-bounded:0:0:1", Order("delay-bounded", 0, 0, 1)),
        ("random:3:3:2400", Order("random", 3, 3, 2400)),
    ],
)
def test_orders_are_read(written, order):
    assert to_order(written) == order


@given(st.sampled_from(STRATEGIES), st.integers(0, 10**6), st.integers(1, 1000), st.integers(1, 10**6))
def test_what_is_told_of_an_order_is_read_again(strategy, number, depth, steps):
    order = Order(strategy, number, depth, steps)
    assert to_order(str(order)) == order


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "no strategy '': there are random, pct, delay-bounded"),
        ("ptc:1", "no strategy 'ptc': there are random, pct, delay-bounded (did you mean pct?)"),
        ("pct", "'pct' is no order of events: write strategy:number, such as pct:17"),
        ("pct:", "'pct:' is no order of events"),
        ("pct:-1", "'pct:-1' is no order of events"),
        ("pct:1:2:3:4", "'pct:1:2:3:4' is no order of events"),
        ("pct:\u0663", "'pct:\u0663' is no order of events"),
        ("pct:1:1001", "depth=1001 makes no pct order: give 1 to 1000"),
        ("random:1:3:0", "steps=0 makes no random order: give 1 to"),
    ],
)
def test_other_words_are_refused(written, message):
    with pytest.raises(InvalidInput) as refused:
        to_order(written)
    assert str(refused.value).startswith(message)


def test_a_held_trace_is_handed_on_whole_and_in_order():
    handed = []
    held = HeldTrace(handed.extend)
    held([b"1", b"2"])
    held([b"3"])
    assert handed == []
    held.release()
    held([b"4"])
    assert handed == [b"1", b"2", b"3", b"4"]
