"""What a gateway asks the directory for: the map of shards, and who waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from PhantomLibrary.database.directory import Directory, decode_directory
from PhantomLibrary.database.routes import Routes
from PhantomLibrary.domain import Answer, Ok, Refused

WhenKnown: TypeAlias = Callable[[Answer], object]
INCOMPLETE = Refused("no map of the shards holds all keys at the moment: some shard is being split")


class ShardMap:
    """Routes, kept up to date. `fetch` asks shard 0 for the directory, and calls back once with the answer."""

    def __init__(self, routes: Routes, fetch: Callable[[WhenKnown], object]) -> None:
        self.routes = routes
        self._fetch = fetch
        self._is_fetching = False
        self._waiting: list[WhenKnown] = []

    @property
    def is_waited_for(self) -> bool:
        return bool(self._waiting)

    def learn(self, directory: Directory) -> None:
        """Take over what is newer in a directory."""
        self.routes.learn_all(directory.shards, directory.reshapes.absorbed)

    def when_known(self, action: WhenKnown) -> None:
        """Do something as soon as the map is known, or cannot be had: at once, if it is known."""
        if self.routes.has_map:
            action(Ok())
        else:
            self._waiting.append(action)
            self.refresh()

    def refresh(self) -> None:
        """Ask for the map, unless that is under way."""
        if not self._is_fetching:
            self._is_fetching = True
            self._fetch(self._fetched)

    def _fetched(self, answer: Answer) -> None:
        if isinstance(answer, Ok):
            self.learn(decode_directory(answer.value or ""))
            if not self.routes.has_map:
                answer = INCOMPLETE
        self._is_fetching = False
        waiting, self._waiting = self._waiting, []
        for action in waiting:
            action(answer)
