"""Functions of users that merge what several regions have written, by their names: `module:function`.

Such a function is the user's own, so nothing is taken for granted: it may not be there, and its module may raise.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, TypeAlias

from PhantomLibrary.errors import InvalidInput, nearest

Merge: TypeAlias = Callable[[list[str]], str]


@cache
def load_merge(name: str) -> Merge:
    """Return the function that `module:function` names. Raises InvalidInput, with the reason, where there is none."""
    module_name, colon, function_name = name.partition(":")
    if not (colon and module_name and function_name):
        raise InvalidInput(f"merge={name} names no function: write module:function, such as my_merges:longest")
    try:
        found: Any = import_module(module_name)
    except Exception as error:  # noqa: BLE001 - the module is the user's, and may raise anything.
        reason = f"{type(error).__name__}: {error}"
        raise InvalidInput(f"merge={name}: module {module_name} cannot be imported ({reason})") from None
    for part in function_name.split("."):
        known = vars(found) if hasattr(found, "__dict__") else {}
        if not hasattr(found, part):
            raise InvalidInput(f"merge={name}: {module_name} has no {part}{nearest(part, known)}")
        found = getattr(found, part)
    if not callable(found):
        raise InvalidInput(f"merge={name}: that is no function, but {type(found).__name__}")
    merge: Merge = found
    return merge
