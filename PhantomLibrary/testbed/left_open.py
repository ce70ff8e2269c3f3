"""What a test leaves open when it ends, and what is done about it."""

from __future__ import annotations

from contextlib import suppress

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command

_PATIENCE_NS = 10 * SECOND_NS


def open_transactions(run: Run) -> list[str]:
    """Return the transactions that their clients have not ended."""
    return [each.name for each in run.transactions.values() if each.is_open]


def roll_back(run: Run, names: list[str]) -> None:
    """Roll transactions back and let time go on until their clients know; one that is being committed just ends.

    What was planned for later and makes no sense when its time comes is of no interest any more.
    """
    left = [run.transactions[name] for name in names]
    with suppress(InvalidInput, InvalidState):
        for each in left:
            if not each.is_committing:
                verb, arguments = "roll back transaction", {"transaction": each.name}
                run.perform(Command(verb, run.now_ns, run.now_ns, arguments=arguments))
        run.advance(run.now_ns + _PATIENCE_NS, lambda: not any(each.is_open for each in left))
