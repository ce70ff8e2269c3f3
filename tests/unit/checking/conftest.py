"""Histories as short scripts: one word a field, one line an event."""

import pytest

from PhantomLibrary.domain import MILLISECOND_NS, HistoryEvent


def _value(word):
    if word in ("-", ""):
        return None
    if word.startswith("["):
        return [_value(each) for each in word.strip("[]").split(",") if each]
    try:
        return int(word)
    except ValueError:
        return word


@pytest.fixture
def history():
    """Return a function that reads lines `process type function [value] [error]`; the n-th is at n milliseconds.

    `key=` in a line names the key, else it is k1.
    """

    def read(text):
        events = []
        for line in text.strip().splitlines():
            words = line.split()
            key = next((word[4:] for word in words if word.startswith("key=")), "k1")
            words = [word for word in words if not word.startswith("key=")] + ["", ""]
            number = len(events) + 1
            error = " ".join(words[4:]).strip()
            events.append(
                HistoryEvent(
                    number,
                    number * MILLISECOND_NS,
                    int(words[0]),
                    words[1],
                    words[2],
                    key,
                    _value(words[3]),
                    error=error,
                )
            )
        return events

    return read
