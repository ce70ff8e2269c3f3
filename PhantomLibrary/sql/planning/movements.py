"""Moving the rows of a stage: a fragment is made of it, and a stage that reads `in<number>` takes its place."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from sqlglot import exp

from PhantomLibrary.sql.planning import trees
from PhantomLibrary.sql.planning.fragments import Fragments
from PhantomLibrary.sql.planning.limits import First
from PhantomLibrary.sql.planning.relations import Facts, Key, NotDistributable, Ref, Relation, Site, renamed
from PhantomLibrary.sql.planning.stages import Block, Source, Stage
from PhantomLibrary.sql.plans import Movement


class Shuffled(Struct, frozen=True):
    """By which expressions rows are spread over the workers; rows with a NULL among them may be dropped."""

    by: tuple[exp.Expr, ...]
    drops_nulls: bool


class Mover:
    """Makes fragments of stages."""

    def __init__(self, fragments: Fragments) -> None:
        self.fragments = fragments

    def gather(self, block: Block, stage: Stage, why: str = "", first: First | None = None) -> Stage:
        """Bring the rows of a stage to the coordinator."""
        if stage.site == "coordinator":
            return stage
        return self.move(block, stage, "gather", "coordinator", first=first, why=why)

    def move(
        self,
        block: Block,
        stage: Stage,
        movement: Movement,
        to: Site,
        *,
        shuffled: Shuffled | None = None,
        first: First | None = None,
        why: str = "",
    ) -> Stage:
        """Make a fragment of a stage, with all waiting conditions that it can decide, return what reads its rows."""
        stage.where += block.take(stage)
        needed = block.needed(stage)
        names = self._names(stage, needed)
        expressions: list[tuple[exp.Expr, str]] = [(trees.column(ref), names[ref]) for ref in needed]
        facts = {names[ref]: stage.facts[ref] for ref in needed}
        keys, by = [], []
        for each in () if shuffled is None else shuffled.by:
            ref = trees.ref_of(each)
            if ref is None or ref not in names:
                name = f"_k{len(expressions)}"
                expressions.append((each.copy(), name))
                facts[name] = Facts() if ref is None else stage.facts[ref]
            else:
                name = names[ref]
            by.append(list(facts).index(name))
            keys.append(name)
            if shuffled is not None and shuffled.drops_nulls:
                stage.where.append(exp.Not(this=exp.Is(this=trees.operand(each.copy()), expression=exp.Null())))
        relation = self.relation(stage, expressions, facts)
        if first is not None:
            first.put_into(relation.query)
        indexes = self._indexes(block, stage, needed) if shuffled is None or to != "coordinator" else ()
        number = self.fragments.add(relation, movement, shuffled_by=tuple(by), indexes=indexes, why=why)
        node = exp.Table(this=exp.to_identifier(f"in{number}", quoted=True))
        alias = f"in{number}"
        if len(stage.sources) == 1:
            alias = stage.aliases[0]
            node.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
        moved = {ref: (alias, name) for ref, name in names.items()}
        if len(stage.sources) > 1:
            block.rename(moved)
        source = Source(node)
        result = Stage(to, [source], {(alias, name): each for name, each in facts.items()}, rows=stage.rows)
        result.inputs = [number]
        result.equal = [(moved[one], moved[other]) for one, other in stage.equal if one in moved and other in moved]
        if shuffled is not None:
            result.keys = [Key(f"shuffle {len(by)}", tuple((alias, name) for name in keys))]
        elif stage.site == to:
            result.keys = renamed(stage.keys, moved)
        return result

    def enclosed(self, block: Block, stage: Stage) -> Stage:
        """Return a stage as one subquery at the same site, so that its conditions are asked before a join to come."""
        if any(trees.queries_in(each) for each in block.waiting):
            raise NotDistributable("a subquery in the condition of a join that a right or full join follows")
        stage.where += block.take(stage)
        stage.where += [each for each in block.waiting if not trees.aliases(each)]
        block.waiting = [each for each in block.waiting if trees.aliases(each)]
        names = self._names(stage, needed := block.needed(stage))
        facts = {names[ref]: stage.facts[ref] for ref in needed}
        relation = self.relation(stage, [(trees.column(ref), names[ref]) for ref in needed], facts)
        alias = stage.aliases[0]
        moved = {ref: (alias, name) for ref, name in names.items()}
        block.rename(moved)
        assert not any(alias in trees.aliases(each) for each in block.waiting)
        node = exp.Subquery(this=relation.query, alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
        result = Stage(
            stage.site, [Source(node)], {(alias, name): each for name, each in facts.items()}, rows=stage.rows
        )
        result.keys = renamed(stage.keys, moved)
        result.equal = [(moved[one], moved[other]) for one, other in stage.equal if one in moved and other in moved]
        result.positions, result.tables = stage.positions, stage.tables
        result.inputs, result.notes = stage.inputs, stage.notes
        return result

    def relation(self, stage: Stage, expressions: Sequence[tuple[exp.Expr, str]], facts: dict[str, Facts]) -> Relation:
        """Return a stage as a query of some expressions under names."""
        select = exp.Select()
        items: list[exp.Expr] = [exp.alias_(node, name, quoted=True) for node, name in expressions]
        if not items:
            items, facts = [exp.alias_(exp.Literal.number(1), "_", quoted=True)], {"_": Facts(width=1)}
        select.set("expressions", items)
        stage.put_into(select)
        return Relation(
            select,
            stage.site,
            facts,
            (),
            stage.rows,
            stage.positions,
            tuple(stage.tables),
            tuple(stage.inputs),
            tuple(stage.notes),
        )

    def _names(self, stage: Stage, needed: Sequence[Ref]) -> dict[Ref, str]:
        if len(stage.sources) == 1:
            return {ref: ref[1] for ref in needed}
        inputs = {f"in{number}" for number in stage.inputs}
        return {ref: ref[1] if ref[0] in inputs else f"{ref[0]}.{ref[1]}" for ref in needed}

    def _indexes(self, block: Block, stage: Stage, needed: Sequence[Ref]) -> tuple[tuple[int, ...], ...]:
        """Return the columns that are compared for equality with what is elsewhere."""
        own = dict.fromkeys(stage.aliases)
        found: dict[tuple[int, ...], None] = {}
        for part in block.conditions():
            for each in part.find_all(exp.EQ, bfs=False):
                sides = trees.ref_of(each.this), trees.ref_of(each.expression)
                for side, other in (sides, sides[::-1]):
                    if side in needed and side is not None and (other is None or other[0] not in own):
                        found[(needed.index(side),)] = None
        return tuple(found)
