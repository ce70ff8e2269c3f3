"""A leader's lease: for how long it may answer reads without asking anybody.

A follower that hears its leader grants no vote for one election timeout on its own clock, nor stands itself. So from
the moment at which a leader *sent* what a quorum has answered, no other can be elected for that long. Clocks drift: if
each runs at most `drift` too fast or too slow, the follower's timeout may be over after timeout / (1 + drift), and the
leader's lease of that length lasts up to length / (1 - drift); hence the length below.

The promise must outlive a restart of the follower, and whatever makes it forget who leads (see `Electing`); and a
leader that asks a follower to stand at once gives its lease up first, for the rest of its term (see `Transferring`).

Source: Ongaro, "Consensus: Bridging Theory and Practice" (2014), 6.4.1; Gray and Cheriton, "Leases" (1989).
"""

from __future__ import annotations

from collections import deque

_MILLION = 1_000_000


def lease_length_ns(election_timeout_ns: int, drift_ppm_max: int) -> int:
    """Return how long a lease may last on the leader's clock if no clock drifts by more than `drift_ppm_max`."""
    assert 0 <= drift_ppm_max < _MILLION
    return election_timeout_ns * (_MILLION - drift_ppm_max) // (_MILLION + drift_ppm_max)


class Lease:
    """Valid while the leader's monotonic clock reads less than `until_ns`."""

    __slots__ = ("_is_over", "_length_ns", "_sent", "until_ns")

    def __init__(self, length_ns: int) -> None:
        self.until_ns = 0
        self._length_ns = length_ns
        self._sent: deque[tuple[int, int]] = deque()  # (round, when it began), oldest first
        self._is_over = False

    def begin_round(self, number: int, now_ns: int) -> None:
        """Note that messages of this round are sent from now on."""
        self._sent.append((number, now_ns))

    def confirm(self, number: int) -> None:
        """A quorum, the leader included, has answered this round or a later one."""
        sent = self._sent
        while sent and sent[0][0] <= number:
            _, sent_ns = sent.popleft()
            if not self._is_over:
                self.until_ns = sent_ns + self._length_ns

    def give_up(self) -> None:
        """End it now, and have no other in this term."""
        self.until_ns = 0
        self._is_over = True
