"""Detectors of the data stage: what was planted is found and named, what is clean is left in peace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from tenfold.records.dataset import Column, Field, Finding
from tenfold.stages.data.detect import detect
from tenfold.stages.data.duplicates import find_copies
from tenfold.stages.data.hours import find_shifted_hours
from tenfold.stages.data.missingness import find_missingness, little_test
from tenfold.stages.data.mixed import find_mixed
from tenfold.stages.data.near_rows import find_near_rows
from tenfold.stages.data.near_texts import find_near_texts
from tenfold.stages.data.personal_data import find_personal_data, masked, without_personal_data
from tenfold.stages.data.stand_ins import find_stand_ins
from tenfold.stages.data.units import find_two_units

WORDS = ["the", "box", "came", "late", "small", "shop", "sent", "blue", "paper", "gift", "again", "today", "broken"]


def column(values: pl.Series, *, role: str = "feature", kind: str | None = None) -> Column:
    kinds = {pl.Float64: "numeric", pl.String: "categorical", pl.Boolean: "boolean"}
    found = kind or ("datetime" if values.dtype.is_temporal() else kinds[type(values.dtype)])
    known = values.drop_nulls()
    whole = found == "numeric" and bool((known == known.floor()).all())
    return Column(
        field=Field(name=values.name, kind=found, integer=whole),  # type: ignore[arg-type]  # a kind
        role=role,  # type: ignore[arg-type]  # a role
        reason="",
        missing=values.null_count(),
        distinct=known.n_unique(),
        top=tuple((str(value), 1) for value in known.head(3)),
    )


def columns_of(table: pl.DataFrame, texts: Sequence[str] = ()) -> list[Column]:
    return [column(table[name], kind="text" if name in texts else None) for name in table.columns]


def named(findings: Sequence[Finding]) -> list[tuple[str, str | None]]:
    return [(finding.rule, finding.column) for finding in findings]


def numbers(seed: int, rows: int = 2_000, width: int = 5) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(rng.normal(size=(rows, width)), schema=[f"x{place}" for place in range(width)])


@pytest.mark.parametrize("seed", range(4))
def test_rows_that_were_copied_and_jittered_are_found_and_no_others(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = numbers(seed)
    again = table.head(60).with_columns(pl.all() + pl.Series(rng.normal(scale=0.003, size=60)))
    found = find_near_rows(pl.concat([table, again]), table.columns, [], rng)
    planted = {(row, 2_000 + row) for row in range(60)}
    told = {(int(left), int(right)) for left, right in found.pairs}
    assert len(told & planted) >= 57
    assert len(told - planted) <= 3
    assert find_near_rows(table, table.columns, [], rng).rows == 0


def test_rows_with_other_words_are_no_near_copies() -> None:
    rng = np.random.default_rng(0)
    table = numbers(1)
    both = pl.concat([table, table.head(60) + 0.0001]).with_columns(word=pl.Series(["a"] * 2_000 + ["b"] * 60))
    assert find_near_rows(both, table.columns, ["word"], rng).rows == 0


def test_texts_with_a_word_changed_are_near_copies() -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 14)) + f" {row}" for row in range(600)]
    changed = [text.replace(" late ", " soon ", 1).upper() + "!" for text in texts[:40]]
    found = find_near_texts(pl.Series("note", texts + changed), rng)
    told = {(int(left), int(right)) for left, right in found.pairs}
    assert sum((row, 600 + row) in told for row in range(40)) >= 38


@pytest.mark.slow
def test_two_hundred_near_texts_among_ten_thousand_are_found() -> None:
    rng = np.random.default_rng(3)
    vocabulary = np.array([f"word{number}" for number in range(3_000)])
    texts = [" ".join(rng.choice(vocabulary, 25)) for _ in range(10_000)]
    changed = [text.rsplit(" ", 2)[0] + " otherwise ends" for text in texts[:200]]
    found = find_near_texts(pl.Series("note", texts + changed), rng)
    told = {(int(left), int(right)) for left, right in found.pairs}
    assert sum((row, 10_000 + row) in told for row in range(200)) >= 190


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (lambda rng: np.where(rng.random(1_000) < 0.03, -1.0, rng.integers(20, 60, 1_000)), "-1"),
        (lambda rng: np.where(rng.random(1_000) < 0.03, 0.0, rng.normal(120, 10, 1_000).round(1)), "0"),
        (lambda rng: np.where(rng.random(1_000) < 0.05, 99.0, rng.integers(17, 90, 1_000)), "99"),
    ],
)
def test_numbers_that_mean_missing_are_named(values: object, shown: str) -> None:
    made = values(np.random.default_rng(0))  # type: ignore[operator]  # one of the lambdas above
    table = pl.DataFrame({"age": made.astype(np.float64)})
    (finding,) = find_stand_ins(table, columns_of(table))
    assert finding.rule == "stand-in"
    assert f"'age' is {shown} in" in finding.message
    assert f"{{missing: [{shown}]}}" in finding.message


def test_dates_and_words_that_mean_missing_are_named_and_common_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    days = [datetime(2021, 1, 1) + timedelta(days=int(day)) for day in rng.integers(0, 900, 500)]  # noqa: DTZ001
    table = pl.DataFrame(
        {
            "born": [datetime(1900, 1, 1) if row % 50 == 0 else day for row, day in enumerate(days)],  # noqa: DTZ001
            "town": rng.choice(["Rome", "Oslo", "unknown"], 500, p=[0.5, 0.4, 0.1]),
            "damage": rng.choice(["None", "Minor"], 500, p=[0.9, 0.1]),
            "count": rng.poisson(1.0, 500).astype(np.float64),
        }
    )
    assert named(find_stand_ins(table, columns_of(table))) == [("stand-in", "born"), ("stand-in", "town")]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("factor", "word"), [(100.0, "cents"), (1_000.0, "kg"), (0.01, "cents"), ("fahrenheit", "Fahrenheit")]
)
def test_one_source_in_another_unit_is_found_with_its_name(seed: int, factor: float | str, word: str) -> None:
    rng = np.random.default_rng(seed)
    shop = rng.choice(["north", "south", "west", "east", "mid"], 3_000)
    values = rng.normal(15, 6, 3_000) if factor == "fahrenheit" else rng.lognormal(3, 0.5, 3_000)
    moved = values * 1.8 + 32 if factor == "fahrenheit" else values * float(factor)
    table = pl.DataFrame({"shop": shop, "amount": np.where(shop == "west", moved, values)})
    (finding,) = find_two_units(table, columns_of(table))
    assert (finding.rule, finding.column) == ("two-units", "amount")
    assert word in finding.message
    clean = table.with_columns(amount=pl.Series(values))
    assert not find_two_units(clean, columns_of(clean))


def test_hours_of_one_source_are_found_shifted_by_how_many() -> None:
    rng = np.random.default_rng(0)
    source = rng.choice(["app", "till", "call"], 4_000)
    hours = np.clip(rng.normal(13, 3, 4_000), 0, 23.9)
    base = datetime(2024, 3, 1)  # noqa: DTZ001
    days = rng.integers(0, 60, 4_000)

    def table(late: float) -> pl.DataFrame:
        moved = hours + np.where(source == "till", late, 0.0)
        times = [base + timedelta(days=int(day), hours=float(hour)) for day, hour in zip(days, moved, strict=True)]
        return pl.DataFrame({"source": source, "at": times})

    shifted = table(2.0)
    (finding,) = find_shifted_hours(shifted, columns_of(shifted), rng)
    assert "2 h late where 'source' is 'till'" in finding.message
    clean = table(0.0)
    assert not find_shifted_hours(clean, columns_of(clean), rng)


def test_words_among_numbers_are_named() -> None:
    table = pl.DataFrame({"size": [str(row) for row in range(95)] + ["large", "n. b.", "large", "?!", "tall"]})
    (finding,) = find_mixed(table, columns_of(table))
    assert finding.rule == "mixed-types"
    assert finding.rows == 5
    assert "'large'" in finding.message


def test_holes_by_chance_and_holes_that_another_column_tells_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    age = rng.normal(40, 12, 3_000)
    income = pl.Series("income", rng.normal(size=3_000))
    table = pl.DataFrame(
        {
            "age": age,
            "income": pl.select(
                pl.when(pl.Series(age + rng.normal(scale=4, size=3_000) > 50)).then(None).otherwise(income)
            ).to_series(),
            "height": pl.select(pl.when(pl.Series(rng.random(3_000) < 0.1)).then(None).otherwise(income)).to_series(),
        }
    )
    told = [finding.message for finding in find_missingness(table, columns_of(table), "y")]
    assert any("holes of 'income' hang together with 'age'" in message for message in told)
    assert any("nothing seen tells where 'height' is missing (MCAR is plausible)" in message for message in told)


def test_columns_missing_in_the_same_rows_are_told_together() -> None:
    rng = np.random.default_rng(0)
    gone = rng.random(500) < 0.2
    table = pl.DataFrame({name: [None if hole else 1.0 * row for row, hole in enumerate(gone)] for name in "abc"})
    findings = find_missingness(table, columns_of(table), "y")
    together = next(finding for finding in findings if finding.rule == "co-missing")
    assert together.message.startswith("'a', 'b', 'c' are missing together")


def test_little_rejects_holes_that_depend_on_what_is_seen_and_keeps_those_by_chance() -> None:
    by_chance, by_value = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        values = rng.multivariate_normal([0, 0, 0], [[1, 0.5, 0.3], [0.5, 1, 0.4], [0.3, 0.4, 1]], 400)
        for kept, holes in (
            (by_chance, rng.random(400) < 0.2),
            (by_value, rng.random(400) < 1 / (1 + np.exp(-2 * values[:, 1] + 1))),
        ):
            seen = values.copy()
            seen[holes, 0] = np.nan
            kept.append(little_test(seen)[2])
    assert sum(p < 0.05 for p in by_chance) <= 4
    assert sum(p < 0.05 for p in by_value) >= 19


def test_personal_data_is_found_by_column_and_masked_in_what_is_told() -> None:
    table = pl.DataFrame(
        {
            "contact": [f"person{row}@example.org" for row in range(50)],
            "remark": [f"paid with 4111 1111 1111 1111 on day {row}" for row in range(50)],
            "city": ["Rome", "Oslo"] * 25,
            "order": [float(20_240_000_000 + row) for row in range(50)],
        }
    )
    columns = columns_of(table, texts=["remark"])
    assert named(find_personal_data(table, columns)) == [("personal-data", "contact"), ("personal-data", "remark")]
    shown = without_personal_data(columns)
    assert "[e-mail address]" in str(shown[0].top)
    assert "example.org" not in str(shown)
    told = masked([Finding(rule="x", severity="info", message="'ann@example.org' is odd")])
    assert told[0].message == "'[e-mail address]' is odd"


def test_copies_and_near_copies_get_one_number_so_that_the_split_keeps_them_together() -> None:
    rng = np.random.default_rng(0)
    table = numbers(0, rows=500)
    both = pl.concat([table, table.head(20), table.head(40).tail(20) + 0.001])
    found = detect(both, columns_of(both), find_copies(both), target="y", rng=rng)
    assert ("near-duplicates", None) in named(found.findings)
    numbered = pl.read_parquet(found.files["copies.parquet"])["copy"]
    assert (numbered[:40] == numbered[500:]).all()
    assert numbered.n_unique() == 500


def test_a_clean_table_is_left_in_peace() -> None:
    table = numbers(5).with_columns(
        kind=pl.Series(np.random.default_rng(1).choice(["a", "b", "c"], 2_000)),
    )
    found = detect(table, columns_of(table), find_copies(table), target="y", rng=np.random.default_rng(0))
    assert not found.findings
    assert not found.files
