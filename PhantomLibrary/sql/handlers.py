"""Which function binds which kind of expression."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from PhantomLibrary.sql import (
    aggregates,
    arithmetic,
    binder,
    calls,
    casts,
    comparisons,
    constants,
    dates,
    subqueries,
    windows,
)
from PhantomLibrary.sql.binder import Handler

HANDLERS: Mapping[type[exp.Expr], Handler] = {
    exp.Column: binder.bind_column,
    exp.Paren: binder.bind_paren,
    exp.Literal: arithmetic.bind_literal,
    exp.Null: constants.bind_null,
    exp.Boolean: comparisons.bind_boolean,
    exp.HexString: constants.bind_hex,
    exp.Placeholder: constants.bind_placeholder,
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod), arithmetic.bind_arithmetic),
    exp.Neg: arithmetic.bind_negation,
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE), comparisons.bind_comparison),
    **dict.fromkeys((exp.NullSafeEQ, exp.NullSafeNEQ), comparisons.bind_comparison),
    **dict.fromkeys((exp.And, exp.Or), comparisons.bind_connector),
    exp.Not: comparisons.bind_not,
    exp.Is: comparisons.bind_is,
    exp.Between: comparisons.bind_between,
    exp.In: comparisons.bind_in,
    **dict.fromkeys((exp.Like, exp.ILike), comparisons.bind_like),
    exp.Escape: comparisons.bind_escape,
    exp.Case: comparisons.bind_case,
    exp.DPipe: calls.bind_join,
    exp.Cast: casts.bind_cast,
    exp.Extract: dates.bind_extract,
    exp.Substring: calls.bind_substring,
    exp.StrPosition: calls.bind_position,
    exp.Trim: calls.bind_trim,
    exp.If: calls.bind_if,
    **dict.fromkeys((exp.CurrentDate, exp.CurrentTimestamp, exp.CurrentTime), dates.refuse_clock),
    exp.Anonymous: aggregates.bind_function,
    exp.Filter: aggregates.bind_filter,
    exp.Window: windows.bind_window,
    exp.Subquery: subqueries.bind_scalar,
    exp.Exists: subqueries.bind_exists,
}
