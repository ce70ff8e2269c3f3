"""A rule by which links lose messages of some kind, some of the time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.world.units import MILLION


class DropRule:
    """Loses messages that it picks by kind and by chance. Counts them in `dropped`."""

    def __init__(self, picks: Callable[[Any], bool], probability_ppm: int, *, picks_all: bool = False) -> None:
        self._picks = picks
        self.drops_all = picks_all and probability_ppm >= MILLION
        self._probability_ppm = probability_ppm
        self.dropped = 0

    def drops(self, message: Any, stream: Stream) -> bool:
        if not self._picks(message):
            return False
        dropped = self._probability_ppm >= MILLION or stream.chance(self._probability_ppm, MILLION)
        self.dropped += dropped
        return dropped
