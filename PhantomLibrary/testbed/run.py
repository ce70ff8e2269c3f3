"""A run: one simulated cluster from its start to its end, without Robot.

Everything that changes a run goes through `perform`, under one lock, and is written into its schedule; so the
schedule does the same run again. Virtual time stands still between commands.
"""

from __future__ import annotations

from typing import Any

from PhantomLibrary.database.parts import Parts
from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.kernel.trace import Sink
from PhantomLibrary.testbed.cluster import Cluster
from PhantomLibrary.testbed.schedule import Command, RunSpec, Schedule
from PhantomLibrary.testbed.verbs import VERBS


class Run(Cluster):
    """A cluster that is driven by commands, and remembers them."""

    def __init__(self, spec: RunSpec, *, parts: Parts | None = None, trace_sink: Sink | None = None) -> None:
        super().__init__(spec, parts=parts, trace_sink=trace_sink)
        self.schedule = Schedule(spec)

    def perform(self, command: Command) -> Any:
        """Accept a command; do it now, or when its time comes. Returns what its verb returns, None for later ones.

        Raises InvalidInput or InvalidState when it makes no sense, RunEnded after the end. Then nothing has happened.
        """
        with self.lock:
            self.check_alive()
            verb = VERBS.get(command.verb)
            if verb is None:
                raise InvalidInput(f"no verb {command.verb!r}: there are {', '.join(VERBS)}")
            if command.at_ns < self.now_ns:
                raise InvalidInput(
                    f"at={command.at_ns / SECOND_NS:g}s has passed: virtual time is {self.now_ns / SECOND_NS:g}s"
                )
            if command.until_ns is not None and command.until_ns <= command.at_ns:
                raise InvalidInput("a duration must be longer than nothing")
            if command.at_ns > self.now_ns:
                self.schedule.commands.append(command)
                self.plan(command.at_ns, lambda: verb(self, command))
                return None
            result = verb(self, command)
            self.schedule.commands.append(command)
            return result

    def finish(self) -> Schedule:
        """Write down when the run ended and what its digest is; return the schedule."""
        if not self.ended:
            self.advance(self.now_ns)  # What the last command began in this instant, a replay does as well.
        self.schedule.end_ns = self.now_ns
        self.schedule.digest = self.trace.digest()
        return self.schedule
