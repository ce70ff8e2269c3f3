"""Which stages are joined first, where, and which rows move for it.

Joins in one place cost nothing: tables whose keys are said to be equal, and what is everywhere. Else one side is
broadcast to the places of the other, or both are shuffled by the columns that are equal, or all is gathered: what costs
least by the bytes that move. An inner join allows all of it; of a left join only the right side may be broadcast, for
each place would add the rows without partner again; of a full one neither.

Source: Özsu and Valduriez, "Principles of Distributed Database Systems", chapters 4 and 8 (greedy ordering).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct
from sqlglot import exp

from PhantomLibrary.sql.planning import trees
from PhantomLibrary.sql.planning.estimates import joined_rows
from PhantomLibrary.sql.planning.limits import First, first_of, is_one_row_each, is_plain
from PhantomLibrary.sql.planning.movements import Mover, Shuffled
from PhantomLibrary.sql.planning.pruning import ALL, intersection, union
from PhantomLibrary.sql.planning.relations import Facts, Key, NotDistributable, Ranges, Ref, Site, weakened
from PhantomLibrary.sql.planning.stages import Block, Stage, equal_columns, is_within, matching_keys

JoinChoice: TypeAlias = Literal["by cost", "broadcast", "shuffle", "gather"]
_AT_SHARDS: tuple[Site, ...] = ("shards", "one")


class PlanOptions(Struct, frozen=True):
    """`places` is about how many shards there are; `joins` prefers one kind of movement where it is right."""

    places: int = 4
    joins: JoinChoice = "by cost"
    tables_max: int = 12  # Of one FROM: more are gathered.


class Way(Struct, frozen=True):
    """A way to join two stages, and the bytes that it moves."""

    name: str
    cost: int
    run: Callable[[], tuple[Stage, Stage]]


class Joiner:
    """Joins the stages of a block."""

    setup_bytes = 1024  # What another round of messages is worth.

    def __init__(self, mover: Mover, options: PlanOptions) -> None:
        self.mover = mover
        self.options = options
        self.gathers = 0

    # --- inner joins --------------------------------------------------------------------------------------------------

    def inner(self, block: Block, pool: list[Stage]) -> Stage:
        """Join stages, the cheapest pair first, those that a condition connects before those that none does."""
        pool = list(pool)
        if len(pool) > self.options.tables_max:
            return self._gathered(block, pool)
        labels, label = (
            list(range(len(pool))),
            len(pool),
        )  # A stage that was joined gets a new one, for it is joined on in other ways.
        known: dict[tuple[int, int], tuple[tuple[int, int, int], Way]] = {}
        while len(pool) > 1:
            best: tuple[tuple[int, int, int], int, int] | None = None
            for i, left in enumerate(pool):
                for j in range(i + 1, len(pool)):
                    pair = labels[i], labels[j]
                    if pair not in known:
                        known[pair] = self._ranked(block, left, pool[j])
                    if best is None or (known[pair][0], i, j) < best:
                        best = known[pair][0], i, j
            assert best is not None
            (_, _, rows), i, j = best
            left, right = known[labels[i], labels[j]][1].run()
            pool[i], labels[i], label = self._merged(block, left, right, rows), label, label + 1
            del pool[j], labels[j]
        return pool[0]

    def _ranked(self, block: Block, left: Stage, right: Stage) -> tuple[tuple[int, int, int], Way]:
        """Return how soon two stages are to be joined, the lowest first, and how."""
        between = self._between(block, left, right)
        rows = joined_rows(left.rows, right.rows, len(between))
        way = self._cheapest(block, "", left, right, between)
        return (0 if between else 1, way.cost, rows), way

    def _gathered(self, block: Block, pool: list[Stage]) -> Stage:
        """Join stages at the coordinator, which orders them better than a search here would in the same time."""
        self.gathers += sum(len(each.tables) for each in pool if each.site != "coordinator")
        why = f"more than {self.options.tables_max} tables are joined at the coordinator"
        whole, *others = [self.mover.gather(block, each, why) for each in pool]
        for each in others:
            whole = self._merged(block, whole, each, max(whole.rows, each.rows))
        return whole

    def _merged(self, block: Block, left: Stage, right: Stage, rows: int) -> Stage:
        """Make one stage of two that are, or are everywhere, at one site."""
        if any(source.side for source in right.sources):
            left, right = right, left  # Its outer joins come first in the text.
        between = self._between(block, left, right)
        if left.site == "anywhere" and right.site != "anywhere":
            left.positions = right.positions
        elif right.site != "anywhere" and left.site in _AT_SHARDS:
            left.positions = both(left.positions, right.positions)
        left.site = right.site if left.site == "anywhere" else left.site
        left.sources += right.sources
        left.keys += right.keys
        left.equal += equal_columns(between)
        left.absorb(right, rows)
        left.restrict(left.positions)
        return left

    def _between(self, block: Block, left: Stage, right: Stage) -> list[exp.Expr]:
        """Return the waiting conditions on both of two stages and nothing else."""
        first, second = dict.fromkeys(left.aliases), dict.fromkeys(right.aliases)
        found = []
        for each in block.waiting:
            names = trees.aliases(each)
            is_here = all(name in first or name in second for name in names) and not trees.queries_in(each)
            if is_here and any(name in first for name in names) and any(name in second for name in names):
                found.append(each)
        return found

    # --- outer joins --------------------------------------------------------------------------------------------------

    def outer(self, block: Block, left: Stage, right: Stage, side: str) -> Stage:
        """Join the next of the block's joins, which is an outer one, to what stands before it."""
        join = block.joins[0]
        if any(trees.queries_in(each) for each in join.on):
            raise NotDistributable("a subquery in the condition of an outer join is computed at the coordinator")
        if side != "LEFT" and (len(left.sources) > 1 or left.where or block.waiting):
            left = self.enclosed(block, left)
        way = self._cheapest(block, side, left, right, join.on)
        left, right = way.run()
        rows = max(left.rows, right.rows) if side == "FULL" else left.rows if side == "LEFT" else right.rows
        kept, added = (left, right) if side == "LEFT" else (right, left)
        positions = either(left.positions, right.positions) if side == "FULL" else kept.positions
        if kept.site == "anywhere" and added.site != "anywhere":
            raise AssertionError("rows without partner would be added at each place")
        left.site = kept.site
        right.sources[0].side, right.sources[0].on = side, join.on
        left.sources += right.sources
        left.keys = (weakened(left.keys) if side != "LEFT" else left.keys) + (
            weakened(right.keys) if side != "RIGHT" else right.keys
        )
        if side != "LEFT":
            left.facts, left.equal = _nullable(left.facts), []
        if side != "RIGHT":
            right.facts, right.equal = _nullable(right.facts), []
        left.absorb(right, max(1, rows))
        left.restrict(positions)
        block.joins.pop(0)
        return left

    def enclosed(self, block: Block, stage: Stage) -> Stage:
        """Return a stage as one subquery, so that its conditions are asked before the join that comes."""
        return self.mover.enclosed(block, stage)

    # --- ways ---------------------------------------------------------------------------------------------------------

    def _cheapest(self, block: Block, side: str, left: Stage, right: Stage, on: Sequence[exp.Expr]) -> Way:
        if self.is_in_place(side, left, right, on):
            return Way("in place", 0, lambda: self._noted(left, right, on))
        ways = [*self._broadcasts(block, side, left, right), *self._shuffles(block, side, left, right, on)]
        ways.append(self._gather(block, side, left, right))
        preferred = [way for way in ways if way.name == self.options.joins]
        return min(preferred or ways, key=lambda way: way.cost)

    def is_in_place(self, side: str, left: Stage, right: Stage, on: Sequence[exp.Expr]) -> bool:
        """Return whether each place can join what it has, and all of it together is the join."""
        sites = left.site, right.site
        if sites == ("coordinator", "coordinator") or sites == ("anywhere", "anywhere"):
            return True
        if sites == ("one", "one") and left.positions == right.positions:
            return True
        if "anywhere" in sites:
            partitioned = right if left.site == "anywhere" else left
            may_be_copied = self.may_be_copied(side, is_left=left.site == "anywhere")
            return may_be_copied and partitioned.site in _AT_SHARDS
        both = all(site in _AT_SHARDS for site in sites) or sites == ("workers", "workers")
        return both and matching_keys(left, right, on) is not None

    def may_be_copied(self, side: str, *, is_left: bool) -> bool:
        """Return whether a side of a join may be had at each place of the other one."""
        return side == "" or side == ("RIGHT" if is_left else "LEFT")

    def keeps_nulls(self, side: str, *, is_left: bool) -> bool:
        """Return whether rows whose key is NULL, which have no partner, are in the result of a join."""
        return side == "FULL" or side == ("LEFT" if is_left else "RIGHT")

    def _noted(self, left: Stage, right: Stage, on: Sequence[exp.Expr]) -> tuple[Stage, Stage]:
        names = f"{left.describe()} with {right.describe()}"
        if "anywhere" in (left.site, right.site):
            text = f"{names}: in place, for one of them is everywhere"
        elif left.site == "coordinator":
            text = f"{names}: at the coordinator"
        else:
            found = matching_keys(left, right, on)
            by = "one key" if found is None else " = ".join(_key_text(key) for key in found)
            text = f"{names}: co-located by {by}"
        left.notes.append(("join", text))
        return left, right

    def _broadcasts(self, block: Block, side: str, left: Stage, right: Stage) -> list[Way]:
        ways = []
        for moved, stays, is_left in ((right, left, False), (left, right, True)):
            if stays.site not in ("shards", "one", "workers") or not self.may_be_copied(side, is_left=is_left):
                continue
            places = 1 if stays.site == "one" else self.options.places
            cost = _bytes(moved) * places + self.setup_bytes

            def run(moved: Stage = moved, stays: Stage = stays, is_left: bool = is_left) -> tuple[Stage, Stage]:
                names = f"{moved.describe()} to the places of {stays.describe()}"
                self._push_own(block, side, moved, is_left=is_left)
                first = self._first(block, side, moved, is_left=is_left)
                copied = self.mover.move(block, moved, "broadcast", "anywhere", first=first)
                copied.site, copied.keys = stays.site, []
                copied.positions = stays.positions
                stays.notes.append(("join", f"broadcast of {names}"))
                return (copied, stays) if is_left else (stays, copied)

            ways.append(Way("broadcast", cost, run))
        return ways

    def _shuffles(self, block: Block, side: str, left: Stage, right: Stage, on: Sequence[exp.Expr]) -> list[Way]:
        pairs = self.equal_expressions(left, right, on)
        if not pairs or "coordinator" in (left.site, right.site):
            return []
        plans = []
        cost = 2 * self.setup_bytes
        for stage, is_left in ((left, True), (right, False)):
            chosen = self._stays_shuffled(stage, pairs, is_left=is_left)
            plans.append(chosen)
            cost += 0 if chosen else _bytes(stage)
        if plans[0] and plans[1]:
            plans[0 if _bytes(left) < _bytes(right) else 1] = None
            cost += min(_bytes(left), _bytes(right))
        chosen_pairs = plans[0] or plans[1] or tuple(pairs)

        def run() -> tuple[Stage, Stage]:
            names = f"{left.describe()} and {right.describe()}"
            moved = []
            for number, (stage, stays) in enumerate(zip((left, right), plans, strict=True)):
                if stays:
                    moved.append(stage)
                    continue
                by = tuple(pair[number] for pair in chosen_pairs)
                is_left = number == 0
                self._push_own(block, side, stage, is_left=is_left)
                shuffled = Shuffled(by, not self.keeps_nulls(side, is_left=is_left))
                first = self._first(block, side, stage, is_left=is_left)
                moved.append(self.mover.move(block, stage, "shuffle", "workers", shuffled=shuffled, first=first))
            moved[0].notes.append(("join", f"shuffle of {names}"))
            return moved[0], moved[1]

        return [Way("shuffle", cost, run)]

    def _stays_shuffled(
        self, stage: Stage, pairs: Sequence[tuple[exp.Expr, exp.Expr]], *, is_left: bool
    ) -> tuple[tuple[exp.Expr, exp.Expr], ...] | None:
        """Return the pairs by which a stage is shuffled already, in the order of its key."""
        if stage.site != "workers":
            return None
        by_ref = {trees.ref_of(pair[0 if is_left else 1]): pair for pair in pairs}
        for key in stage.keys:
            if all(ref in by_ref for ref in key.refs):
                return tuple(by_ref[ref] for ref in key.refs)
        return None

    def _gather(self, block: Block, side: str, left: Stage, right: Stage) -> Way:
        cost = 2 * sum(_bytes(each) for each in (left, right) if each.site != "coordinator") + self.setup_bytes

        def run() -> tuple[Stage, Stage]:
            names = f"{left.describe()} with {right.describe()}"
            self.gathers += sum(len(each.tables) for each in (left, right) if each.site != "coordinator")
            why = "the join is not one of equal columns, or this moves least"
            firsts = [self._first(block, side, left, is_left=True), self._first(block, side, right, is_left=False)]
            first = self.mover.gather(block, left, why, firsts[0])
            second = self.mover.gather(block, right, why, firsts[1])
            first.notes.append(("join", f"{names}: at the coordinator"))
            return first, second

        return Way("gather", cost, run)

    def may_be_limited(self, block: Block, side: str, stage: Stage, first: First, *, is_left: bool) -> bool:
        """Return whether the first rows of a side of a join are in all of the result's first rows.

        They are where each row of it, and a left join has them all, is a row of the result or several ones.
        """
        own = dict.fromkeys(stage.aliases)
        is_filtered = bool(block.at_end) or not all(is_within(each, own) for each in block.waiting)
        only_left = side == "LEFT" and is_left and all(join.side == "LEFT" for join in block.joins)
        return only_left and not is_filtered and is_one_row_each(first, stage)

    def _first(self, block: Block, side: str, stage: Stage, *, is_left: bool) -> First | None:
        """Return the rows of a side of an outer join that are enough, None where all may be needed."""
        if not side or not is_plain(block.select):
            return None
        first = first_of(block, stage, self.mover.fragments.parameters)
        if first is None or not self.may_be_limited(block, side, stage, first, is_left=is_left):
            return None
        return first

    def _push_own(self, block: Block, side: str, stage: Stage, *, is_left: bool) -> None:
        """Let the side of an outer join whose rows may be missing keep only rows that its conditions allow."""
        if side != ("RIGHT" if is_left else "LEFT"):
            return
        own = dict.fromkeys(stage.aliases)
        on = block.joins[0].on
        mine = [each for each in on if not trees.queries_in(each) and set(trees.aliases(each)) and _all_in(each, own)]
        stage.where += mine
        block.joins[0].on = [each for each in on if not any(each is one for one in mine)]

    def equal_expressions(self, left: Stage, right: Stage, on: Sequence[exp.Expr]) -> list[tuple[exp.Expr, exp.Expr]]:
        """Return what has to be equal for rows of two stages to be partners, as (of the left, of the right)."""
        first, second = dict.fromkeys(left.aliases), dict.fromkeys(right.aliases)
        pairs = []
        for each in on:
            each = trees.unwrapped(each)
            if not isinstance(each, exp.EQ) or trees.queries_in(each):
                continue
            one, other = each.this, each.expression
            if _all_in(one, second) and _all_in(other, first):
                one, other = other, one
            if _all_in(one, first) and _all_in(other, second) and self._is_hashable(left, one, right, other):
                pairs.append((one, other))
        return pairs

    def _is_hashable(self, left: Stage, one: exp.Expr, right: Stage, other: exp.Expr) -> bool:
        kinds = kind_of(one, left.facts), kind_of(other, right.facts)
        return bool(kinds[0]) and kinds[0].partition("/")[0] == kinds[1].partition("/")[0]


def kind_of(node: exp.Expr, facts: dict[Ref, Facts]) -> str:
    """Return what an expression's values can be compared with by hash, "" where that is not sure."""
    node = trees.unwrapped(node)
    if isinstance(node, exp.Column):
        found = facts.get((node.table, node.name))
        return "" if found is None else found.kind
    if isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Neg | exp.Mod):
        kinds = [kind_of(each, facts) for each in node.iter_expressions()]
        return "number/?" if all(each.startswith("number") for each in kinds) else ""
    if isinstance(node, exp.Literal):
        return "TEXT" if node.is_string else "number/?"
    return ""


def _all_in(node: exp.Expr, own: dict[str, None]) -> bool:
    names = trees.aliases(node)
    return bool(names) and all(name in own for name in names)


def _bytes(stage: Stage) -> int:
    return stage.rows * stage.row_bytes


def _key_text(key: Key) -> str:
    return ", ".join(f"{alias}.{name}" for alias, name in key.refs)


def _nullable(facts: dict[Ref, Facts]) -> dict[Ref, Facts]:
    return {ref: Facts(each.kind, True, each.width) for ref, each in facts.items()}


def both(first: Ranges | None, second: Ranges | None) -> Ranges | None:
    return second if first is None else first if second is None else intersection(first, second)


def either(first: Ranges | None, second: Ranges | None) -> Ranges | None:
    if first is None or second is None:
        return None
    found = union(first, second)
    return None if found == ALL else found
