"""A rule by which links lose, or hold back, messages of some kind, some of the time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.world.units import MILLION


class MessageRule:
    """Strikes messages that it picks by kind and by chance; counts them in `struck`.

    They are lost; or, with a `delay_ns`, they arrive so much later, whatever follows them; or, with `doubles` too, as
    they would, and once more so much later.
    """

    def __init__(
        self,
        picks: Callable[[Any], bool],
        probability_ppm: int,
        *,
        picks_all: bool = False,
        delay_ns: int = 0,
        doubles: bool = False,
    ) -> None:
        self._picks = picks
        self.drops_all = picks_all and probability_ppm >= MILLION and not delay_ns
        self._probability_ppm = probability_ppm
        self.delay_ns = delay_ns
        self.doubles = doubles
        self.struck = 0

    def strikes(self, message: Any, stream: Stream) -> bool:
        if not self._picks(message):
            return False
        struck = self._probability_ppm >= MILLION or stream.chance(self._probability_ppm, MILLION)
        self.struck += struck
        return struck
