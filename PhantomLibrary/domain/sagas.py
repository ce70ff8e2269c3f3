"""The definition of a saga: a value that clients make and shard 0 keeps."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS
from PhantomLibrary.domain.operations import Change

Uncompensated: TypeAlias = Literal["", "none"]
"""What a step without a compensation says of it: nothing, which is a mistake, or that it needs none."""


class Step(Struct, frozen=True, array_like=True):
    """One step. `after` are the positions of the steps that have to be completed before; times are nanoseconds.

    `retries` is how often an action is tried again that was not answered within `timeout_ns`; the pauses between begin
    with `back_off_ns` and double. A compensation has retries of its own, since nothing good comes after them.
    """

    name: str
    action: Change
    compensation: Change | None
    after: tuple[int, ...] = ()
    uncompensated: Uncompensated = ""
    retries: int = 3
    compensation_retries: int = 10
    back_off_ns: int = 100 * MILLISECOND_NS
    timeout_ns: int = SECOND_NS

    @property
    def key(self) -> str:
        return self.action.operation.key


class Definition(Struct, frozen=True, array_like=True):
    """A saga as it is defined. `timeout_ns`, unless 0, is how long it may take before it is rolled back."""

    name: str
    steps: tuple[Step, ...]
    timeout_ns: int = 0


encode_definition = msgspec.json.Encoder().encode
decode_definition = msgspec.json.Decoder(Definition).decode
