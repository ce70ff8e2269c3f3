"""Every run of the commit of one transaction over a few shards, within bounds, judged state by state.

The table of each shard and the coordinator are the real ones. Between them, messages are lost (they merely never
arrive), overtake each other, and come again; asks are given up though they may yet arrive; the coordinator crashes
between any two steps; whoever is prepared asks the record at any time, beside a coordinator that is alive; the
record's shard tells decisions, and forgets when all have acknowledged; time passes, until patience is over, and until
tombstones end. A shard itself is replicated, and loses nothing.

What must hold is written from Gray and Lamport, "Consensus on Transaction Commit" (2006), 2: stability and
consistency; and, from any state at all, recovery alone ends everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from PhantomLibrary.domain import Increment, ShardId
from PhantomLibrary.exploration.commit_shards import HOURS, RIVAL, TRANSACTION, Shards, key_of
from PhantomLibrary.protocols.transactions.committing import Ask, Committed, Committer, RolledBack, Share, Step
from PhantomLibrary.protocols.transactions.table import TransactionTable
from PhantomLibrary.protocols.transactions.values import (
    Decide,
    Done,
    Ended,
    Forget,
    Inquire,
    Prepare,
    Resolve,
    TransactionAnswer,
)

_ALIVE, _CRASHED = "alive", "crashed"


class CommitBounds(Struct, frozen=True):
    """How far to look. Messages may be lost and overtake each other without bound.

    `rival`: the shard, if any, at which another transaction is prepared, and will end. `give_ups` is how many asks the
    coordinator gives up. `hours` is how often time passes: see commit_shards.TIMES_NS.
    """

    shards: int = 2
    rival: ShardId | None = None
    duplicates: int = 1
    give_ups: int = 1
    crashes: int = 1
    inquiries: int = 2
    hours: int = 2


class Asked(Struct, frozen=True, order=True):
    """Under way to a shard: of the coordinator, if `is_own`, else of somebody who recovers, for `back`.

    Of a copy the original has arrived, so nobody can know that it was never taken up.
    """

    shard: ShardId
    command: Prepare | Decide | Resolve | Inquire
    is_own: bool
    back: ShardId = 0
    is_copy: bool = False


class Answered(Struct, frozen=True):
    """Under way to the coordinator."""

    shard: ShardId
    command: Prepare | Decide
    answer: TransactionAnswer


Message: TypeAlias = Asked | Answered


class State(Struct, frozen=True):
    """`coordinator` numbers what it is; `told` is what the client knows: "" nothing yet, then how it ended."""

    shards: tuple[int, ...]
    coordinator: int
    told: str
    acted: frozenset[ShardId]
    messages: frozenset[int]
    left: tuple[int, int, int, int, int]  # Duplicates, give-ups, crashes, inquiries, hours.
    held: tuple[bool, ...]  # Which shards have ever promised.


class CommitResult(Struct, frozen=True):
    """`counterexample` is a shortest run that breaks something, the last line saying what; empty is good."""

    states: int
    shard_states: int
    exhausted: bool
    counterexample: tuple[str, ...]


def search_commits(
    bounds: CommitBounds,
    *,
    table_class: type[TransactionTable] = TransactionTable,
    committer_class: type[Committer] = Committer,
    states_max: int = 1_000_000,
    is_over: Callable[[], bool] = lambda: False,
) -> CommitResult:
    """Look at every state within the bounds. Stops at the first violation, after `states_max`, or at `is_over`."""
    return _Search(bounds, table_class, committer_class).run(states_max, is_over)


class _Search:
    def __init__(
        self, bounds: CommitBounds, table_class: type[TransactionTable], committer_class: type[Committer]
    ) -> None:
        assert bounds.hours < HOURS
        self.bounds = bounds
        self.shards = Shards(table_class)
        self._coordinators: list[Committer | None] = [None]
        self._coordinator_numbers: dict[tuple[object, ...], int] = {}
        self._messages: list[Message] = []
        self._message_numbers: dict[Message, int] = {}
        self._settled: dict[tuple[tuple[int, ...], str, int], str] = {}
        self._steps: dict[tuple[int, int], tuple[int, list[Step]]] = {}
        names = range(1, bounds.shards + 1)
        shares = {shard: Share((Increment(key_of(shard), 1),)) for shard in names}
        committer = committer_class(TRANSACTION, "read committed", 550, 1, shares)
        steps = committer.begin()
        state = State(
            tuple(self.shards.fresh(shard, rival=shard == bounds.rival) for shard in names),
            self._coordinator(committer),
            "",
            frozenset(),
            frozenset(),
            (bounds.duplicates, bounds.give_ups, bounds.crashes, bounds.inquiries, bounds.hours),
            (False,) * bounds.shards,
        )
        self.first = self._carried_out(state, steps)

    def run(self, states_max: int, is_over: Callable[[], bool]) -> CommitResult:
        origins: dict[State, tuple[State, str] | None] = {self.first: None}
        frontier = [self.first]
        while frontier:
            reached: list[State] = []
            for position, state in enumerate(frontier):
                if position % 1000 == 0 and (len(origins) > states_max or is_over()):
                    return CommitResult(len(origins), len(self.shards), False, ())
                for action, after in self._successors(state):
                    if after in origins:
                        continue
                    origins[after] = (state, action)
                    wrong = self._wrong(after)
                    if wrong:
                        return CommitResult(len(origins), len(self.shards), False, _told(origins, after, wrong))
                    reached.append(after)
            frontier = reached
        return CommitResult(len(origins), len(self.shards), True, ())

    # --- what may happen next ---------------------------------------------------------------------------------------

    def _successors(self, state: State) -> Iterator[tuple[str, State]]:
        for number in sorted(state.messages):
            yield from self._arrivals(state, number)
        _, give_ups, crashes, _, hours = state.left
        committer = self._coordinators[state.coordinator]
        if committer is not None:
            if give_ups:
                yield from self._give_ups(_spent(state, 1))
            if crashes:
                yield "the coordinator crashes", self._without_coordinator(_spent(state, 2))
        if hours:
            yield "time passes", _spent(state, 4)
        yield from self._recoveries(state)

    def _arrivals(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        message = self._messages[number]
        taken = replace(state, messages=state.messages - {number})
        yield self._arrival(taken, message, "")
        if state.left[0]:
            again = replace(message, is_copy=True) if isinstance(message, Asked) else message
            yield self._arrival(self._sent(_spent(taken, 0), again), message, ", which will come again")

    def _arrival(self, state: State, message: Message, word: str) -> tuple[str, State]:
        if isinstance(message, Answered):
            return f"shard {message.shard} has answered {message.answer}{word}", self._at_coordinator(state, message)
        return f"shard {message.shard} gets {message.command}{word}", self._at_shard(state, message)

    def _at_shard(self, state: State, message: Asked) -> State:
        state, answer = self._applied(state, message.shard, message.command)
        if message.is_own:
            assert isinstance(message.command, Prepare | Decide)
            return self._sent(state, Answered(message.shard, message.command, answer))
        if isinstance(message.command, Resolve) and isinstance(answer, Done):
            return replace(state, acted=state.acted | {message.shard})  # That it arrives or not is a matter of `acted`.
        if isinstance(message.command, Inquire) and isinstance(answer, Ended):
            return self._sent(
                state, Asked(message.back, Resolve(TRANSACTION, answer.committed, answer.commit_ns), False)
            )
        return state

    def _at_coordinator(self, state: State, message: Answered) -> State:
        committer = self._awake(state)
        if committer is None:
            return state
        steps = committer.answered(message.shard, message.command, message.answer)
        return self._carried_out(replace(state, coordinator=self._coordinator(committer)), steps)

    def _give_ups(self, state: State) -> Iterator[tuple[str, State]]:
        """The coordinator gives up what has not been answered. What did not arrive may be known never to arrive."""
        for number in sorted(state.messages):
            message = self._messages[number]
            if isinstance(message, Asked) and not message.is_own:
                continue
            may_be_lost = isinstance(message, Asked) and not message.is_copy
            for may_happen in (True, False) if may_be_lost else (True,):
                committer = self._awake(state)
                assert committer is not None
                steps = committer.unanswered(message.shard, message.command, "given up", may_happen=may_happen)  # type: ignore[arg-type]
                messages = state.messages if may_happen else state.messages - {number}
                after = replace(state, coordinator=self._coordinator(committer), messages=messages)
                word = "" if may_happen else ", which was not taken up"
                yield f"gives up {message.command}{word}", self._carried_out(after, steps)

    def _recoveries(self, state: State) -> Iterator[tuple[str, State]]:
        """What leaders do by themselves, for whoever is prepared and whoever is to be told."""
        anchor = self.shards.seen(state.shards[0])
        for shard in range(1, self.bounds.shards + 1):
            if self.shards.seen(state.shards[shard - 1]).is_prepared and state.left[3]:
                inquiry = Asked(1, Inquire(TRANSACTION), False, shard)
                yield f"shard {shard} inquires", self._sent(_spent(state, 3), inquiry)
            if shard == self.bounds.rival and self.shards.seen(state.shards[shard - 1]).has_rival:
                yield "the rival ends", self._applied(state, shard, Resolve(RIVAL, True, 2_000))[0]
        if anchor.record in ("COMMITTED", "ABORTED"):
            yield from self._decided(state)

    def _decided(self, state: State) -> Iterator[tuple[str, State]]:
        known = self._applied(state, 1, Inquire(TRANSACTION))[1]
        assert isinstance(known, Ended)
        others = range(2, self.bounds.shards + 1)
        for shard in others:
            if shard not in state.acted:
                resolve = Asked(shard, Resolve(TRANSACTION, known.committed, known.commit_ns), False)
                if self._message(resolve) not in state.messages:
                    yield f"shard {shard} is told", self._sent(state, resolve)
        if all(shard in state.acted for shard in others):
            yield "the record is forgotten", self._applied(state, 1, Forget((TRANSACTION,)))[0]

    # --- parts of steps ---------------------------------------------------------------------------------------------

    def _applied(
        self, state: State, shard: ShardId, command: Prepare | Decide | Resolve | Inquire | Forget, later: int = 0
    ) -> tuple[State, TransactionAnswer]:
        hour = self.bounds.hours - state.left[4]
        number, answer = self.shards.apply(shard, state.shards[shard - 1], command, hour + later)
        shards = (*state.shards[: shard - 1], number, *state.shards[shard:])
        held = state.held
        if self.shards.seen(number).is_prepared or self.shards.seen(number).times:
            held = (*held[: shard - 1], True, *held[shard:])
        return replace(state, shards=shards, held=held), answer

    def _carried_out(self, state: State, steps: list[Step]) -> State:
        for step in steps:
            match step:
                case Ask():
                    state = self._sent(state, Asked(step.shard, step.command, True))
                case Committed():
                    state = replace(state, told=f"committed at {step.commit_ns}")
                case RolledBack():
                    state = replace(state, told="rolled back")
                case _:
                    state = replace(state, told="unknown")
        return state

    def _sent(self, state: State, message: Message) -> State:
        if isinstance(message, Answered) and self._coordinators[state.coordinator] is None:
            return state
        return replace(state, messages=state.messages | {self._message(message)})

    def _without_coordinator(self, state: State) -> State:
        kept = (each for each in state.messages if not isinstance(self._messages[each], Answered))
        return replace(state, coordinator=0, messages=frozenset(kept))

    def _message(self, message: Message) -> int:
        number = self._message_numbers.get(message)
        if number is None:
            number = self._message_numbers[message] = len(self._messages)
            self._messages.append(message)
        return number

    def _awake(self, state: State) -> Committer | None:
        """Return a coordinator that may be changed."""
        committer = self._coordinators[state.coordinator]
        if committer is None:
            return None
        committer = copy(committer)
        for name, value in vars(committer).items():
            if isinstance(value, dict):
                setattr(committer, name, dict(value))
        return committer

    def _coordinator(self, committer: Committer) -> int:
        key = tuple(tuple(value.items()) if isinstance(value, dict) else value for value in vars(committer).values())
        number = self._coordinator_numbers.get(key)
        if number is None:
            number = self._coordinator_numbers[key] = len(self._coordinators)
            self._coordinators.append(committer)
        return number

    # --- what must hold ---------------------------------------------------------------------------------------------

    def _wrong(self, state: State) -> str:
        return self._inconsistent(state) or self._never_ends(state)

    def _inconsistent(self, state: State) -> str:
        seen = [self.shards.seen(each) for each in state.shards]
        times = sorted({time for each in seen for time in each.times})
        if any(len(each.times) > 1 for each in seen):
            return "a shard committed twice"
        if len(times) > 1:
            return f"one transaction committed at {times}"
        dropped = [
            number
            for number, each in enumerate(seen, 1)
            if state.held[number - 1] and not each.is_prepared and not each.times
        ]
        if times and dropped:
            return f"it committed, and was rolled back at shard {dropped[0]}"
        if state.told == "rolled back" and times:
            return "its client was told that it was rolled back, and it committed"
        if state.told.startswith("committed") and (dropped or (times and state.told != f"committed at {times[0]}")):
            return f"its client was told that it {state.told}, and it did not"
        return ""

    def _never_ends(self, state: State) -> str:
        """Let nothing happen any more but recovery, when patience is over: is everything decided then?"""
        key = (state.shards, state.told, state.left[4])
        wrong = self._settled.get(key)
        if wrong is None:
            wrong = self._settled[key] = self._settles(state)
        return wrong

    def _settles(self, state: State) -> str:
        for shard in range(1, self.bounds.shards + 1):
            if self.shards.seen(state.shards[shard - 1]).is_prepared:
                state, answer = self._applied(state, 1, Inquire(TRANSACTION), HOURS)
                if not isinstance(answer, Ended):
                    return f"shard {shard} is in doubt for ever"
                resolve = Resolve(TRANSACTION, answer.committed, answer.commit_ns)
                state, _ = self._applied(state, shard, resolve, HOURS)
        if any(self.shards.seen(each).is_prepared for each in state.shards):
            return "a shard is prepared for ever"
        return self._inconsistent(state)


def _told(origins: dict[State, tuple[State, str] | None], last: State, wrong: str) -> tuple[str, ...]:
    lines, origin = [wrong], origins[last]
    while origin is not None:
        lines.append(origin[1])
        origin = origins[origin[0]]
    return tuple(reversed(lines))


def _spent(state: State, kind: int) -> State:
    left = list(state.left)
    left[kind] -= 1
    return replace(state, left=tuple(left))
