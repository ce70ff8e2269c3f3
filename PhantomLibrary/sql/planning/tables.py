"""Common table expressions become subqueries where they are used, so that each can be planned with its surroundings."""

from __future__ import annotations

from sqlglot import exp

from PhantomLibrary.sql.planning.relations import NotDistributable

_COPIES_MAX = 32


def inline_tables(tree: exp.Query) -> exp.Query:
    """Return a tree without WITH. Raises NotDistributable for recursive ones, and where copies would be too many."""
    copies = 0

    def visit(node: exp.Expr, known: dict[str, exp.Expr]) -> None:
        nonlocal copies
        clause = node.args.get("with_")
        if clause is not None:
            if clause.args.get("recursive"):
                raise NotDistributable("a recursive common table expression is computed at the coordinator")
            known = dict(known)
            for each in clause.expressions:
                if each.args["alias"].args.get("columns"):
                    raise NotDistributable("a common table expression with names for its columns")
                visit(each.this, known)
                known[each.alias] = each.this
            node.set("with_", None)
        for part in list(node.iter_expressions()):
            if isinstance(part, exp.Table) and part.name in known:
                copies += 1
                if copies > _COPIES_MAX:
                    raise NotDistributable(f"common table expressions are used more than {_COPIES_MAX} times")
                alias = part.alias_or_name
                named = exp.TableAlias(this=exp.to_identifier(alias, quoted=True))
                part.replace(exp.Subquery(this=known[part.name].copy(), alias=named))
            else:
                visit(part, known)

    visit(tree, {})
    return tree
