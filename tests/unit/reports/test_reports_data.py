"""The page about a table: strengths, gaps and shifts are right, and everything of the data is escaped."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest

from tenfold.records.dataset import Column, Dataset, Field, Finding, Whole
from tenfold.records.features import FeatureGroup, FeaturePlan, Step
from tenfold.reports.data_report import MOST_COLUMNS, DataFacts, render_data_report
from tenfold.reports.pairs import missing_grid, shifts, strengths

RNG = np.random.default_rng(3)
N = 4_000
X = RNG.normal(size=N)
TABLE = pl.DataFrame(
    {
        "x": X,
        "cubed": X**3,
        "other": RNG.normal(size=N),
        "sign": np.where(X > 0, "up", "down"),
        "opposite": np.where(X > 0, "down", "up"),
        "coin": RNG.choice(["head", "tail"], N),
        "steady": np.ones(N),
        "note": [f"text {place}" for place in range(N)],
    }
)


def strength(one: str, other: str) -> float:
    found = strengths(TABLE, [one, other])
    return float(found.values[0, 1])


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ("x", "cubed", 0.999, 1.0),
        ("x", "other", 0.0, 0.05),
        ("sign", "opposite", 0.99, 1.0),
        ("sign", "coin", 0.0, 0.06),
        ("x", "sign", 0.8, 0.9),
        ("other", "coin", 0.0, 0.06),
    ],
)
def test_strength_is_near_one_for_what_tells_the_other_and_near_nothing_for_chance(one, other, low, high):
    assert low <= strength(one, other) <= high
    assert strength(one, other) == pytest.approx(strength(other, one))


def test_what_holds_one_value_or_only_texts_is_left_out():
    assert strengths(TABLE, TABLE.columns).names == ("x", "cubed", "other", "sign", "opposite", "coin")


def test_of_many_columns_those_stay_that_go_with_the_target():
    wide = TABLE.select("sign", "x", *(pl.Series(f"noise_{place}", RNG.normal(size=N)) for place in range(40)))
    found = strengths(wide, wide.columns, first="sign", most=5)
    assert found.names[:2] == ("sign", "x")
    assert len(found.names) == 5


def test_without_a_target_those_stay_that_go_together():
    wide = TABLE.select("x", "cubed", *(pl.Series(f"noise_{place}", RNG.normal(size=N)) for place in range(20)))
    assert {"x", "cubed"} <= set(strengths(wide, wide.columns, most=4).names)


def test_gaps_are_counted_in_bands_of_neighbouring_rows():
    table = pl.DataFrame({"a": [1, None, None, None, 5, 6, 7, 8], "b": [None] * 4 + [1] * 4})
    np.testing.assert_allclose(missing_grid(table, ["a", "b"], bands=2), [[0.75, 1.0], [0.0, 0.0]])
    assert missing_grid(table, ["a"], bands=48).shape == (8, 1)


def test_a_shift_is_as_far_as_it_is_and_the_farthest_stands_first():
    before = pl.DataFrame({"x": X, "coin": ["head"] * N, "gone": X})
    now = pl.DataFrame({"x": X + 10, "coin": ["head"] * (N // 2) + ["tail"] * (N // 2), "new": X})
    found = shifts(before, now)
    assert [each.name for each in found] == ["x", "coin"]
    assert found[0].distance == pytest.approx(1 - 1 / 12, abs=0.01)
    assert found[1].distance == pytest.approx(0.5)
    same = shifts(before, before)
    assert max(each.distance for each in same) == 0.0


def test_a_column_that_became_empty_has_moved_as_far_as_can_be():
    (found,) = shifts(pl.DataFrame({"x": X}), pl.DataFrame({"x": [None] * N}, schema={"x": pl.Float64}))
    assert (found.distance, found.missing_now) == (1.0, 1.0)


def column(name: str, **seen) -> Column:
    return Column(field=Field(name=name, kind="numeric"), role="feature", reason="it is a number", **seen)


def facts(columns: list[Column], table: pl.DataFrame, **given) -> DataFacts:
    dataset = Dataset(rows=table.height, columns=tuple(columns), sources=(), snapshot="0" * 64, **given)
    return DataFacts(title="t<b>", dataset=dataset, table=table)


def test_everything_of_the_data_is_escaped_and_nothing_is_loaded():
    evil = "<script>alert(1)</script>"
    table = pl.DataFrame({evil: [1.0, None, 3.0] * 20, "b": [1.0, 2.0, 4.0] * 20})
    found = Finding(rule="r", severity="critical", message=f"{evil} is bad", column=evil)
    page = render_data_report(
        facts([column(evil, missing=20, top=((evil, 3),)), column("b")], table, findings=(found,))
    )
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; is bad" in page
    assert re.findall(r'(?:src|href)="(?!#)[^"]*"', page) == []


def test_each_column_says_what_was_done_to_it_and_which_line_overrides_it():
    table = TABLE.select("x", "other")
    scale = Step(kind="scale", columns=("x",), reason="so that penalties are alike")
    plan = FeaturePlan(
        inputs=("x",), views={"native": (), "dense": (scale,)}, left_out=(("other", "it only names the row"),)
    )
    given = facts([column("x"), column("other")], table)
    page = render_data_report(DataFacts(title="t", dataset=given.dataset, table=table, features=plan))
    assert "<dt>dense</dt><dd>scale: so that penalties are alike</dd>" in page
    assert "<dt>left out</dt><dd>it only names the row</dd>" in page
    assert "data: {columns: {x: {role: feature, kind: numeric}}}" in page


def test_of_a_wide_table_so_many_columns_are_drawn_and_those_with_findings_among_them():
    names = [f"c{place}" for place in range(MOST_COLUMNS + 500)]
    table = pl.DataFrame({name: RNG.normal(size=30) for name in names})
    last = Finding(rule="r", severity="warning", message="the last one is odd", column=names[-1])
    page = render_data_report(facts([column(name) for name in names], table, findings=(last,)))
    assert page.count('<article class="column">') == MOST_COLUMNS
    assert f"<h3>{names[-1]}</h3>" in page
    assert "500 more columns are not shown" in page
    assert len(page) < 1_500_000


def test_a_column_is_shown_with_what_its_features_bring_and_cost_and_a_sample_with_all_rows():
    def column(rows: int) -> Column:
        return Column(
            field=Field(name="x", kind="numeric"), role="feature", reason="", missing=rows // 10, distinct=rows
        )

    group = FeatureGroup(
        name="numbers",
        columns=("x", "cubed"),
        features=2,
        row_us=3.25,
        batch_row_us=0.5,
        measure="log_loss",
        gain=0.125,
        low=0.1,
        high=0.15,
        worth="pays",
    )
    plan = FeaturePlan(inputs=("x",), views={}, groups=(group,))
    dataset = Dataset(
        rows=N,
        columns=(column(N),),
        sources=(),
        snapshot="s",
        quarantined=7,
        whole=Whole(rows=10 * N, columns=(column(10 * N),), reason="drawn evenly"),
    )
    page = render_data_report(DataFacts(title="t", dataset=dataset, table=TABLE, features=plan))
    assert "<dt>gain of numbers, 2 columns</dt><dd>0.1250 log_loss (0.1000 to 0.1500): pays</dd>" in page
    assert "<dt>cost of numbers, 2 columns</dt><dd>3.25 µs for a row alone, 0.5000 µs among many</dd>" in page
    assert f"{N:,} of them are learned from; in quarantine: 7" in page
    assert f"<dd>{10 * N:,}</dd>" in page
