"""Words that a keyword takes from a fixed list, where some words of the contract wait for what they need.

A word that waits is refused by name, so that nobody looks for a typing error in it. Where every word has a meaning
already, keywords use a plain `Literal` instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeVar

from msgspec import Struct

from PhantomLibrary.errors import InvalidInput, nearest


class Choice(Struct, frozen=True):
    """A word of a list. Subclasses name the list: `KNOWN` can be used now, `WAITING` cannot yet."""

    word: str

    WHAT: ClassVar[str] = "word"
    KNOWN: ClassVar[tuple[str, ...]] = ()
    WAITING: ClassVar[tuple[str, ...]] = ()

    def __str__(self) -> str:
        return self.word


class NodeState(Choice, frozen=True):
    """The state of a node as the others hold it: `joining`, `active`, `suspect`, `down`, `decommissioning`, `removed`;
    `paused` is what the test made it.
    """

    WHAT: ClassVar[str] = "node state"
    KNOWN: ClassVar[tuple[str, ...]] = (
        "any",
        "joining",
        "active",
        "suspect",
        "down",
        "decommissioning",
        "removed",
        "paused",
    )


class Event(Choice, frozen=True):
    """Something that a run can be waited for."""

    WHAT: ClassVar[str] = "event"
    KNOWN: ClassVar[tuple[str, ...]] = (
        "leader elected",
        "snapshot sent",
        "vote persisted",
        "entry committed",
        "learner added",
        "voters changing",
        "move started",
        "learner caught up",
        "move cut over",
        "move finished",
        "rebalancing finished",
        "split ordered",
        "split applied",
        "split finished",
        "freeze ordered",
        "merge frozen",
        "absorb ordered",
        "chunk absorbed",
        "merge absorbed",
        "merge finished",
        "merge cancelled",
        "saga started",
        "step executing",
        "step completed",
        "compensation begun",
        "step compensated",
        "saga ended",
        "prepare sent",
        "commit sent",
        "decision sent",
        "transaction prepared",
        "transaction decided",
        "transaction step",
        "fragment run",
        "chunk sent",
        "chunk delivered",
        "quiet",
    )
    WAITING: ClassVar[tuple[str, ...]] = ("administration finished",)


class Outcome(Choice, frozen=True):
    """How an operation ends: `done`, `aborted` (it certainly did not happen), `unknown` (nobody can tell), or `any`;
    or that it is `blocked`, and has not ended yet. A statement of SQL that is refused has `failed`.
    """

    WHAT: ClassVar[str] = "outcome"
    KNOWN: ClassVar[tuple[str, ...]] = ("done", "blocked", "failed", "aborted", "unknown", "any")


class Isolation(Choice, frozen=True):
    """What a transaction may see of others."""

    WHAT: ClassVar[str] = "isolation level"
    KNOWN: ClassVar[tuple[str, ...]] = ("read committed", "snapshot", "serializable")


class WorkloadKind(Choice, frozen=True):
    """What clients do."""

    WHAT: ClassVar[str] = "kind of workload"
    KNOWN: ClassVar[tuple[str, ...]] = (
        "register",
        "set",
        "counter",
        "append",
        "saga",
        "bank",
        "list-append",
        "rw-register",
        "write-skew",
        "long-fork",
        "monotonic",
    )
    WAITING: ClassVar[tuple[str, ...]] = ("orders",)


class DiskFault(Choice, frozen=True):
    """What is wrong with a disk."""

    WHAT: ClassVar[str] = "disk fault"
    KNOWN: ClassVar[tuple[str, ...]] = (
        "stall",
        "slow",
        "torn write",
        "bit rot",
        "lost fsync",
        "misdirected write",
        "io error",
        "full",
    )


class Level(Choice, frozen=True):
    """What a history is held against."""

    WHAT: ClassVar[str] = "level"
    KNOWN: ClassVar[tuple[str, ...]] = (
        "linearizable",
        "strict serializable",
        "serializable",
        "snapshot",
        "read committed",
        "causal",
    )


class Operator(Choice, frozen=True):
    """How a getter compares what it found with what is expected."""

    WHAT: ClassVar[str] = "operator"
    KNOWN: ClassVar[tuple[str, ...]] = ("==", "!=", "<", "<=", ">", ">=", "contains")


ANY_STATE = NodeState("any")
ACTIVE = NodeState("active")
DONE = Outcome("done")
NO_OPERATOR = Operator("")

Chosen = TypeVar("Chosen", bound=Choice)


def converter_of(kind: type[Chosen], doc: str) -> Callable[[str], Chosen]:
    """Return the converter of a list of words, documented for testers."""

    def convert(value: str) -> Chosen:
        word = " ".join(str(value).lower().replace("_", " ").split())
        known = ", ".join(kind.KNOWN)
        if word in kind.KNOWN:
            return kind(word)
        if word in kind.WAITING:
            raise InvalidInput(f"{kind.WHAT} {word!r} is not available yet: there is {known}")
        raise InvalidInput(f"no {kind.WHAT} {value!r}: there is {known}{nearest(word, kind.KNOWN)}")

    convert.__doc__ = doc
    return convert


def to_operator(value: str) -> Operator:
    """How what was found compares with what is expected: ``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=`` or ``contains``.

    Empty, the keyword only returns what it found.
    """
    if value == "" or value in Operator.KNOWN:
        return Operator(value)
    known = ", ".join(Operator.KNOWN)
    raise InvalidInput(f"no operator {value!r}: there is {known}{nearest(value, Operator.KNOWN)}")
