"""A run: one simulated cluster from its start to its end, without Robot.

Everything that changes a run goes through `perform`, under one lock, and is written into its schedule; so the
schedule does the same run again. Virtual time stands still between commands.
"""

from __future__ import annotations

from typing import Any

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.kernel.trace import Sink
from PhantomLibrary.testbed.arguments import check_command
from PhantomLibrary.testbed.cluster import Cluster
from PhantomLibrary.testbed.parts import Parts
from PhantomLibrary.testbed.regions import LagSeries
from PhantomLibrary.testbed.schedule import Command, RunSpec, Schedule
from PhantomLibrary.testbed.targets import check_target
from PhantomLibrary.testbed.verbs import VERBS, Verb


class Run(Cluster):
    """A cluster that is driven by commands, and remembers them."""

    def __init__(self, spec: RunSpec, *, parts: Parts | None = None, trace_sink: Sink | None = None) -> None:
        super().__init__(spec, parts=parts, trace_sink=trace_sink)
        self.schedule = Schedule(spec)
        self.lags = LagSeries(self) if self.layout.regions is not None else None

    def perform(self, command: Command) -> Any:
        """Accept a command; do it now, or when its time comes. Returns what its verb returns, None for later ones.

        Raises InvalidInput or InvalidState when it makes no sense, RunEnded after the end. Then nothing has happened.
        """
        with self.lock, self.unbroken():
            self.check_alive()
            verb = VERBS.get(command.verb)
            if verb is None:
                raise InvalidInput(f"no verb {command.verb!r}: there are {', '.join(VERBS)}")
            if command.at_ns < self.now_ns:
                raise InvalidInput(
                    f"at={command.at_ns / SECOND_NS:g}s has passed: virtual time is {self.now_ns / SECOND_NS:g}s"
                )
            check_command(command)
            if command.at_ns > self.now_ns:
                check_target(command.target, self)
                self.schedule.commands.append(command)
                self.plan(command.at_ns, lambda: self._perform_later(verb, command))
                return None
            # Time may have stood still in an `advance`, which a schedule does not tell: so each command comes when all
            # that those before it began in this instant is done.
            self.advance(self.now_ns)
            result = verb(self, command)
            self.schedule.commands.append(command)
            return result

    def pending_commands(self) -> list[Command]:
        """Return the commands that were accepted for a time that has not come yet."""
        return [each for each in self.schedule.commands if each.at_ns > self.now_ns]

    def _perform_later(self, verb: Verb, command: Command) -> None:
        try:
            verb(self, command)
        except (InvalidInput, InvalidState) as error:
            # It did nothing, so the schedule is that of the same run without it.
            self.schedule.commands = [each for each in self.schedule.commands if each is not command]
            planned = f"{command.verb} {command.target}".strip()
            raise type(error)(f"{planned}, planned for t={command.at_ns / SECOND_NS:.3f}s: {error}") from None

    def finish(self) -> Schedule:
        """Write down when the run ended and what its digest is; return the schedule."""
        if not self.ended:
            self.advance(self.now_ns)  # What the last command began in this instant, a replay does as well.
        self.schedule.end_ns = self.now_ns
        digest = self.trace.digest()  # Which brings the trace's sink up to date as well.
        # A run that was cut short stopped in the middle of an instant, which no replay does.
        self.schedule.digest = "" if self.ended else digest
        return self.schedule
