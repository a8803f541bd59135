"""Laws of the expressions: a table, a single row and a database agree."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta

import duckdb
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenfold.foundation.expression import evaluate, evaluate_row

DATABASE = duckdb.connect(config={"threads": 1})
# What a division by zero gives is a setting there; here it is always missing.
DATABASE.execute("SET ieee_floating_point_ops = false")
DATABASE.execute("SET error_on_division_by_zero = false")
SCHEMA = {"a": pl.Float64, "b": pl.Float64, "s": pl.String, "t": pl.String, "p": pl.Boolean, "q": pl.Boolean}
NUMBERS = st.none() | st.sampled_from([0.0, 1.0, -1.0, 2.0, 2.5, -0.5, 7.0, 100.0])
WORDS = st.none() | st.sampled_from(["", "a", "ab", "b%", "A", "xyz", "a_b"])
TRUTHS = st.none() | st.booleans()
TABLES = st.lists(st.tuples(NUMBERS, NUMBERS, WORDS, WORDS, TRUTHS, TRUTHS), min_size=1, max_size=5).map(
    lambda rows: pl.DataFrame(rows, schema={**SCHEMA}, orient="row").with_columns(
        moment=pl.Series([datetime(2024, 2, 28) + timedelta(hours=37 * place) for place in range(len(rows))])  # noqa: DTZ001
    )
)


def numbers(truths: st.SearchStrategy[str]) -> Callable[[st.SearchStrategy[str]], st.SearchStrategy[str]]:
    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner),
            st.builds("{}({})".format, st.sampled_from(["abs", "round", "floor", "ceil", "sign", "-"]), inner),
            st.builds("coalesce({}, {})".format, inner, inner),
            st.builds("{}({}, {})".format, st.sampled_from(["greatest", "least", "nullif"]), inner, inner),
            st.builds("CASE WHEN {} THEN {} ELSE {} END".format, truths, inner, inner),
            st.builds("round({}, 1)".format, inner),
        )

    return grow


def truths_of(some: st.SearchStrategy[str], words: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    compared = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
    base = st.one_of(
        st.sampled_from(["p", "q", "TRUE", "NULL", "p IS NULL"]),
        st.builds("{} {} {}".format, some, compared, some),
        st.builds("{} {} {}".format, words, compared, words),
        st.builds("{} BETWEEN {} AND {}".format, some, some, some),
        st.builds("{} NOT BETWEEN {} AND {}".format, some, some, some),
        st.builds("{} IN ({}, {}, 1)".format, some, some, some),
        st.builds("{} NOT IN (1, 2.5)".format, some),
        st.builds(
            "{} {} '{}'".format, words, st.sampled_from(["LIKE", "NOT LIKE"]), st.sampled_from(["a%", "_b", "%"])
        ),
        st.builds("{} IN ('a', 'xyz')".format, words),
        st.builds("{} IS NOT NULL".format, some),
    )
    return st.recursive(
        base,
        lambda inner: st.one_of(
            st.builds("({} {} {})".format, inner, st.sampled_from(["AND", "OR"]), inner),
            st.builds("NOT ({})".format, inner),
            st.builds("({}) IS NOT TRUE".format, inner),
        ),
        max_leaves=6,
    )


LITERALS = st.sampled_from(["a", "b", "a", "b", "0", "1", "2.5", "NULL", "year(moment)", "isodow(moment)"])
SIMPLE = st.sampled_from(["s", "t", "s", "'ab'", "lower(s)", "upper(t)", "s || t", "substr(s, 2)", "trim(t)"])
SUMS = st.recursive(LITERALS, numbers(truths_of(LITERALS, SIMPLE)), max_leaves=8)
EXPRESSIONS = st.one_of(SUMS, SIMPLE, truths_of(SUMS, SIMPLE))


def alike(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return one == other


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=EXPRESSIONS, table=TABLES)
def test_a_table_a_row_and_a_database_agree(text: str, table: pl.DataFrame) -> None:
    rows = [evaluate_row(text, row) for row in table.iter_rows(named=True)]
    columns = evaluate(text, table).to_list()
    assert all(alike(one, other) for one, other in zip(columns, rows, strict=True)), (columns, rows)
    assert columns == [evaluate(text, table[place : place + 1]).item() for place in range(table.height)]
    DATABASE.register("data", table.to_arrow())
    said = [value for (value,) in DATABASE.sql(f"SELECT {text} FROM data").fetchall()]  # our own text
    assert all(alike(one, other) for one, other in zip(columns, said, strict=True)), (columns, said)
