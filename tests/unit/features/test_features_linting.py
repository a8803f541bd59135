"""The leak linter over rows and split: each kind of leak by its own sign, and honest columns left in peace."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from tenfold.bundle.transforms.protocols import State, Transform
from tenfold.records.dataset import Column, Dataset, Field
from tenfold.records.features import FeatureLeak, Step
from tenfold.records.problem import MetricChoice, Problem
from tenfold.stages.features.linting.encoded import encoded_on_all_rows
from tenfold.stages.features.linting.fitted import prepared_on_all_rows
from tenfold.stages.features.linting.future import aggregates_of_the_future
from tenfold.stages.features.linting.ground import LintGround, targets_of
from tenfold.stages.features.linting.groups import groups_on_both_sides
from tenfold.stages.features.linting.moments import times_after_prediction
from tenfold.stages.features.linting.order import order_tells_the_target
from tenfold.stages.features.linting.plugins import foreign_transforms
from tenfold.stages.features.linting.straddling import copies_on_both_sides

ROWS = 2_000
KINDS = {pl.Float64: "numeric", pl.String: "categorical", pl.Boolean: "boolean"}


def ground(table: pl.DataFrame, *, time: str | None = None, roles: Mapping[str, str] | None = None) -> LintGround:
    columns = []
    for name in table.columns:
        values = table[name]
        known = values.drop_nulls()
        kind = "datetime" if values.dtype.is_temporal() else KINDS[type(values.dtype)]
        whole = kind == "numeric" and bool((known == known.floor()).all())
        role = "target" if name == "y" else "time" if name == time else (roles or {}).get(name, "feature")
        columns.append(
            Column(
                field=Field(name=name, kind=kind, integer=whole),  # type: ignore[arg-type]  # a kind
                role=role,  # type: ignore[arg-type]  # a role
                reason="",
                missing=values.null_count(),
                distinct=known.n_unique(),
            )
        )
    binary = table["y"].dtype == pl.String
    problem = Problem(
        name="m",
        task="binary" if binary else "regression",
        target="y",
        metric=MetricChoice(metric="x", reason=""),
        classes=("no", "yes") if binary else (),
        time=time,
    )
    part = np.where(np.random.default_rng(9).random(table.height) < 0.8, "train", "test")
    return LintGround(
        table=table,
        part=part,
        targets=targets_of(table["y"], problem),
        data=Dataset(rows=table.height, columns=tuple(columns), sources=(), snapshot=""),
        problem=problem,
    )


def told(leaks: list[FeatureLeak]) -> list[tuple[str, str, str]]:
    return [(leak.column, leak.kind, leak.severity) for leak in leaks]


def sales(seed: int, *, numeric: bool = False) -> pl.DataFrame:
    """Purchases of customers over time: an amount, a town, and whether they came back (or how much they spent then)."""
    rng = np.random.default_rng(seed)
    who = rng.integers(0, ROWS // 10, ROWS)
    taste = rng.normal(size=ROWS // 10)
    start = datetime(2024, 1, 1)  # noqa: DTZ001
    outcome = taste[who] + rng.normal(size=ROWS)
    return pl.DataFrame(
        {
            "customer": [f"c{each}" for each in who],
            "at": [start + timedelta(hours=int(hour)) for hour in np.sort(rng.permutation(9_000)[:ROWS])],
            "amount": np.round(np.exp(rng.normal(3, 0.6, ROWS)), 2),
            "town": [f"t{each}" for each in rng.integers(0, 30, ROWS)],
            "y": outcome if numeric else np.where(outcome > 0, "yes", "no"),
        }
    )


def outcome_of(table: pl.DataFrame) -> pl.Expr:
    return pl.col("y") if table["y"].dtype == pl.Float64 else (pl.col("y") == "yes").cast(pl.Float64)


FORMS = ("mean", "shrunken", "rounded", "scaled", "logit", "shrunken and scaled", "scikit-learn")
# Numbers have no logit. Of two classes, without the category, merged levels hide an encoding both shrunken and scaled:
# the documentation says so.
UNKNOWN = {("logit", False, True), ("logit", True, True), ("shrunken and scaled", False, False)}


@pytest.mark.parametrize(
    ("form", "kept", "numeric"),
    [case for case in itertools.product(FORMS, (False, True), (False, True)) if case not in UNKNOWN],
)
def test_a_target_encoding_of_all_rows_is_recognised_in_any_form(form: str, kept: bool, numeric: bool) -> None:
    table = sales(1, numeric=numeric)
    y, overall = outcome_of(table), outcome_of(table).mean()
    mean, rows = y.mean().over("town"), pl.len().over("town")
    shrunken = (mean * rows + 20 * overall) / (rows + 20)
    weight = y.var(ddof=0) * rows / (y.var(ddof=0) * rows + y.var(ddof=0).over("town"))
    forms = {
        "mean": mean,
        "shrunken": shrunken,
        "rounded": mean.round(4),
        "scaled": (mean - mean.mean()) / mean.std(),
        "logit": (mean / (1 - mean)).log(),
        "shrunken and scaled": shrunken * 3 - 1,
        "scikit-learn": weight * mean + (1 - weight) * overall,
    }
    made = table.with_columns(score=forms[form])
    found = encoded_on_all_rows(ground(made if kept else made.drop("town")))
    assert told(found) == [("score", "encoded", "block")]


def test_an_encoding_from_other_rows_is_no_leak() -> None:
    table = sales(2)
    past = sales(3).group_by("town").agg(score=(pl.col("y") == "yes").mean())
    assert not encoded_on_all_rows(ground(table.join(past, on="town", how="left", maintain_order="left")))


@pytest.mark.parametrize(
    "form", ["mean", "total", "count", "highest", "next", "rest", "centred", "window", "mean of target"]
)
def test_an_aggregate_that_reaches_ahead_is_recognised_whatever_the_order_of_rows(form: str) -> None:
    table = sales(4)
    amount, by = pl.col("amount"), "customer"
    forms = {
        "mean": amount.mean().over(by),
        "total": amount.sum().over(by),
        "count": pl.len().over(by).cast(pl.Float64),
        "highest": amount.max().over(by),
        "next": amount.shift(-1).over(by),
        "rest": (amount.cum_sum(reverse=True) - amount).over(by),
        "centred": amount.rolling_mean(3, center=True),
        "window": amount.rolling_sum(3).shift(-3).over(by),
        "mean of target": outcome_of(table).mean().over(by),
    }
    made = table.with_columns(level=forms[form])[np.random.default_rng(0).permutation(ROWS)]
    found = aggregates_of_the_future(ground(made, time="at"))
    assert told(found) == [("level", "future", "block")]
    assert "'at'" in found[0].reason


@pytest.mark.parametrize("form", ["so far", "before", "last", "rolling", "highest so far", "number so far"])
def test_an_aggregate_of_the_past_is_no_leak(form: str) -> None:
    table = sales(5)
    amount, by = pl.col("amount"), "customer"
    forms = {
        "so far": amount.cum_sum().over(by),
        "before": (amount.cum_sum() - amount).over(by),
        "last": amount.shift(1).over(by),
        "rolling": amount.rolling_mean(3).over(by),
        "highest so far": amount.cum_max().over(by),
        "number so far": pl.int_range(pl.len()).over(by).cast(pl.Float64),
    }
    assert not aggregates_of_the_future(ground(table.with_columns(level=forms[form]), time="at"))


def test_a_time_after_the_prediction_blocks_and_a_planned_one_is_told() -> None:
    table = sales(6)
    later = table.with_columns(
        closed=pl.col("at") + pl.duration(days=3),
        due=pl.col("at") + pl.duration(days=30),
        opened=pl.col("at") - pl.duration(days=3),
    )
    found = times_after_prediction(ground(later, time="at"))
    assert told(found) == [("closed", "moment", "block"), ("due", "moment", "warn")]


@pytest.mark.parametrize("numeric", [False, True])
def test_numbers_given_along_the_outcome_are_found_and_others_are_not(numeric: bool) -> None:
    rng = np.random.default_rng(7)
    table = sales(7, numeric=numeric).drop("at")
    y = table.select(outcome_of(table)).to_series().to_numpy()
    place = np.argsort(np.argsort(y + rng.normal(scale=0.3, size=ROWS))).astype(np.float64)
    made = table.with_columns(serial=pl.Series(1_000 + place), ticket=pl.Series(rng.permutation(ROWS).astype(float)))
    assert told(order_tells_the_target(ground(made))) == [("serial", "order", "block")]
    (found,) = order_tells_the_target(ground(made, roles={"serial": "id"}))
    assert (found.column, found.severity) == ("serial", "warn")
    in_order = order_tells_the_target(ground(table.sort("y")))
    assert told(in_order) == [("", "order", "warn")]


def test_groups_whose_rows_share_the_target_are_found_on_both_sides_of_the_split() -> None:
    rng = np.random.default_rng(8)
    who = np.arange(ROWS) // 5
    rng.shuffle(who)
    taste = rng.normal(size=ROWS // 5)
    table = pl.DataFrame(
        {
            "patient": [f"p{each}" for each in who],
            "age": np.round(rng.normal(50, 12, ROWS)),
            "zip": [f"z{each}" for each in rng.integers(0, 300, ROWS)],
            "y": np.where(3 * taste[who] + rng.normal(size=ROWS) > 0, "yes", "no"),
        }
    )
    (found,) = groups_on_both_sides(ground(table))
    assert told([found]) == [("patient", "group", "block")]
    assert "role: group" in found.reason


def test_an_age_that_tells_the_target_is_no_group() -> None:
    rng = np.random.default_rng(8)
    age = np.round(rng.normal(50, 15, ROWS))
    table = pl.DataFrame({"age": age, "y": np.where(age + rng.normal(scale=5, size=ROWS) > 50, "yes", "no")})
    assert not groups_on_both_sides(ground(table))


def test_rows_that_judge_and_repeat_rows_that_train_block_a_shuffled_split() -> None:
    there = ground(sales(9))
    alone = np.arange(ROWS)
    assert not copies_on_both_sides(there, alone)
    assert not copies_on_both_sides(there, None)
    paired = alone // 2
    (found,) = copies_on_both_sides(there, paired)
    assert (found.kind, found.severity) == ("duplicates", "block")


def test_columns_prepared_on_all_rows_are_told_by_how() -> None:
    rng = np.random.default_rng(10)
    raw = rng.gamma(3, 2, ROWS)
    holes = rng.random(ROWS) < 0.1
    rounded = np.round(raw, 2)
    quartiles = np.quantile(raw, [0.25, 0.5, 0.75])
    table = pl.DataFrame(
        {
            "standard": (raw - raw.mean()) / raw.std(),
            "robust": (raw - quartiles[1]) / (quartiles[2] - quartiles[0]),
            "ranks": np.argsort(np.argsort(rng.normal(size=ROWS))) / (ROWS - 1),
            "filled": np.where(holes, rounded[~holes].mean(), rounded),
            "plain": raw,
            "near": (raw - raw.mean()) / raw.std() + 0.01,
            "y": np.where(rng.random(ROWS) < 0.5, "yes", "no"),
        }
    )
    found = prepared_on_all_rows(ground(table))
    assert {leak.column for leak in found} == {"standard", "robust", "ranks", "filled"}
    assert {leak.severity for leak in found} == {"warn"}


class Scaler:
    """Scales by what it was told, whatever it is given."""

    categorical = False

    def __init__(self, step: Step, facts: Mapping[str, float]):
        self.names, self._facts = step.columns, dict(facts)

    def apply(self, table: pl.DataFrame) -> np.ndarray:
        values = table[self.names[0]].to_numpy()
        return ((values - self._facts["centre"]) / self._facts["spread"])[:, None]

    def apply_row(self, row: Mapping[str, object]) -> list[float]:
        return [(float(row[self.names[0]]) - self._facts["centre"]) / self._facts["spread"]]  # type: ignore[arg-type]  # a number

    def state(self) -> State:
        return State(facts=self._facts)


def facts_of(values: pl.Series) -> dict[str, float]:
    return {"centre": float(values.mean()), "spread": float(values.std())}  # type: ignore[arg-type]  # numbers


def test_a_foreign_transform_that_saw_all_rows_is_told_from_one_that_learns_from_its_own() -> None:
    there = ground(sales(11))
    step = Step(kind="scaler", columns=("amount",))
    everything = facts_of(there.table["amount"])
    sly = Transform(
        fit=lambda step, *_: Scaler(step, everything), restore=lambda step, state: Scaler(step, state.facts)
    )
    honest = Transform(
        fit=lambda step, table, *_: Scaler(step, facts_of(table["amount"])),
        restore=lambda step, state: Scaler(step, state.facts),
    )
    fixed = Transform(
        fit=lambda step, *_: Scaler(step, {"centre": 20.0, "spread": 10.0}),
        restore=lambda step, state: Scaler(step, state.facts),
    )
    assert told(foreign_transforms([(step, sly)], there)) == [("amount", "plugin", "block")]
    assert not foreign_transforms([(step, honest), (step, fixed)], there)


def test_a_foreign_transform_that_reads_the_answer_must_hide_each_rows_own() -> None:
    there = ground(sales(12))
    step = Step(kind="peek", columns=("amount",))
    peeking = Transform(
        fit=lambda step, table, target, rng: Scaler(
            step, {"centre": float(np.dot(target, table["amount"].to_numpy())), "spread": 1.0}
        ),
        restore=lambda step, state: Scaler(step, state.facts),
    )
    (found,) = foreign_transforms([(step, peeking)], there)
    assert "reads the target" in found.reason
