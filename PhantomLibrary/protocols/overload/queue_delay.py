"""When to turn requests away: as soon as all of them have waited for a while, and only those that waited long.

A queue that empties now and then merely evens out bursts; one in which the luckiest request of a whole interval still
had to wait is a standing queue, which no patience will empty. So the least delay of each interval decides, and while it
is above the target, what has waited more than twice the target is turned away: it is the oldest, whose client is the
nearest to giving up. What is let in waits no longer than that, so the node works at full speed on what can still be of
use. It is over when an interval passes in which nothing had to be turned away: were it over as soon as the queue is
short, which turning away has brought about, all that comes in the next interval would be let in, and wait.

Rule: integers, and no clock but the one whose readings it is given.

Source: Nichols and Jacobson, "Controlling Queue Delay" (ACM Queue 10(5), 2012), in the form for servers that refuse
rather than drop: Maurer, "Fail at Scale" (ACM Queue 13(8), 2015), and Codel.cpp of Facebook's folly.
"""

from __future__ import annotations

_PATIENCE = 2  # How many times the target a request may have waited.


class QueueDelay:
    """Judges by how long requests have waited. `least_ns` is the least delay of the present interval."""

    __slots__ = ("_ends_ns", "_has_shed", "_interval_ns", "_target_ns", "is_overloaded", "least_ns")

    def __init__(self, target_ns: int, interval_ns: int) -> None:
        self._target_ns = target_ns
        self._interval_ns = interval_ns
        self._ends_ns = 0
        self.least_ns = 0
        self.is_overloaded = False
        self._has_shed = False  # In the present interval.

    def sheds(self, waited_ns: int, now_ns: int, *, patience: int = _PATIENCE) -> bool:
        """Take note of a request that has waited so long; return whether to turn it away.

        The first one of an interval never is, so that one alone, after a long silence, finds the door open. `patience`
        is how many targets it may have waited: more for what others have worked on already.
        """
        if now_ns >= self._ends_ns:
            self.is_overloaded = self.least_ns > self._target_ns or self._has_shed
            self._has_shed = False
            self._ends_ns = now_ns + self._interval_ns
            self.least_ns = waited_ns
            return False
        self.least_ns = min(self.least_ns, waited_ns)
        sheds = self.is_overloaded and waited_ns > patience * self._target_ns
        self._has_shed |= sheds
        return sheds
