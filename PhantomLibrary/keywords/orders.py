"""Orders of events as people write them: `pct:17:3:2400` is the 17th of pct, of depth 3 over 2400 deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from robot.libraries.BuiltIn import BuiltIn

from PhantomLibrary.errors import InvalidInput, nearest

if TYPE_CHECKING:
    from PhantomLibrary.kernel.orders import Order

_FORM = "write strategy:number, such as pct:17, and after them its depth and how many deliveries are expected"
_PARTS_MAX = 4


def to_order(value: Any) -> Order:
    """Return the order that a text names. Raises InvalidInput for another text."""
    from PhantomLibrary.kernel.orders import DEPTH, STEPS, STRATEGIES, Order, check_order

    text = str(value).strip()
    word, *numbers = text.split(":")
    strategy = next((each for each in STRATEGIES if each == word.lower()), None)
    if strategy is None:
        raise InvalidInput(f"no strategy {word!r}: there are {', '.join(STRATEGIES)}{nearest(word, STRATEGIES)}")
    if not 1 <= len(numbers) < _PARTS_MAX or not all(each.isascii() and each.isdigit() for each in numbers):
        raise InvalidInput(f"{text!r} is no order of events: {_FORM}")
    number, depth, steps = (*map(int, numbers), *(DEPTH, STEPS)[len(numbers) - 1 :])
    order = Order(strategy, number, depth, steps)
    check_order(order)
    return order


def given_order() -> Order | None:
    """Return the order that ${ORDER} asks of every cluster, None where it asks nothing."""
    value = BuiltIn().get_variable_value("${ORDER}")
    if value in (None, ""):
        return None
    try:
        return to_order(value)
    except InvalidInput as error:
        raise InvalidInput(f"variable ${{ORDER}}: {error}") from None


def given_depth() -> int:
    """Return the depth that ${ORDER_DEPTH} asks of the orders of `For Each Schedule`."""
    from PhantomLibrary.kernel.orders import DEPTH

    value = BuiltIn().get_variable_value("${ORDER_DEPTH}", DEPTH)
    text = str(value)
    if not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise InvalidInput(f"variable ${{ORDER_DEPTH}} is {value!r}: write a whole number, 1 or more")
    return int(text)
