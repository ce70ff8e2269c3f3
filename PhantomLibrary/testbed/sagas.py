"""Verbs of sagas, and what is known of those that were started.

The operator asks shard 0 through a gateway, as a client does. How sagas go on is seen from outside, in what nodes show.
A saga is meant by its own name, or by that of its definition: then it is the one that was started last.
"""

from __future__ import annotations

from msgspec import Struct

from PhantomLibrary.domain import Answer, BeginSaga, CancelSaga, SagaChanged
from PhantomLibrary.domain.sagas import encode_definition
from PhantomLibrary.errors import InvalidInput, InvalidState, nearest
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.testbed.cluster import Cluster, StartedSaga
from PhantomLibrary.testbed.saga_file import parse_saga
from PhantomLibrary.testbed.schedule import Command

ENDED = ("COMPLETED", "COMPENSATED")


class SagaWish(Struct, frozen=True):
    """What an operator has asked for: the saga, and the answer to come."""

    name: str
    task: Task[Answer]


def start_saga(cluster: Cluster, command: Command) -> SagaWish:
    """Ask shard 0 to begin a saga under a name of its own."""
    arguments = command.arguments
    text, name = arguments["definition"], arguments.get("name", "")
    defined = parse_saga(text, arguments.get("origin", "the saga")).name
    name = name or _next_name(cluster, defined)
    if name in cluster.started_sagas:
        raise InvalidInput(f"saga {name!r} was started before: give this one another name")
    definition = parse_saga(text, arguments.get("origin", "the saga"), name)
    arguments["name"] = name
    cluster.started_sagas[name] = StartedSaga(definition, cluster.now_ns)
    begin = BeginSaga(name, encode_definition(definition).decode())
    return SagaWish(name, cluster.operator.ask(begin))


def _next_name(cluster: Cluster, defined: str) -> str:
    number = 1 + sum(each.definition.name == defined for each in cluster.started_sagas.values())
    while f"{defined}-{number}" in cluster.started_sagas:
        number += 1
    return f"{defined}-{number}"


def cancel_saga(cluster: Cluster, command: Command) -> SagaWish:
    """Ask shard 0 to roll a saga back."""
    name = saga_name(cluster, command.arguments["saga"])
    seen = cluster.watch.sagas.get(name)
    if seen is not None and seen.state == "COMPLETED":
        raise InvalidState(f"saga {name} is completed: it cannot be cancelled any more")
    return SagaWish(name, cluster.operator.ask(CancelSaga(name)))


def saga_name(cluster: Cluster, text: str) -> str:
    """Return the saga that is meant. Raises InvalidInput when none of that name was started."""
    started = cluster.started_sagas
    if text in started:
        return text
    named = [name for name, saga in started.items() if saga.definition.name == text]
    if not named:
        known = f"there is {', '.join(started)}" if started else "none was started: begin with Start Saga"
        names = [*started, *(saga.definition.name for saga in started.values())]
        raise InvalidInput(f"no saga {text!r}: {known}{nearest(text, names)}")
    return named[-1]


def saga_seen(cluster: Cluster, name: str) -> SagaChanged | None:
    """Return how far a saga is, as any node has shown it; None while none has."""
    return cluster.watch.sagas.get(name)
