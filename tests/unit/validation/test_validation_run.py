"""The validation stage chooses a split from the data, explains it, and keeps its promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from tenfold.stages.validation.options import ValidationOptions
from tenfold.stages.validation.run import run

START = datetime(2024, 1, 1, tzinfo=UTC)


class Case:
    """A table with the records of the stages before, as the engine would hand them over."""

    def __init__(
        self,
        folder: Path,
        table: pl.DataFrame,
        *,
        time: str | None = None,
        roles: Mapping[str, Role] | None = None,
        copies: Sequence[int] | None = None,
        labels_after_seconds: float = 0.0,
    ):
        roles = {"y": "target", **(roles or {})}
        kinds = {pl.Float64: "numeric", pl.String: "categorical"}
        columns = tuple(
            Column(
                field=Field(name=name, kind=kinds.get(dtype, "datetime")),
                role=roles.get(name, "feature"),
                reason="test",
            )
            for name, dtype in table.schema.items()
        )
        path = folder / "table.parquet"
        table.write_parquet(path)
        files = {"table.parquet": path}
        if copies is not None:
            files["copies.parquet"] = folder / "copies.parquet"
            pl.DataFrame({"copy": list(copies)}).write_parquet(files["copies.parquet"])
        classes: tuple[str, ...] = ()
        task = "regression"
        if table.schema["y"] == pl.String:
            classes = tuple(sorted(table["y"].unique()))
            task = "binary" if len(classes) == 2 else "multiclass"
        self.table = table
        self.problem = Received(
            record=Problem(
                name="p",
                task=task,
                target="y",
                metric=MetricChoice(metric="m", reason=""),
                classes=classes,
                time=time,
                labels_after_seconds=labels_after_seconds,
            )
        )
        self.dataset = Received(
            record=Dataset(rows=table.height, columns=columns, sources=(), snapshot=""), files=files
        )

    def split(
        self, options: ValidationOptions | None = None, *, seed: int = 3
    ) -> tuple[ValidationPlan, np.ndarray, np.ndarray]:
        ctx = StageContext(rng=np.random.default_rng(seed))
        result = run(self.problem, self.dataset, options or ValidationOptions(), ctx)
        content = result.files["split.parquet"]
        assert isinstance(content, bytes)
        frame = pl.read_parquet(content)
        return result.record, frame["part"].to_numpy().astype(str), frame["block"].to_numpy()


def classes(counts: Mapping[str, int], seed: int = 0) -> pl.DataFrame:
    labels = np.repeat(list(counts), list(counts.values()))
    np.random.default_rng(seed).shuffle(labels)
    return pl.DataFrame({"x": np.arange(len(labels), dtype=float), "y": labels})


def days(rows: int, per_day: int = 1) -> list[datetime]:
    return [START + timedelta(days=row // per_day) for row in range(rows)]


def test_small_classification_gets_stratified_folds_and_says_why(tmp_path: Path) -> None:
    plan, part, block = Case(tmp_path, classes({"no": 700, "yes": 300})).split()
    assert (plan.strategy, plan.scheme, plan.blocks, plan.stratified) == ("stratified", "kfold", 5, True)
    assert plan.counts == {"test": 150, "train": 850}
    assert "few enough for folds" in plan.reason
    assert dict(plan.rejected).keys() == {"time", "group", "holdout", "kfold", "repeated, loo"}
    assert sorted(np.bincount(block[part == "train"])) == [170] * 5


def test_class_shares_are_exact_within_a_row_in_every_part_and_fold(tmp_path: Path) -> None:
    table = classes({"a": 501, "b": 333, "c": 97, "d": 29})
    _, part, block = Case(tmp_path, table).split()
    labels = table["y"].to_numpy()
    for name, count in table["y"].value_counts().iter_rows():
        sealed = int(((labels == name) & (part == "test")).sum())
        assert abs(sealed - 0.15 * count) < 1
        inside = np.bincount(block[(labels == name) & (block >= 0)], minlength=5)
        assert inside.max() - inside.min() <= 1
    assert np.ptp(np.bincount(block[block >= 0])) <= 1
    assert abs(int((part == "test").sum()) - 0.15 * len(labels)) <= 0.5


def test_large_classification_is_divided_70_15_15(tmp_path: Path) -> None:
    plan, _, _ = Case(tmp_path, classes({"no": 39_003, "yes": 1_004})).split()
    assert (plan.strategy, plan.scheme, plan.stratified) == ("holdout", "holdout", True)
    assert plan.counts == {"train": 28_005, "validation": 6_001, "test": 6_001}
    assert "enough for one validation part" in plan.reason


def test_regression_is_not_stratified(tmp_path: Path) -> None:
    plan, _, _ = Case(tmp_path, pl.DataFrame({"y": np.arange(500.0)})).split()
    assert (plan.strategy, plan.stratified) == ("kfold", False)
    assert "no classes" in dict(plan.rejected)["stratified"]


def test_time_column_gives_a_split_in_time_with_the_newest_rows_sealed(tmp_path: Path) -> None:
    table = pl.DataFrame({"t": days(400), "y": np.arange(400.0)}).sample(fraction=1, shuffle=True, seed=1)
    plan, part, block = Case(tmp_path, table, time="t").split()
    assert (plan.strategy, plan.scheme, plan.blocks, plan.time) == ("time", "expanding", 6, "t")
    times = table["t"].to_numpy()
    assert times[part == "test"].min() > times[part == "train"].max()
    assert plan.counts["test"] == 60
    for fold in plan.folds(part, block):
        assert times[fold.train].max() < times[fold.validation].min()
    assert len(plan.folds(part, block)) == 5


def test_large_time_table_is_divided_70_15_15_in_time(tmp_path: Path) -> None:
    table = pl.DataFrame({"t": days(40_000), "y": np.arange(40_000.0)})
    plan, part, block = Case(tmp_path, table, time="t").split()
    assert plan.counts == {"train": 28_000, "validation": 6_000, "test": 6_000}
    (fold,) = plan.folds(part, block)
    assert len(fold.train) == 28_000
    assert len(fold.validation) == 6_000


def test_equal_times_are_never_cut_apart(tmp_path: Path) -> None:
    table = pl.DataFrame({"t": days(700, per_day=37), "y": np.arange(700.0)})
    _, part, block = Case(tmp_path, table, time="t").split()
    where = pl.DataFrame({"t": table["t"], "part": part, "block": block})
    assert where.group_by("t").agg(pl.struct("part", "block").n_unique().alias("n"))["n"].max() == 1


def test_rows_whose_outcome_was_unknown_before_the_test_are_left_out(tmp_path: Path) -> None:
    table = pl.DataFrame({"t": days(400), "y": np.arange(400.0)})
    plan, part, block = Case(tmp_path, table, time="t", labels_after_seconds=5 * 86_400.0).split()
    assert plan.gap_seconds == 5 * 86_400.0
    assert plan.counts["out"] == 4
    assert np.flatnonzero(part == "out").tolist() == [336, 337, 338, 339]
    for fold in plan.folds(part, block):
        assert fold.validation.min() - fold.train.max() >= 5
    assert any("not known" in finding for finding in plan.findings)


def test_a_gap_longer_than_a_fold_gives_fewer_folds_and_says_so(tmp_path: Path) -> None:
    table = pl.DataFrame({"t": days(400), "y": np.arange(400.0)})
    plan, part, block = Case(tmp_path, table, time="t").split(ValidationOptions(gap_seconds=50 * 86_400.0))
    assert plan.blocks < 6
    assert any("folds instead of 5" in finding for finding in plan.findings)
    for fold in plan.folds(part, block):
        assert fold.validation.min() - fold.train.max() >= 50


def test_a_gap_that_leaves_nothing_is_refused(tmp_path: Path) -> None:
    table = pl.DataFrame({"t": days(100), "y": np.arange(100.0)})
    with pytest.raises(DataError, match=r"lower `validation\.gap`"):
        Case(tmp_path, table, time="t").split(ValidationOptions(gap_seconds=1000 * 86_400.0))


def test_rows_without_a_time_are_left_out_and_told(tmp_path: Path) -> None:
    table = pl.DataFrame({"t": [None, *days(199)], "y": np.arange(200.0)})
    plan, part, _ = Case(tmp_path, table, time="t").split()
    assert part[0] == "out"
    assert "1 rows without a time are left out" in plan.findings


def test_a_single_time_cannot_be_split(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="too few to split"):
        Case(tmp_path, pl.DataFrame({"t": [START] * 50, "y": np.arange(50.0)}), time="t").split()


def test_group_column_keeps_groups_on_one_side(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    table = classes({"no": 800, "yes": 400}).with_columns(g=pl.Series(rng.integers(0, 90, 1200)).cast(pl.String))
    plan, part, block = Case(tmp_path, table, roles={"g": "group"}).split()
    assert (plan.strategy, plan.groups) == ("group", "g")
    where = pl.DataFrame({"g": table["g"], "part": part, "block": block})
    assert where.group_by("g").agg(pl.struct("part", "block").n_unique().alias("n"))["n"].max() == 1
    assert abs(plan.counts["test"] / 1200 - 0.15) < 0.02
    share = (table["y"].to_numpy() == "yes")[part == "test"].mean()
    assert abs(share - 1 / 3) < 0.05


def test_few_groups_give_fewer_folds_and_one_group_is_refused(tmp_path: Path) -> None:
    table = pl.DataFrame({"g": ["a", "b", "c", "d"] * 30, "y": np.arange(120.0)})
    plan, _, _ = Case(tmp_path, table, roles={"g": "group"}).split()
    assert plan.blocks == 3
    assert any("3 folds instead of 5" in finding for finding in plan.findings)
    with pytest.raises(DataError, match="2 distinct values"):
        Case(tmp_path, table.with_columns(g=pl.Series(["a", "b"] * 60)), roles={"g": "group"}).split()


def test_time_and_group_together_respect_both(tmp_path: Path) -> None:
    table = pl.DataFrame({"t": days(600), "g": [str(row // 7) for row in range(600)], "y": np.arange(600.0)})
    plan, part, block = Case(tmp_path, table, time="t", roles={"g": "group"}).split()
    groups = table["g"].to_numpy()
    assert plan.groups == "g"
    assert not set(groups[part == "train"]) & set(groups[part == "test"])
    for fold in plan.folds(part, block):
        assert fold.train.max() < fold.validation.min()
        assert not set(groups[fold.train]) & set(groups[fold.validation])


def test_time_and_group_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    table = pl.DataFrame({"t": days(600), "g": [str(row % 7) for row in range(600)], "y": np.arange(600.0)})
    with pytest.raises(DataError, match="cannot both be respected"):
        Case(tmp_path, table, time="t", roles={"g": "group"}).split()


def test_copies_of_a_row_stay_in_one_fold(tmp_path: Path) -> None:
    table = classes({"no": 300, "yes": 100})
    copies = [row // 3 if row < 120 else 1000 + row for row in range(400)]
    plan, part, block = Case(tmp_path, table, copies=copies).split()
    where = pl.DataFrame({"c": copies, "part": part, "block": block})
    assert where.group_by("c").agg(pl.struct("part", "block").n_unique().alias("n"))["n"].max() == 1
    assert plan.counts == {"test": 60, "train": 340}


def test_a_group_and_copies_across_groups_are_joined(tmp_path: Path) -> None:
    table = pl.DataFrame({"g": [str(row // 10) for row in range(400)], "y": np.arange(400.0)})
    copies = list(range(400))
    copies[15] = copies[5]  # links group 0 and group 1
    _, part, block = Case(tmp_path, table, roles={"g": "group"}, copies=copies).split()
    assert len(set(zip(part[:20], block[:20], strict=True))) == 1


def test_without_a_test_part_every_row_is_in_a_fold(tmp_path: Path) -> None:
    plan, part, block = Case(tmp_path, classes({"no": 30_000, "yes": 2_000})).split(ValidationOptions(test=0.0))
    assert plan.counts == {"train": 32_000}
    assert plan.scheme == "kfold"
    assert (block >= 0).all()
    assert "test: 0" in plan.reason
    assert set(part) == {"train"}


def test_rare_class_stays_in_training_and_is_named(tmp_path: Path) -> None:
    table = classes({"a": 500, "b": 300, "c": 3})
    plan, part, _ = Case(tmp_path, table).split()
    assert ((table["y"].to_numpy() == "c") & (part == "train")).sum() == 3
    assert any("'c' (3)" in finding for finding in plan.findings)


def test_binary_class_rarer_than_folds_gives_fewer_folds_and_a_single_row_is_refused(tmp_path: Path) -> None:
    plan, _, _ = Case(tmp_path, classes({"no": 200, "yes": 3})).split()
    assert plan.blocks == 3
    with pytest.raises(DataError, match="has one row"):
        Case(tmp_path, classes({"no": 200, "yes": 1})).split()


def drifting(rows: int = 900) -> pl.DataFrame:
    """Rows of a level that wanders: what is near in time is alike, whatever the features say."""
    rng = np.random.default_rng(4)
    level = np.cumsum(rng.normal(size=rows)) * 0.5
    x = rng.normal(size=rows)
    return pl.DataFrame({"t": days(rows), "x": x, "place": np.arange(rows, dtype=float), "y": level + 0.5 * x})


@pytest.mark.parametrize("strategy", ["kfold", "repeated", "holdout", "loo"])
def test_shuffled_rows_on_timed_data_are_refused(tmp_path: Path, strategy: str) -> None:
    case = Case(tmp_path, drifting(), time="t")
    with pytest.raises(DataError, match="would leak"):
        case.split(replace(ValidationOptions(), strategy=strategy))


def test_shuffled_folds_that_are_allowed_stand_beside_their_measured_optimism(tmp_path: Path) -> None:
    plan, _, _ = Case(tmp_path, drifting(), time="t").split(ValidationOptions(strategy="kfold", allow=True))
    assert plan.strategy == "kfold"
    assert any("ignores it" in finding for finding in plan.findings)
    assert plan.optimism is not None
    assert plan.optimism.shuffled > 0.9
    assert plan.optimism.optimism > 0.3
    assert any("too much" in finding for finding in plan.findings)


def test_a_split_that_respects_time_measures_no_optimism(tmp_path: Path) -> None:
    assert Case(tmp_path, drifting(), time="t").split()[0].optimism is None


@pytest.mark.parametrize(
    ("strategy", "hint"), [("time", r"problem\.time"), ("group", "role: group"), ("stratified", "target is a number")]
)
def test_a_strategy_that_lacks_its_column_is_refused(tmp_path: Path, strategy: str, hint: str) -> None:
    case = Case(tmp_path, pl.DataFrame({"y": np.arange(400.0)}))
    with pytest.raises(DataError, match=hint):
        case.split(replace(ValidationOptions(), strategy=strategy))


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the table has 5 rows"):
        Case(tmp_path, pl.DataFrame({"y": np.arange(5.0)})).split()


def test_equal_seeds_give_equal_hashes_and_other_seeds_others(tmp_path: Path) -> None:
    case = Case(tmp_path, classes({"no": 300, "yes": 100}))
    assert case.split(seed=1)[0].split == case.split(seed=1)[0].split
    assert case.split(seed=1)[0].split != case.split(seed=2)[0].split


def test_a_datetime_column_that_is_not_declared_is_mentioned(tmp_path: Path) -> None:
    table = pl.DataFrame({"when": days(100), "y": np.arange(100.0)}).sample(fraction=1, shuffle=True, seed=1)
    plan, _, _ = Case(tmp_path, table).split()
    assert "there is: when" in dict(plan.rejected)["time"]
