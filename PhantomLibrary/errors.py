"""The errors a caller can meet. A bug of ours is an `assert`; a failed check is a value, not an error."""

from collections.abc import Iterable
from difflib import get_close_matches


class PhantomError(Exception):
    """A request that cannot be carried out; its text says what was wrong, what is allowed and the nearest guess."""


class InvalidInput(PhantomError, ValueError):
    """A name, number or file that makes no sense here. Nothing has happened; the cluster is as it was."""


class InvalidState(PhantomError):
    """A request that makes sense, but not now: no cluster runs, or the node runs already. Nothing has happened."""


class RunEnded(PhantomError):
    """The run was cut short (a bound, an interrupt, a time-out or a bug), so its cluster cannot go on."""


class Livelock(RunEnded):
    """Virtual time did not reach its goal within the bound on events or on wall time."""


def nearest(name: object, known: Iterable[object]) -> str:
    """Return ` (did you mean X?)` for the known name that is closest to `name`, or nothing."""
    matches = get_close_matches(str(name), [str(each) for each in known], n=1, cutoff=0.5)
    return f" (did you mean {matches[0]}?)" if matches else ""
