"""What the exhaustive searches have in common: the command line, and how the time is shared out."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial


def parse_searches(
    given: Sequence[str] | None, known: Collection[str], *, what: str, states_max: int
) -> argparse.Namespace:
    """Return `searches`, `minutes` and `states`; ends the program at a search that there is not."""
    parser = argparse.ArgumentParser(description=f"Every run of {what}, within bounds.")
    parser.add_argument("searches", nargs="*", metavar="SEARCH", help=f"all by default: {', '.join(known)}")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--states", type=int, default=states_max, help="at most so many in a search")
    options = parser.parse_args(given)
    for name in options.searches:
        if name not in known:
            parser.error(f"no search {name!r}: there are {', '.join(known)}")
    options.searches = options.searches or list(known)
    return options


def share_time(names: Sequence[str], minutes: float) -> Iterator[tuple[str, float, Callable[[], bool]]]:
    """Yield each name with when it starts, and what says that its share of the time left is over."""
    until = time.monotonic() + minutes * 60
    for position, name in enumerate(names):
        started = time.monotonic()
        end = started + (until - started) / (len(names) - position)
        yield name, started, partial(_is_past, end)


def _is_past(end: float) -> bool:
    return time.monotonic() > end
