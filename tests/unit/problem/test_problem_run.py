"""The problem stage: noise is refused, weak signal is not, leaks are named, what does not fit the data is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest

from tenfold.foundation.context import StageContext
from tenfold.foundation.errors import DataError, InputError
from tenfold.records.dataset import Field
from tenfold.records.problem import Bound, Feasibility, Problem, Requirement
from tenfold.stages.problem.options import Amounts, ProblemOptions
from tenfold.stages.problem.run import run

KINDS = {pl.Float64: "numeric", pl.String: "categorical", pl.Boolean: "boolean"}


def fields_of(table: pl.DataFrame) -> tuple[Field, ...]:
    return tuple(Field(name=name, kind=KINDS.get(dtype, "datetime")) for name, dtype in table.schema.items())


def problem_of(folder: Path, table: pl.DataFrame, *, seed: int = 7, **options: object) -> Problem:
    path = folder / "table.parquet"
    table.write_parquet(path)
    ctx = StageContext(rng=np.random.default_rng(seed), seed=seed)
    return run(path, fields_of(table), ProblemOptions(**{"target": "y", **options}), ctx).record


def feasibility_of(folder: Path, table: pl.DataFrame, **options: object) -> Feasibility:
    found = problem_of(folder, table, **options).feasibility
    assert found is not None
    return found


def noise(seed: int, rows: int = 1_200, target: str = "binary") -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    columns = {f"n{place}": pl.Series(rng.normal(size=rows)) for place in range(6)}
    columns |= {f"c{place}": pl.Series(rng.integers(0, 9, rows)).cast(pl.String) for place in range(4)}
    columns["holed"] = pl.Series(rng.normal(size=rows)).set(pl.Series(rng.random(rows) < 0.2), None)
    if target == "binary":
        columns["y"] = pl.Series(rng.choice(["no", "yes"], rows))
    elif target == "multiclass":
        columns["y"] = pl.Series(rng.choice(["a", "b", "c"], rows, p=[0.5, 0.3, 0.2]))
    else:
        columns["y"] = pl.Series(rng.lognormal(size=rows))
    return pl.DataFrame(columns)


def learnable(rows: int = 1_000, seed: int = 3) -> pl.DataFrame:
    table = noise(seed, rows).drop("y")
    rng = np.random.default_rng(seed + 1_000)
    score = table["n0"].to_numpy() + 0.8 * (table["c0"] == "3").cast(pl.Float64).to_numpy() + rng.normal(size=rows)
    return table.with_columns(y=pl.Series(np.where(score > 0, "yes", "no")))


def weak(seed: int, rows: int = 5_000, auc: float = 0.55) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    positive = rng.random(rows) < 0.5
    values = rng.normal(size=(rows, 10))
    values[:, 3] += NormalDist().inv_cdf(auc) * np.sqrt(2) * positive
    table = pl.DataFrame({f"x{place}": values[:, place] for place in range(10)})
    return table.with_columns(y=pl.Series(np.where(positive, "yes", "no")))


@pytest.mark.parametrize("target", ["binary", "multiclass", "regression"])
def test_pure_noise_is_infeasible(tmp_path: Path, target: str) -> None:
    statuses = [feasibility_of(tmp_path, noise(seed, target=target)).status for seed in (11, 12)]
    assert statuses == ["infeasible", "infeasible"]


def test_a_weak_true_signal_in_enough_rows_is_never_refused(tmp_path: Path) -> None:
    for seed in range(3):
        found = feasibility_of(tmp_path, weak(seed))
        assert found.status == "feasible"
        assert found.value is not None
        assert 0.5 < found.value < 0.6


def test_a_refusal_says_what_was_found_what_is_asked_and_how_to_go_on(tmp_path: Path) -> None:
    found = feasibility_of(tmp_path, noise(11))
    assert found.status == "infeasible"
    assert found.required == pytest.approx(0.6)
    assert found.high is not None
    assert found.high < 0.6
    assert "feasibility: warn" in found.reason
    assert "0.6 is asked for" in found.reason


def test_few_rows_of_noise_are_inconclusive(tmp_path: Path) -> None:
    found = feasibility_of(tmp_path, noise(5, rows=120))
    assert found.status == "inconclusive"
    assert "too few to exclude it" in found.reason


def test_a_modest_requirement_makes_noise_inconclusive_instead_of_infeasible(tmp_path: Path) -> None:
    modest = Requirement(id="r", metric="roc_auc", direction=">=", bound=Bound(offset=0.505), text="roc_auc >= 0.505")
    found = feasibility_of(tmp_path, noise(11), requirements=(modest,))
    assert found.required == 0.505
    assert found.status == "inconclusive"
    should = replace(modest, level="should")
    assert feasibility_of(tmp_path, noise(11), requirements=(should,)).required == pytest.approx(0.6)


def test_r2_is_compared_as_rmse(tmp_path: Path) -> None:
    asked = Requirement(id="r", metric="r2", direction=">=", bound=Bound(offset=0.75), text="r2 >= 0.75")
    found = feasibility_of(tmp_path, noise(11, target="regression"), requirements=(asked,))
    assert found.required is not None
    assert found.chance is not None
    assert found.required == pytest.approx(found.chance / 2, rel=0.01)


def test_signal_is_found_and_compared_with_the_rule(tmp_path: Path) -> None:
    found = feasibility_of(tmp_path, learnable(), rule="n0 > 0")
    assert found.status == "feasible"
    assert found.rule is not None
    assert found.value is not None
    assert 0.6 < found.rule < found.value
    assert found.low is not None
    assert found.low > 0.5


def test_a_user_may_be_warned_only_or_not_look_at_all(tmp_path: Path) -> None:
    warned = feasibility_of(tmp_path, noise(11), feasibility="warn")
    assert (warned.status, warned.enforce) == ("infeasible", False)
    assert feasibility_of(tmp_path, noise(11), feasibility="off").status == "skipped"


def test_time_ordered_rows_are_predicted_forward(tmp_path: Path) -> None:
    # The relation turns round half-way: shuffled folds would find it, predictions forward in time do not.
    rng = np.random.default_rng(2)
    rows = 3_000
    x = rng.normal(size=rows)
    turned = np.where(np.arange(rows) < rows / 2, 1.0, -1.0)
    table = pl.DataFrame(
        {
            "t": [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=row) for row in range(rows)],
            "x": x,
            "y": np.where(turned * x + rng.normal(size=rows) > 0, "yes", "no"),
        }
    ).sample(fraction=1.0, shuffle=True, seed=1)
    shuffled = feasibility_of(tmp_path, table.drop("t"))
    forward = feasibility_of(tmp_path, table, time="t")
    assert forward.n == pytest.approx(rows * 5 / 6, abs=10)
    assert forward.value is not None
    assert shuffled.value is not None
    assert forward.value != shuffled.value


def test_equal_seeds_give_equal_findings(tmp_path: Path) -> None:
    assert feasibility_of(tmp_path, learnable(), seed=5) == feasibility_of(tmp_path, learnable(), seed=5)


def planted(table: pl.DataFrame, values: pl.Series) -> pl.DataFrame:
    return table.with_columns(values.alias("planted"))


def flipped(labels: pl.Series, share: float) -> pl.Series:
    rng = np.random.default_rng(1)
    turn = pl.Series(rng.random(len(labels)) < share)
    other = labels.replace_strict(["no", "yes"], ["yes", "no"])
    return labels.set(turn, None).fill_null(other)


def leaks_in(folder: Path, table: pl.DataFrame, **options: object) -> Sequence[tuple[str, str, str]]:
    found = feasibility_of(folder, table, **options)
    assert (found.status == "leaking") == any(leak.severity == "block" for leak in found.leaks)
    return [(leak.column, leak.kind, leak.severity) for leak in found.leaks]


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda y: y, "copy"),
        (lambda y: y.replace_strict(["no", "yes"], [7.0, 3.0], return_dtype=pl.Float64), "copy"),
        (lambda y: y == "yes", "copy"),
        (lambda y: flipped(y, 0.03), "copy"),
        (lambda y: pl.Series(np.random.default_rng(0).normal(size=len(y))).set(y == "no", None), "post-outcome"),
        (
            lambda y: pl.Series(np.random.default_rng(0).normal(size=len(y)) + 9.0 * (y == "yes").to_numpy()),
            "near-perfect",
        ),
    ],
    ids=["copy", "re-coded", "boolean", "noisy", "filled-after", "measured-after"],
)
def test_a_target_that_stands_in_the_data_is_named(tmp_path: Path, make: object, kind: str) -> None:
    table = learnable()
    assert callable(make)
    found = leaks_in(tmp_path, planted(table, make(table["y"])))
    assert found == [("planted", kind, "block")]


def test_a_leak_says_what_to_do_and_a_vouched_column_passes(tmp_path: Path) -> None:
    table = planted(learnable(), learnable()["y"])
    reason = feasibility_of(tmp_path, table).leaks[0].reason
    assert "{planted: {available: later}}" in reason
    assert "allow: true" in reason
    assert leaks_in(tmp_path, table, allowed=("planted",)) == []
    assert leaks_in(tmp_path, table, excluded=("planted",)) == []


def test_signal_is_measured_without_the_leaking_column(tmp_path: Path) -> None:
    found = feasibility_of(tmp_path, planted(learnable(), learnable()["y"]))
    assert found.value is not None
    assert found.value < 0.9


def numbers(rows: int = 1_000) -> pl.DataFrame:
    table = noise(4, rows).drop("y")
    y = 100 + 20 * table["n0"].to_numpy() + 15 * np.random.default_rng(1_004).normal(size=rows)
    return table.with_columns(y=pl.Series(y))


@pytest.mark.parametrize(
    "make",
    [
        lambda y: y,
        lambda y: -3.0 * y + 7.0,
        lambda y: np.log(y + 200.0),
        lambda y: np.where(np.random.default_rng(0).random(len(y)) < 0.05, 100.0, y),
        lambda y: y + 0.02 * y.std() * np.random.default_rng(0).normal(size=len(y)),
    ],
    ids=["copy", "scaled", "logarithm", "noisy", "rounded"],
)
def test_a_number_that_stands_in_the_data_is_named(tmp_path: Path, make: object) -> None:
    table = numbers()
    assert callable(make)
    found = leaks_in(tmp_path, planted(table, pl.Series(make(table["y"].to_numpy()))))
    assert found == [("planted", "copy", "block")]


def test_a_good_column_is_no_leak(tmp_path: Path) -> None:
    table = numbers()
    assert leaks_in(tmp_path, table) == []
    strong = pl.Series(table["y"].to_numpy() + 8 * np.random.default_rng(9).normal(size=table.height))
    assert leaks_in(tmp_path, planted(table, strong)) == []


def test_a_column_that_follows_the_target_nearly_in_a_straight_line_is_asked_about(tmp_path: Path) -> None:
    table = numbers()
    part = pl.Series(table["y"].to_numpy() + 4 * np.random.default_rng(9).normal(size=table.height))
    assert leaks_in(tmp_path, planted(table, part)) == [("planted", "near-perfect", "warn")]


def test_a_column_filled_only_for_one_class_is_a_warning(tmp_path: Path) -> None:
    table = learnable()
    filled = (table["y"] == "yes") & pl.Series(np.random.default_rng(0).random(table.height) < 0.6)
    reason = pl.Series(np.random.default_rng(1).normal(size=table.height)).set(~filled, None)
    assert leaks_in(tmp_path, planted(table, reason)) == [("planted", "post-outcome", "warn")]


def test_an_identifier_of_every_row_is_no_leak(tmp_path: Path) -> None:
    table = learnable().sort("y")
    names = pl.Series([f"id{row:04d}" for row in range(table.height)])
    assert leaks_in(tmp_path, planted(table, names)) == []


def test_a_column_may_be_called_anything(tmp_path: Path) -> None:
    table = learnable().rename({"c0": "count", "y": "len"})
    found = problem_of(tmp_path, table, target="len").feasibility
    assert found is not None
    assert found.status == "feasible"


def test_money_decides_the_metric(tmp_path: Path) -> None:
    found = problem_of(tmp_path, learnable(), value=Amounts(true_positive=1.0, false_positive=-1.0))
    assert found.metric.metric == "value_per_row"
    assert found.value is not None
    assert found.class_counts.keys() == {"no", "yes"}


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"time": "tme"}, "not a column"),
        ({"time": "c0"}, "kind: datetime"),
        ({"time": "y"}, "both the target and the time"),
        ({"slices": {"s": "n0 >"}}, "slice 's'"),
        ({"slices": {"s": "hold > 1"}}, "Did you mean 'holed'"),
        ({"rule": "n0 + 1"}, "condition is needed"),
        ({"rule": "y = 'yes'"}, "reads the target"),
        ({"excluded": ("n9",)}, "not a column"),
        ({"excluded": tuple(noise(1).columns[:-1])}, "no column is left"),
    ],
)
def test_what_does_not_fit_the_data_is_refused(tmp_path: Path, options: dict[str, object], match: str) -> None:
    with pytest.raises(DataError, match=match):
        problem_of(tmp_path, learnable(), **options)


@pytest.mark.parametrize(
    ("metric", "slices", "match"),
    [("rmse", (), "not defined for a binary"), ("value_per_row", (), "about money"), ("roc_auc", ("jkf",), "'jkf'")],
)
def test_a_requirement_that_cannot_be_judged_is_refused(
    tmp_path: Path, metric: str, slices: tuple[str, ...], match: str
) -> None:
    asked = Requirement(
        id="r", metric=metric, direction=">=", bound=Bound(offset=1.0), text=f"{metric} >= 1", slices=slices
    )
    with pytest.raises(InputError, match=match):
        problem_of(tmp_path, learnable(), requirements=(asked,), slices={"jfk": "c0 = '1'"})
