"""How a keyword fails, and what its message looks like.

A request that makes no sense is one sentence. A check that failed is plain text: its code and what happened, how to
replay it, the evidence, and where the rest lies.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from robot.api import Error, Failure

EVIDENCE_LINES_MAX = 10
_UNSAFE_IN_QUOTES = frozenset('"$`\\!')


class CheckFailed(Failure):
    """A check said no. Robot shows only the message."""


class RequestRefused(Error):
    """A keyword was asked for something that makes no sense. Robot shows only the message."""


def failure_text(headline: str, replay: str, evidence: Sequence[str] = (), artifacts: str = "") -> str:
    """Return the message of a failed check; `headline` is its code and one sentence."""
    lines = [headline, f"Replay: {replay}", *evidence[:EVIDENCE_LINES_MAX]]
    if artifacts:
        lines.append(f"Artifacts: {artifacts}")
    return "\n".join(lines)


def replay_line(test: str, options: Sequence[tuple[str, str]], suite_file: str) -> str:
    """Return the command that does a test again, or with test "" its whole suite."""
    words = ["robot"]
    if test:
        words += ["--test", quoted(escape_globs(test))]
    for option, value in options:
        words += [option, quoted_if_needed(value)]
    return " ".join([*words, quoted_if_needed(suite_file)])


def escape_globs(name: str) -> str:
    """Return a pattern for `--test` that means just this name."""
    return "".join(f"[{each}]" if each in "[*?" else each for each in name)


def quoted_if_needed(text: str) -> str:
    """Return a word for a shell, without quotes where it needs none."""
    return text if shlex.quote(text) == text else quoted(text)


def quoted(text: str) -> str:
    """Return a word for a shell: in double quotes, which every shell knows, unless they would change it."""
    if _UNSAFE_IN_QUOTES.isdisjoint(text):
        return f'"{text}"'
    return shlex.quote(text)
