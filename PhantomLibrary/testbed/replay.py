"""Does a run again from its schedule: the same spec, the same commands at the same times, up to the same end."""

from __future__ import annotations

from PhantomLibrary.errors import PhantomError
from PhantomLibrary.kernel.trace import Sink
from PhantomLibrary.testbed.parts import Parts
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, Schedule


def replay(schedule: Schedule, *, parts: Parts | None = None, trace_sink: Sink | None = None) -> Run:
    """Return the run that a schedule describes, at its end. `parts` must be those of its defects, if it names any."""
    run = Run(schedule.run, parts=parts, trace_sink=trace_sink)
    replay_commands(run, schedule)
    return run


def replay_commands(run: Run, schedule: Schedule) -> None:
    """Do a schedule's commands in a run that was made from its spec and stands at its beginning."""
    for command in schedule.commands:
        _perform(run, command)
    run.advance(max(schedule.end_ns, run.now_ns))


def replay_loosely(run: Run, schedule: Schedule) -> int:
    """Do a schedule's commands in a run that may go another way; return how many made no sense there and were left out.

    For searches that change something: a command such as *restart n1* may come when n1 runs already.
    """
    left_out = 0
    for command in schedule.commands:
        try:
            _perform(run, command)
        except PhantomError:
            if run.ended:
                raise
            left_out += 1
    run.advance(max(schedule.end_ns, run.now_ns))
    return left_out


def _perform(run: Run, command: Command) -> None:
    if command.accepted_ns > run.now_ns:
        run.advance(command.accepted_ns)
    again = Command(
        command.verb,
        command.accepted_ns,
        command.at_ns,
        command.target,
        None if command.resolved is None else list(command.resolved),
        command.until_ns,
        dict(command.arguments),
        command.by,
    )
    run.perform(again)
