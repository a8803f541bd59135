"""Expressions over the columns of a row: what they come to, and what is said of those that cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from tenfold.foundation.errors import DataError
from tenfold.foundation.expression import columns_of, condition, evaluate, evaluate_row, holds

TABLE = pl.DataFrame(
    {
        "x": [1.5, -2.5, None],
        "n": [1, 2, 3],
        "word": ["ab", "Bäß", None],
        "at": [datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), None, datetime(2020, 12, 31, 23, 59, 59, tzinfo=UTC)],
        "yes": [True, False, None],
        "dep hour": [1.0, 2.0, float("nan")],
        "nothing": pl.Series([None, None, None], dtype=pl.Null),
    }
)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("x IN (1.5, 7)", [True, False, None]),
        ("x NOT IN (1.5, NULL)", [False, None, None]),
        ("n IN (1, x + 4.5)", [True, True, None]),
        ("word in ('ab', 'c')", [True, False, None]),
        ("x BETWEEN 1 AND 2", [True, False, None]),
        ("x NOT BETWEEN 1 AND n", [True, True, None]),
        ("word LIKE 'B_ß'", [False, True, None]),
        ("word LIKE '%b%' OR word ILIKE 'b%'", [True, True, None]),
        ("word NOT LIKE 'a%'", [False, True, None]),
        ("x IS NULL", [False, False, True]),
        ("nothing IS NOT NULL", [False, False, False]),
        ("nothing > 1 OR n > 2", [None, None, True]),
        ("yes IS NOT TRUE", [False, True, True]),
        ("yes = false", [False, True, None]),
        ("NOT yes AND x < 0", [False, True, None]),
        ("yes OR n = 3", [True, False, True]),
        ('"dep hour" + 1', [2.0, 3.0, None]),
        ("abs(x)", [1.5, 2.5, None]),
        ("round(x)", [2.0, -3.0, None]),
        ("round(x / 3, 2)", [0.5, -0.83, None]),
        ("coalesce(x, n * -1)", [1.5, -2.5, -3.0]),
        ("x + n * 2 - -1", [4.5, 2.5, None]),
        ("7 / 2", [3.5, 3.5, 3.5]),
        ("x / (n - 1)", [None, -2.5, None]),
        ("-7 % 4", [-3.0, -3.0, -3.0]),
        ("ln(x)", [pytest.approx(0.4054651), None, None]),
        ("power(n, 0.5) = sqrt(n)", [True, True, True]),
        ("exp(n * 1000)", [None, None, None]),
        ("greatest(x, n)", [1.5, 2.0, 3.0]),
        ("least(x, NULL, n)", [1.0, -2.5, 3.0]),
        ("nullif(n, 2)", [1.0, None, 3.0]),
        ("CASE WHEN x > 0 THEN 'up' WHEN x < 0 THEN 'down' ELSE '?' END", ["up", "down", "?"]),
        ("CASE n WHEN 1 THEN 10 END", [10.0, None, None]),
        ("upper(word) || '!'", ["AB!", "BÄSS!", None]),
        ("length(trim(word || '  '))", [2.0, 3.0, None]),
        ("substr(word, 2, 1) || left(word, 1) || right(word, 0)", ["ba", "äB", None]),
        ("replace(word, 'ä', 'ae')", ["ab", "Baeß", None]),
        ("starts_with(word, 'a') OR ends_with(word, 'ß') AND contains(word, 'ä')", [True, True, None]),
        ("CAST(yes AS DOUBLE) + CAST('1e1' AS DOUBLE PRECISION)", [11.0, 10.0, None]),
        ("cast(word AS DOUBLE)", [None, None, None]),
        ("at > '2026-01-01 12:00'", [True, None, False]),
        ("at < TIMESTAMP '2026-01-01T00:00:00+14:00'", [False, None, True]),
        ("year(at) * 100 + month(at)", [202601.0, None, 202012.0]),
        ("isodow(at)", [5.0, None, 4.0]),
        ("epoch(at) - epoch(DATE '2020-12-31')", [1767323045.0 - 1609372800.0, None, 86399.0]),
        ("word = 'it''s' OR TRUE", [True, True, True]),
    ],
)
def test_an_expression_gives_the_same_for_a_table_and_for_each_of_its_rows(text: str, values: list[object]) -> None:
    assert evaluate(text, TABLE).to_list() == values
    assert [evaluate_row(text, row) for row in TABLE.iter_rows(named=True)] == values


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("abss(x) > 1", "there is no function 'abss'. Did you mean 'abs'? (character 1)"),
        ("x >", "a value is missing at its end (character 4)"),
        ("x > avg(x)", "looks at more than one row: avg(…) (character 5)"),
        ("sum(x) OVER ()", "looks at more than one row"),
        ("x; DROP TABLE y", "one expression is read, no statements (character 2)"),
        ("word = 'a", "the quote ' is not closed (character 8)"),
        ("SELECT x", "SELECT has no place here (character 1)"),
        ("x -- why", "comments are not read (character 3)"),
        ("(" * 100 + "x" + ")" * 100, "nested more than 60 deep"),
        ("x" + " + 1" * 100, "more than 60 signs stand in one chain"),
        ("x = 1 x", "'x' comes after its end (character 7)"),
        ("x IS 3", "IS asks for NULL, TRUE or FALSE"),
        ("CAST(x AS VARCHAR)", "CAST makes numbers (AS DOUBLE), not VARCHAR"),
        ("`x` > 1", "stands in double quotes"),
        ("x IN ()", "a value is missing before ')'"),
        ("CASE x END", "CASE is followed by WHEN"),
        ("DATE 'soon' > at", "'soon' is not a time such as"),
        ("1" * 10_001, "at most 10000 are read"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(DataError) as raised:
        columns_of(text)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("xx > 1", "reads 'xx' (character 1), which is not a column. Did you mean 'x'?"),
        ("x + word", "+ needs a number, 'word' is text; texts are joined by || (character 5)"),
        ("at - at", "epoch(a) - epoch(b) is the time between two times in seconds"),
        ("word > 1", "'word' is text and 1.0 is a number (character 6)"),
        ("yes < TRUE", "< does not compare true or false"),
        ("round(x, n)", "round needs 'n' written out"),
        ("left(word, -1)", "left needs -1.0 written out"),
        ("abs(x, n)", "abs takes 1 value, found 2"),
        ("coalesce()", "coalesce takes 1 or more values, found 0"),
        ("at > 'soon'", "'soon' is not a time such as"),
        ("CASE WHEN x THEN 1 END", "case needs true or false, 'x' is a number"),
    ],
)
def test_what_does_not_fit_a_table_does_not_fit_its_rows_either(text: str, said: str) -> None:
    with pytest.raises(DataError) as of_table:
        evaluate(text, TABLE)
    with pytest.raises(DataError) as of_row:
        evaluate_row(text, TABLE.row(0, named=True))
    assert said in str(of_table.value)
    assert said in str(of_row.value)


def test_a_condition_that_is_not_known_does_not_hold_and_a_number_is_none() -> None:
    assert holds("x > 0", TABLE).to_list() == [True, False, False]
    assert TABLE.select(condition("x > 0", TABLE.schema))["x"].to_list() == [True, False, None]
    with pytest.raises(DataError, match="gives a number, but a condition"):
        holds("x + 1", TABLE)


def test_columns_are_named_once_in_the_order_of_their_mention() -> None:
    assert columns_of("word = 'x' OR \"dep hour\" > 1 AND (word IS NULL OR n IN (x, 1))") == (
        "word",
        "dep hour",
        "n",
        "x",
    )


def test_a_thousand_members_and_a_thousand_branches_are_read() -> None:
    members = ", ".join(str(each) for each in range(1000))
    assert evaluate(f"n IN ({members})", TABLE).to_list() == [True, True, True]
    assert evaluate(" OR ".join(["n = 1"] * 1000), TABLE).to_list() == [True, False, False]
