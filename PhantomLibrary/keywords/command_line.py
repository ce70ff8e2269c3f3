"""What the command line of this run of Robot gave to all tests, so that a replay line can give it again.

Robot tells libraries the values of variables, but not which of them came from its command line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_OPTIONS = {"-v": "--variable", "--variable": "--variable", "-V": "--variablefile", "--variablefile": "--variablefile"}
_OURS = ("SEED", "ORDER", "DEFECTS")  # Written into the replay line with the values that count.
_OF_TOOLS = ("PABOT", "CALLER_ID", "SHARED_RUN")


def given_variables(arguments: Sequence[str]) -> list[tuple[str, str]]:
    """Return the options of a command line that set variables, each with its value, in their order."""
    return [pair for pair in _pairs(arguments) if pair[0] == "--variablefile" or not _is_ours(pair[1])]


def _is_ours(variable: str) -> bool:
    name = variable.partition(":")[0].upper()
    return name in _OURS or name.startswith(_OF_TOOLS)


def _pairs(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    for position, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        name = _OPTIONS.get(option if len(option) == 2 else option.lower())
        if name and equals:
            yield name, value
        elif name and position + 1 < len(arguments):
            yield name, arguments[position + 1]
