"""Runs what takes several answers, one after the other, and reads as such: a generator that yields what to wait for.

What a script yields is called with a function, and calls that, once, with the answer. A script that is cancelled gets
no further: late answers to it are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeAlias

Resume: TypeAlias = Callable[[Any], object]
Wanted: TypeAlias = Callable[[Resume], object]
Script: TypeAlias = Generator[Wanted, Any, Any]


class RolledBackError(Exception):
    """The transaction of this script cannot go on."""


class Running:
    """A script under way. At its end `done(result, "")` is called, or `done(None, reason)` if it was rolled back."""

    def __init__(self, script: Script, done: Callable[[Any, str], object]) -> None:
        self._script = script
        self._done = done
        self._waiting_for = 0
        self._is_over = False

    def start(self) -> None:
        self._go_on(None)

    def cancel(self, reason: str) -> None:
        """End it here, as if it had been rolled back."""
        if not self._is_over:
            self._is_over = True
            self._script.close()
            self._done(None, reason)

    def _go_on(self, answer: Any) -> None:
        try:
            wanted = self._script.send(answer)
        except StopIteration as end:
            self._is_over = True
            self._done(end.value, "")
        except RolledBackError as error:
            self._is_over = True
            self._done(None, str(error))
        else:
            wanted(self._resume())

    def _resume(self) -> Resume:
        self._waiting_for += 1
        number = self._waiting_for

        def resume(answer: Any) -> None:
            if not self._is_over and number == self._waiting_for:
                self._go_on(answer)

        return resume
