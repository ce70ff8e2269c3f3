"""How long a suspected member has to refute: long while one accuser stands alone, short once others confirm.

Source: Lifeguard (2018), IV.B: max - (max - min) * log(C + 1) / log(K + 1), after C of K wanted confirmations.
"""

from __future__ import annotations

from collections.abc import Iterable

from PhantomLibrary.domain import NodeId

CONFIRMATIONS_WANTED = 3

# log(C + 1) / log(K + 1) in millionths, by K and C: a table, because a logarithm is no integer.
_PROGRESS_PPM = ((1_000_000,), (0, 1_000_000), (0, 630_930, 1_000_000), (0, 500_000, 792_481, 1_000_000))


class Suspicion:
    """The accusations of one member in one incarnation, and who may still confirm them."""

    __slots__ = ("_accusers", "_decisive", "_since_ns", "_timeout_max_ns", "_timeout_min_ns", "_witnesses")

    def __init__(
        self, accuser: NodeId, witnesses: Iterable[NodeId], since_ns: int, timeout_min_ns: int, timeout_max_ns: int
    ) -> None:
        self._accusers = {accuser: None}
        self._witnesses = dict.fromkeys(each for each in witnesses if each != accuser)
        self._since_ns = since_ns
        self._timeout_min_ns = timeout_min_ns
        self._timeout_max_ns = timeout_max_ns
        self._decisive = ""  # Whose accusation ends it.

    def confirm(self, accuser: NodeId) -> bool:
        """Take an accusation; return whether it is one more that counts."""
        if accuser in self._accusers or len(self._accusers) > CONFIRMATIONS_WANTED:
            return False
        self._accusers[accuser] = None
        self._witnesses.pop(accuser, None)
        return True

    def excuse(self, witness: NodeId) -> None:
        """A member is down itself, or was removed: its confirmation is not waited for."""
        self._witnesses.pop(witness, None)

    def end(self, witness: NodeId) -> bool:
        """It has ended elsewhere: once this witness has accused as well, no more is waited for. Return whether that
        is new.
        """
        is_new, self._decisive = self._decisive == "", witness
        return is_new

    @property
    def ends_ns(self) -> int:
        """When the member counts as down, unless it refutes."""
        confirmations = len(self._accusers) - 1
        wanted = min(CONFIRMATIONS_WANTED, confirmations + len(self._witnesses))
        is_settled = self._decisive in self._accusers
        share_ppm = 1_000_000 if is_settled else _PROGRESS_PPM[wanted][confirmations]
        shortened_ns = (self._timeout_max_ns - self._timeout_min_ns) * share_ppm // 1_000_000
        return self._since_ns + self._timeout_max_ns - shortened_ns
