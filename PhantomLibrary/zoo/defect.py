"""What a planted defect is, and how it is laid over the parts of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec
from msgspec import Struct

from PhantomLibrary.testbed.parts import Parts

Plant: TypeAlias = Callable[[Parts], Parts]


class Defect(Struct, frozen=True):
    """One planted defect. `codes` are the failures that fit it: whatever else goes wrong does not count as caught."""

    name: str
    summary: str
    source: str
    codes: tuple[str, ...]
    plant: Plant


def laid_over(part: str, overlay: type) -> Plant:
    """Replace a part, by the name of its field, with the overlay on top of what stands there."""
    return lambda parts: msgspec.structs.replace(parts, **{part: over(overlay, getattr(parts, part))})


def both(first: Plant, second: Plant) -> Plant:
    """Do two things to the parts."""
    return lambda parts: second(first(parts))


def over(overlay: type, base: type) -> type:
    """Return a class that is the overlay over the base."""
    return type(overlay.__name__, (overlay, base), {})
