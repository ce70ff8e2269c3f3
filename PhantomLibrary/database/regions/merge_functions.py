"""Functions of users that merge what several regions have written, by their names: `module:function`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import TypeAlias

from PhantomLibrary.errors import InvalidInput

Merge: TypeAlias = Callable[[list[str]], str]


@cache
def load_merge(name: str) -> Merge:
    """Return the function. Raises InvalidInput where there is none of that name, or it cannot be called."""
    module, colon, function = name.partition(":")
    if not (colon and module and function):
        raise InvalidInput(f"{name!r} names no merge function: write module:function, such as my_merges:longest")
    try:
        found = getattr(import_module(module), function)
    except ImportError as error:
        raise InvalidInput(f"merge function {name}: module {module} cannot be imported: {error}") from None
    except AttributeError:
        raise InvalidInput(f"merge function {name}: module {module} has no {function}") from None
    if not callable(found):
        raise InvalidInput(f"merge function {name}: it is a {type(found).__name__}, and cannot be called")
    return found  # type: ignore[no-any-return]
