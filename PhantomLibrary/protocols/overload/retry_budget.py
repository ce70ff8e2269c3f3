"""How often to ask again who has said that he is overloaded: a little, later and later, and never more than one time in
ten.

Each retry is more load for who has too much. If all were retried, a load that is above capacity for a moment would keep
itself there for ever: a metastable failure. So a request is tried three times at most, with pauses that double and are
drawn at random, and retries altogether may be a tenth of what is asked for the first time, beyond a small reserve.

Rule: integers. The caller draws the pauses.

Source: Beyer et al., "Site Reliability Engineering" (O'Reilly 2016), chapter 21, for both bounds; Bronson et al.,
"Metastable Failures in Distributed Systems" (HotOS 2021) for why.
"""

from __future__ import annotations

ATTEMPTS_MAX = 3
_RETRY = 10  # What a retry costs, in what a request earns.
_RESERVE = 10 * _RETRY


class RetryBudget:
    """Of one gateway. A request earns a tenth of a retry; what is saved up is bounded by the reserve."""

    __slots__ = ("_asked", "_saved")

    def __init__(self) -> None:
        self._saved = _RESERVE
        self._asked = 0

    def allows(self, refusals: int, asked: int) -> bool:
        """Return whether to try once more what was refused so often, and pay for it if so.

        `asked` counts the requests so far, whatever became of them: it only grows.
        """
        self._saved = min(_RESERVE, self._saved + asked - self._asked)
        self._asked = asked
        if refusals >= ATTEMPTS_MAX or self._saved < _RETRY:
            return False
        self._saved -= _RETRY
        return True


def pause_ns(refusals: int, first_ns: int, drawn: int) -> int:
    """Return how long to wait after so many refusals: double each time, of which at least half; `drawn` has 16 bits."""
    whole_ns = first_ns << (refusals - 1)
    return whole_ns // 2 + (whole_ns // 2 * drawn >> 16)
