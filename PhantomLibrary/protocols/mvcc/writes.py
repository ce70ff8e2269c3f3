"""What writes make of what a key holds: the same for a single operation, in a transaction and in a saga."""

from __future__ import annotations

from PhantomLibrary.domain import Append, Delete, Increment, Put, Remove


def is_number(text: str) -> bool:
    """Whether a text is a whole number, so that one can be added to it."""
    return text.removeprefix("-").isdecimal()


def written(write: Put | Append | Remove | Increment | Delete, before: str | None) -> str | None:
    """Return what a key holds after a write, None when it is deleted."""
    match write:
        case Put():
            return write.value
        case Append():
            return f"{before} {write.element}" if before else write.element
        case Remove():
            return " ".join(each for each in (before or "").split() if each != write.element)
        case Increment():
            return str(int(before or "0") + write.amount)
        case Delete():
            return None
