"""What the catalogue says of one code."""

from __future__ import annotations

from msgspec import Struct


class CodeEntry(Struct, frozen=True):
    """One code with a short title and an explanation for testers."""

    code: str
    title: str
    explanation: str
