"""Keywords that delete single keys, and that change the sets and counters that keys hold."""

from __future__ import annotations

from typing import Any

from robotlibcore import keyword

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.keywords.choices import DONE, Outcome
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.node_names import ANY, NodeRef
from PhantomLibrary.keywords.workload_keywords import check_free, check_outcome, target_of, wait_for


class ValueKeywords(Component):
    """Keywords of single keys, beside those that read and write them."""

    @keyword(tags=("workload",))
    def delete_value(self, key: str, *, gateway: NodeRef = ANY, outcome: Outcome = DONE) -> None:
        """Deletes one key, as any client would, and waits for what comes of it; ``gateway`` is as in `Get Value`.

        Fails when it ends otherwise than ``outcome`` says, and when the key belongs to a workload.

        Example:
        | `Delete Value` | alice |
        | `Get Value` | alice | == | ${EMPTY} |
        """
        self._change(key, gateway, outcome, f"deleted key {key}", change="delete")

    @keyword(tags=("workload",))
    def add_element(self, key: str, element: str, *, gateway: NodeRef = ANY, outcome: Outcome = DONE) -> None:
        """Adds a word to the set that a key holds; elements have spaces between when they are read.

        Fails when it ends otherwise than ``outcome`` says, when the key belongs to a workload, and, where regions have
        copies of their own, when it holds something else than a set.

        Example:
        | `Add Element` | cart | apples | gateway=region eu |
        """
        self._change(key, gateway, outcome, f"added {element} to key {key}", change="append", element=element)

    @keyword(tags=("workload",))
    def remove_element(self, key: str, element: str, *, gateway: NodeRef = ANY, outcome: Outcome = DONE) -> None:
        """Takes a word out of the set that a key holds: what has been added elsewhere meanwhile stays.

        Fails as `Add Element` does.

        Example:
        | `Remove Element` | cart | apples | gateway=region eu |
        """
        self._change(key, gateway, outcome, f"removed {element} from key {key}", change="remove", element=element)

    @keyword(tags=("workload",))
    def add_to_counter(self, key: str, amount: int, *, gateway: NodeRef = ANY, outcome: Outcome = DONE) -> None:
        """Adds a whole number, which may be negative, to the counter that a key holds.

        Fails as `Add Element` does.

        Example:
        | `Add To Counter` | stock | -3 | gateway=region eu |
        """
        self._change(key, gateway, outcome, f"added {amount} to key {key}", change="increment", amount=amount)

    def _change(self, key: str, gateway: NodeRef, outcome: Outcome, told: str, **arguments: Any) -> None:
        cluster = self._cluster
        check_free(cluster, key)
        if outcome.word == "blocked":
            raise InvalidInput("outcome=blocked cannot be: a single write waits until it is done or refused")
        cluster.operator_keys.add(key)
        answer = wait_for(cluster, cluster.perform("change key", target_of(gateway), key=key, **arguments))
        check_outcome(cluster, f"changing key {key}", answer, outcome, told)
