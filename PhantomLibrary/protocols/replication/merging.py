"""A user's function that makes one value of several, called so that nothing it does harms a shard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

Merge: TypeAlias = Callable[[list[str]], object]
"""Makes one value of several, which come in the order of (time, region). Must depend on nothing else."""


def merged(merge: Merge | None, name: str, key: str, values: Sequence[str]) -> tuple[str, str]:
    """Return (the value, "") or ("", why there is none)."""
    if merge is None:
        return "", f"{key} has {len(values)} values, and no merge function is there to make one of them"
    try:
        value = merge(list(values))
    except Exception as error:  # noqa: BLE001 - a stranger's code, and whatever it raises is its answer
        return "", f"merge function {name or 'given'} raised {type(error).__name__} for {key}: {error}"
    if not isinstance(value, str):
        return "", f"merge function {name or 'given'} returned {type(value).__name__}, no str, for {key}: {value!r}"
    return value, ""
