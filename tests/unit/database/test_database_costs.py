"""What handling costs: more for more bytes, and something for everything."""

from PhantomLibrary.database.costs import handling_cost_ns
from PhantomLibrary.database.messages import ShardReply
from PhantomLibrary.domain import MICROSECOND_NS


def test_each_kilobyte_costs_the_same():
    message = ShardReply(1, 1, 1, None)
    empty_ns = handling_cost_ns(message, 0)
    assert handling_cost_ns(message, 1024) == empty_ns + 2 * MICROSECOND_NS
    assert handling_cost_ns(message, 4096) == empty_ns + 8 * MICROSECOND_NS


def test_a_timer_costs_as_much_as_a_message_without_a_price_of_its_own():
    assert handling_cost_ns(None, 0) == handling_cost_ns("anything", 0) == 10 * MICROSECOND_NS
