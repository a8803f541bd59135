"""Eight shapes of data get the split that suits them, with the reason; what leaks or costs too much is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tenfold.foundation.context import Received, StageContext
from tenfold.foundation.errors import DataError
from tenfold.records.dataset import Column, Dataset, Field, Role
from tenfold.records.problem import MetricChoice, Problem
from tenfold.records.validation import ValidationPlan
from tenfold.stages.validation.choose import loo_seconds
from tenfold.stages.validation.options import ValidationOptions
from tenfold.stages.validation.run import run

START = datetime(2024, 1, 1, tzinfo=UTC)
KINDS = {pl.Float64: "numeric", pl.String: "categorical"}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A table as the data stage would hand it over."""

    table: pl.DataFrame
    roles: Mapping[str, Role] = field(default_factory=dict)
    time: str | None = None
    copies: list[int] | None = None
    labels_after: float = 0.0

    def plan(self, folder: Path, options: ValidationOptions | None = None) -> ValidationPlan:
        return self.divide(folder, options)[0]

    def divide(
        self, folder: Path, options: ValidationOptions | None = None
    ) -> tuple[ValidationPlan, np.ndarray, np.ndarray]:
        roles = {"y": "target", **self.roles} | ({} if self.time is None else {self.time: "time"})
        columns = tuple(
            Column(
                field=Field(name=name, kind=KINDS.get(dtype, "datetime")),
                role=roles.get(name, "feature"),
                reason="",
                distinct=self.table[name].n_unique(),
            )
            for name, dtype in self.table.schema.items()
        )
        files = {"table.parquet": folder / "table.parquet"}
        self.table.write_parquet(files["table.parquet"])
        if self.copies is not None:
            files["copies.parquet"] = folder / "copies.parquet"
            pl.DataFrame({"copy": self.copies}).write_parquet(files["copies.parquet"])
        classes = tuple(sorted(self.table["y"].unique())) if self.table.schema["y"] == pl.String else ()
        problem = Problem(
            name="p",
            task="regression" if not classes else "binary" if len(classes) == 2 else "multiclass",
            target="y",
            metric=MetricChoice(metric="m", reason=""),
            classes=classes,
            time=self.time,
            labels_after_seconds=self.labels_after,
        )
        dataset = Dataset(rows=self.table.height, columns=columns, sources=(), snapshot="")
        result = run(
            Received(record=problem),
            Received(record=dataset, files=files),
            options or ValidationOptions(),
            StageContext(rng=np.random.default_rng(3)),
        )
        content = result.files["split.parquet"]
        assert isinstance(content, bytes)
        split = pl.read_parquet(content)
        return result.record, split["part"].to_numpy().astype(str), split["block"].to_numpy()


def table(rows: int, *, share: float = 0.4, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame({"x": rng.normal(size=rows), "y": np.where(rng.random(rows) < share, "yes", "no")})


def days(rows: int, each: int = 1) -> pl.Series:
    return pl.Series([START + timedelta(days=row // each) for row in range(rows)])


def alike(groups: int, each: int, seed: int = 1) -> pl.DataFrame:
    """Rows of one patient resemble each other."""
    rng = np.random.default_rng(seed)
    patient = rng.permutation(np.repeat(np.arange(groups), each))
    level = rng.normal(size=groups)[patient]
    return pl.DataFrame(
        {
            "patient_id": patient.astype(float),
            "x": rng.normal(size=len(patient)),
            "y": level + 0.5 * rng.normal(size=len(patient)),
        }
    )


SHAPES = {
    "iid": (Shape(table=table(2_000)), "stratified", "kfold", "taken as exchangeable"),
    "imbalanced": (Shape(table=table(5_000, share=0.02)), "stratified", "kfold", "classes in equal proportions"),
    "grouped": (
        Shape(table=alike(60, 20).with_columns(g=pl.col("patient_id").cast(pl.String)), roles={"g": "group"}),
        "group",
        "kfold",
        "stays on one side",
    ),
    "timed": (Shape(table=table(1_500).with_columns(t=days(1_500)), time="t"), "time", "expanding", "newer rows judge"),
    "panel": (
        Shape(
            table=table(2_400).with_columns(
                t=days(2_400, 20), store=pl.Series([float(row % 20) for row in range(2_400)])
            ),
            time="t",
            roles={"store": "entity"},
        ),
        "time",
        "expanding",
        "it is a panel: the same 20 values of 'store'",
    ),
    "tiny": (Shape(table=table(120)), "repeated", "repeated", "dealt into folds 3 times"),
    "huge": (Shape(table=table(40_000)), "holdout", "holdout", "enough for one validation part"),
    "duplicated": (
        Shape(table=table(1_000), copies=[row // 2 for row in range(1_000)]),
        "stratified",
        "kfold",
        "500 copies of rows stay on the side",
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_each_shape_of_data_gets_its_strategy_and_its_reason(tmp_path: Path, name: str) -> None:
    shape, strategy, scheme, reason = SHAPES[name]
    plan = shape.plan(tmp_path)
    assert (plan.strategy, plan.scheme) == (strategy, scheme)
    assert reason in plan.reason
    assert plan.rejected
    assert all(why for _, why in plan.rejected)


def test_rows_in_the_order_of_an_undeclared_time_are_divided_by_it_and_told(tmp_path: Path) -> None:
    timed = table(800).with_columns(when=days(800))
    plan = Shape(table=timed).plan(tmp_path)
    assert (plan.strategy, plan.time) == ("time", "when")
    assert any("problem: {time: when}" in finding for finding in plan.findings)
    mixed = Shape(table=timed.sample(fraction=1, shuffle=True, seed=2)).plan(tmp_path)
    assert (mixed.strategy, mixed.time) == ("stratified", None)


def test_things_that_come_back_are_kept_together_when_their_rows_resemble_each_other(tmp_path: Path) -> None:
    plan, part, block = Shape(table=alike(80, 10)).divide(tmp_path)
    assert (plan.strategy, plan.groups) == ("group", "patient_id")
    assert any("role: group" in finding for finding in plan.findings)
    where = alike(80, 10).with_columns(part=pl.Series(part.tolist()), block=pl.Series(block))
    assert where.group_by("patient_id").agg(pl.struct("part", "block").n_unique().alias("n"))["n"].max() == 1
    rng = np.random.default_rng(0)
    unlike = alike(80, 10).with_columns(y=pl.Series(rng.normal(size=800)))
    assert Shape(table=unlike).plan(tmp_path).strategy == "kfold"


def test_neighbours_that_resemble_each_other_are_told_and_rows_sorted_by_target_are_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    walk = np.cumsum(rng.normal(size=600))
    told = "targets of neighbouring rows are correlated"
    assert any(told in each for each in Shape(table=pl.DataFrame({"y": walk})).plan(tmp_path).findings)
    ordered = Shape(table=pl.DataFrame({"y": np.sort(walk)})).plan(tmp_path)
    assert not any(told in each for each in ordered.findings)


def test_an_embargo_leaves_further_time_free(tmp_path: Path) -> None:
    shape = Shape(table=table(600).with_columns(t=days(600)), time="t", labels_after=3 * 86_400.0)
    plan, part, block = shape.divide(tmp_path, ValidationOptions(embargo_seconds=4 * 86_400.0))
    assert (plan.gap_seconds, plan.embargo_seconds) == (7 * 86_400.0, 4 * 86_400.0)
    sides = [(fold.train, fold.validation) for fold in plan.folds(part, block)]
    for train, measured in [*sides, (plan.final(part, block), np.flatnonzero(part == "test"))]:
        assert measured.min() - train.max() >= 7


def test_a_rolling_window_trains_on_the_newest_rows_alone(tmp_path: Path) -> None:
    shape = Shape(table=table(1_200).with_columns(t=days(1_200)), time="t")
    plan, part, block = shape.divide(tmp_path, ValidationOptions(strategy="time", window_seconds=90 * 86_400.0))
    assert (plan.scheme, plan.window_seconds, plan.fold_count) == ("rolling", 90 * 86_400.0, 5)
    assert {len(fold.train) for fold in plan.folds(part, block)} == {90}
    assert len(plan.final(part, block)) == 90
    assert plan.final(part, block).max() == np.flatnonzero(part == "train").max()


def test_groups_that_go_on_through_the_whole_time_are_crossed_with_it(tmp_path: Path) -> None:
    names = pl.Series([str(row % 40) for row in range(2_400)])
    shape = Shape(table=table(2_400).with_columns(t=days(2_400, 40), g=names), time="t", roles={"g": "group"})
    plan, part, block = shape.divide(tmp_path)
    assert (plan.scheme, plan.groups, plan.time) == ("crossed", "g", "t")
    assert any("left out" in finding for finding in plan.findings)
    groups = names.to_numpy()
    sides = [(fold.train, fold.validation) for fold in plan.folds(part, block)]
    for train, measured in [*sides, (plan.final(part, block), np.flatnonzero(part == "test"))]:
        assert train.max() < measured.min()
        assert not set(groups[train]) & set(groups[measured])


def test_a_large_panel_of_groups_gets_one_part_of_other_groups_that_is_newer(tmp_path: Path) -> None:
    names = pl.Series([str(row % 50) for row in range(30_000)])
    shape = Shape(table=table(30_000).with_columns(t=days(30_000, 50), g=names), time="t", roles={"g": "group"})
    plan, part, block = shape.divide(tmp_path)
    assert (plan.strategy, plan.scheme, plan.fold_count) == ("time", "crossed", 1)
    groups = names.to_numpy()
    (fold,) = plan.folds(part, block)
    assert fold.train.max() < fold.validation.min() < fold.validation.max() < np.flatnonzero(part == "test").min()
    assert not set(groups[fold.train]) & set(groups[fold.validation])
    development = int((part == "train").sum())
    assert len(fold.validation) == pytest.approx(0.15 / 0.85 * development, rel=0.1)
    assert len(fold.train) > 0.3 * development
    named = shape.plan(tmp_path, ValidationOptions(strategy="time"))
    assert "`auto` would keep the groups of 'g' apart in time as well" in named.reason


def test_leaving_one_out_of_many_rows_is_refused_with_what_it_would_cost(tmp_path: Path) -> None:
    shape = Shape(table=table(100_000))
    with pytest.raises(DataError, match=r"85,000 fits for each candidate, about \d+ h"):
        shape.plan(tmp_path, ValidationOptions(strategy="loo"))
    with pytest.raises(DataError, match="repeated"):
        shape.plan(tmp_path, ValidationOptions(strategy="loo", allow=True))


def test_leaving_one_out_of_few_rows_is_done_and_the_budget_decides(tmp_path: Path) -> None:
    few = Shape(table=table(60))
    plan, part, block = few.divide(tmp_path, ValidationOptions(strategy="loo"))
    assert (plan.strategy, plan.blocks) == ("loo", 51)
    assert all(len(fold.validation) == 1 for fold in plan.folds(part, block))
    with pytest.raises(DataError, match="more than the budget bears"):
        few.plan(tmp_path, ValidationOptions(strategy="loo", budget_seconds=5.0))
    assert few.plan(tmp_path, ValidationOptions(strategy="loo", budget_seconds=5.0, allow=True)).blocks == 51


@pytest.mark.parametrize(("rows", "columns", "seconds"), [(800, 14, 0.086), (3_000, 14, 0.17), (800, 60, 0.394)])
def test_the_cost_of_leaving_one_out_is_near_what_was_measured(rows: int, columns: int, seconds: float) -> None:
    assert 0.5 * seconds < loo_seconds(rows, columns) / rows < 2.0 * seconds


def test_single_rows_measure_classes_together(tmp_path: Path) -> None:
    plan = Shape(table=table(60)).plan(tmp_path, ValidationOptions(strategy="loo"))
    assert not any("too rare" in finding for finding in plan.findings)
    few = pl.DataFrame({"x": np.arange(60.0), "y": ["yes"] * 4 + ["no"] * 56})
    plan = Shape(table=few).plan(tmp_path, ValidationOptions(strategy="loo"))
    (told,) = [finding for finding in plan.findings if "too rare" in finding]
    assert "'yes' in all folds together (" in told


def test_a_strategy_by_name_says_what_would_have_been_chosen(tmp_path: Path) -> None:
    shape = Shape(table=table(600))
    assert (
        "`auto` would take stratified: rows are taken as exchangeable"
        in shape.plan(tmp_path, ValidationOptions(strategy="kfold")).reason
    )
    assert ", as `auto` would: " in shape.plan(tmp_path, ValidationOptions(strategy="stratified")).reason


def test_rows_in_the_gaps_of_a_rolling_split_are_measured_by_no_fold_and_may_train_later_ones(tmp_path: Path) -> None:
    shape = Shape(table=table(1_200).with_columns(t=days(1_200)), time="t")
    week = 7 * 86_400.0
    rolling = ValidationOptions(strategy="time", gap_seconds=week, window_seconds=40 * week)
    plan, part, block = shape.divide(tmp_path, rolling)
    assert any("measured by no fold" in finding for finding in plan.findings)
    assert not any("train only the final model" in finding for finding in plan.findings)
    folds = plan.folds(part, block)
    measured = np.concatenate([fold.validation for fold in folds])
    gaps = np.setdiff1d(np.arange(measured.min(), measured.max()), measured)
    assert len(gaps)
    assert set(gaps) & set(np.concatenate([fold.train for fold in folds]))


def test_groups_larger_than_the_test_share_still_leave_one_to_judge(tmp_path: Path) -> None:
    names = pl.Series([str(row % 3) for row in range(900)])
    plan, part, _ = Shape(table=table(900).with_columns(g=names), roles={"g": "group"}).divide(tmp_path)
    assert plan.counts == {"test": 300, "train": 600}
    assert len(set(names.to_numpy()[part == "test"])) == 1
    assert any("smallest group is sealed" in finding for finding in plan.findings)


def test_nested_marks_the_plan_and_always_has_blocks(tmp_path: Path) -> None:
    plan = Shape(table=table(40_000)).plan(tmp_path, ValidationOptions(strategy="nested", outer=4))
    assert (plan.nested, plan.scheme) == (4, "kfold")
    assert "nested searches are laid around them" in plan.reason
    assert Shape(table=table(40_000)).plan(tmp_path).nested == 0


def test_a_split_that_cannot_be_nested_is_refused_before_anything_is_searched(tmp_path: Path) -> None:
    names = pl.Series([str(row % 40) for row in range(2_400)])
    crossed = Shape(table=table(2_400).with_columns(t=days(2_400, 40), g=names), time="t", roles={"g": "group"})
    with pytest.raises(DataError, match="'g' go on through the whole time"):
        crossed.plan(tmp_path, ValidationOptions(strategy="nested"))
    with pytest.raises(DataError, match="at least three blocks"):
        Shape(table=table(600)).plan(tmp_path, ValidationOptions(strategy="nested", folds=2))


def test_a_declared_group_is_not_ignored_unless_that_is_allowed(tmp_path: Path) -> None:
    shape = replace(SHAPES["grouped"][0])
    with pytest.raises(DataError, match="both sides"):
        shape.plan(tmp_path, ValidationOptions(strategy="kfold"))
    plan = shape.plan(tmp_path, ValidationOptions(strategy="kfold", allow=True))
    assert any("ignores it" in finding for finding in plan.findings)
