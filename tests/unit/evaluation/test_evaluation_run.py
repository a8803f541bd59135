"""The evaluation stage: one look at sealed rows, figures that can be checked by hand, verdicts, a bundle that loads."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tenfold.bundle.format import load_bundle, verify_probe
from tenfold.bundle.member import Member
from tenfold.bundle.predictors.linear import LinearPredictor
from tenfold.bundle.view import fit_view
from tenfold.foundation.context import Received, StageContext, StageResult
from tenfold.foundation.errors import DataError, InputError, StoreError
from tenfold.foundation.serial import from_json
from tenfold.records.dataset import Column, Dataset, Field, Source
from tenfold.records.evaluation import Evaluation
from tenfold.records.evidence import Verdict
from tenfold.records.features import FeaturePlan, Step
from tenfold.records.problem import Bound, MetricChoice, Problem, Requirement, ValueMatrix
from tenfold.records.tuning import Tuning
from tenfold.records.validation import ValidationPlan
from tenfold.stages.evaluation.champion import Champion
from tenfold.stages.evaluation.options import EvaluationOptions
from tenfold.stages.evaluation.run import run
from tenfold.stages.validation.options import ValidationOptions
from tenfold.stages.validation.run import run as split

ROWS = 1_200
KINDS = {pl.Float64: "numeric", pl.String: "categorical"}


@dataclass(frozen=True, kw_only=True)
class Made:
    """Everything that evaluation is handed, with a member whose coefficients are known."""

    problem: Problem
    dataset: Received[Dataset]
    validation: Received[ValidationPlan]
    features: Received[FeaturePlan]
    tuning: Received[Tuning]
    table: pl.DataFrame
    part: np.ndarray

    def evaluate(
        self,
        *,
        problem: Problem | None = None,
        champion: Champion | None = None,
        metrics: tuple[str, ...] = (),
        intervals: float | None = None,
        calibrate: bool = True,
    ) -> StageResult[Evaluation]:
        return run(
            Received(record=problem or self.problem),
            self.dataset,
            self.validation,
            self.features,
            self.tuning,
            EvaluationOptions(metrics=metrics, latency_calls=60, intervals=intervals, calibrate=calibrate),
            StageContext(rng=np.random.default_rng(5)),
            champion=champion,
        )

    def verdicts(
        self, *requirements: Requirement, champion: Champion | None = None, **changes: object
    ) -> list[Verdict]:
        problem = replace(self.problem, requirements=requirements, **changes)
        return verdicts_of(self.evaluate(problem=problem, champion=champion))


def verdicts_of(result: StageResult[Evaluation]) -> list[Verdict]:
    content = result.files["verdicts.json"]
    assert isinstance(content, bytes)
    return list(from_json(tuple[Verdict, ...], content))


def make(folder: Path, task: str = "binary", *, test: float = 0.3, slope: float = 2.0, sure: float = 1.0) -> Made:
    rng = np.random.default_rng(8)
    values = rng.normal(size=(ROWS, 2))
    score = slope * values[:, 0]
    table = pl.DataFrame({"x": values[:, 0], "z": values[:, 1]})
    if task == "binary":
        happened = rng.random(ROWS) < 1 / (1 + np.exp(-score))
        table = table.with_columns(y=pl.Series(np.where(happened, "yes", "no")))
        coef, link, classes = np.array([[slope], [0.0]]), "logistic", ("no", "yes")
    elif task == "multiclass":
        scores = np.column_stack([np.zeros(ROWS), score, 2 * values[:, 1]])
        drawn = np.argmax(scores + rng.gumbel(size=scores.shape), axis=1)
        table = table.with_columns(y=pl.Series(np.array(["a", "b", "c"])[drawn]))
        coef, link, classes = np.array([[0.0, slope, 0.0], [0.0, 0.0, 2.0]]), "softmax", ("a", "b", "c")
    else:
        table = table.with_columns(y=pl.Series(10 + score + rng.normal(size=ROWS)))
        coef, link, classes = np.array([[slope], [0.0]]), "identity", ()
    coef = coef * sure
    intercept = np.array([10.0]) if task == "regression" else np.zeros(coef.shape[1])
    table.write_parquet(folder / "table.parquet")
    roles = {"y": "target"}
    dataset = Received(
        record=Dataset(
            rows=ROWS,
            columns=tuple(
                Column(field=Field(name=name, kind=KINDS[dtype]), role=roles.get(name, "feature"), reason="")
                for name, dtype in table.schema.items()
            ),
            sources=(Source(name="data", location="data.parquet", format="parquet", rows=ROWS, snapshot=""),),
            snapshot="s",
        ),
        files={"table.parquet": folder / "table.parquet"},
    )
    metric = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}[task]
    problem = Problem(
        name="p",
        task=task,
        target="y",
        metric=MetricChoice(metric=metric, reason=""),
        classes=classes,
        slices={"right": "x > 0", "few": "z > 1.8"},
    )
    ctx = StageContext(rng=np.random.default_rng(1))
    planned = split(Received(record=problem), dataset, ValidationOptions(test=test), ctx)
    validation = received(folder, planned)
    steps = (Step(kind="passthrough", columns=("x", "z")),)
    features = Received(record=FeaturePlan(inputs=("x", "z"), views={"dense": steps, "native": steps, "filled": steps}))
    view, _ = fit_view(steps, table, None, np.random.default_rng(0))
    member = Member(
        key="known",
        weight=1.0,
        view_name="dense",
        view=view,
        predictor=LinearPredictor(coef=coef, intercept=intercept, link=link),
    )
    part = pl.read_parquet(validation.files["split.parquet"])["part"].to_numpy().astype(str)
    oof = member.scores(table)
    oof[part == "test"] = np.nan
    buffer = io.BytesIO()
    np.save(buffer, oof)
    tuning = StageResult(
        record=Tuning(method="none", reason="", members=(("known", 1.0),)),
        files={"oof.npy": buffer.getvalue(), **{f"known/{name}": content for name, content in member.files().items()}},
    )
    return Made(
        problem=problem,
        dataset=dataset,
        validation=validation,
        features=features,
        tuning=received(folder, tuning),
        table=table,
        part=part,
    )


def received(folder: Path, result: StageResult) -> Received:
    files: dict[str, Path] = {}
    for name, content in result.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        files[name] = path
    return Received(record=result.record, files=files)


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("binary"))


@pytest.fixture(scope="module")
def regression(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("regression"), "regression")


def asked(metric: str, direction: str, bound: Bound, **changes: object) -> Requirement:
    return Requirement(id="r", metric=metric, direction=direction, bound=bound, text="t", **changes)


def test_figures_are_those_of_the_sealed_rows(binary: Made) -> None:
    evaluation = binary.evaluate().record
    assert evaluation.judged_on == "test"
    sealed = binary.part == "test"
    x = binary.table["x"].to_numpy()[sealed]
    truth = (binary.table["y"] == "yes").to_numpy()[sealed]
    wins = (x[truth][:, None] > x[~truth][None, :]).mean()
    found = evaluation.metrics["test"]["roc_auc"]
    assert found.value == pytest.approx(wins)
    assert found.n == sealed.sum() == 360
    assert found.low is not None
    assert found.high is not None
    assert found.low < wins < found.high
    assert evaluation.metrics["cross-validation"]["roc_auc"].n == 840


def test_every_usual_metric_and_what_is_asked_for_is_measured(binary: Made, regression: Made) -> None:
    usual = {
        "roc_auc",
        "pr_auc",
        "log_loss",
        "brier",
        "accuracy",
        "balanced_accuracy",
        "precision",
        "recall",
        "f1",
        "mcc",
    }
    assert set(binary.evaluate().record.metrics["test"]) == usual
    assert set(regression.evaluate().record.metrics["test"]) == {"rmse", "mae", "r2"}
    assert "mape" in regression.evaluate(metrics=("mape",)).record.metrics["test"]
    with pytest.raises(InputError, match="not defined for a regression"):
        regression.evaluate(metrics=("recall",))


def test_the_threshold_is_chosen_on_development_rows(binary: Made) -> None:
    first = binary.evaluate().record.threshold
    assert first is not None
    other_labels = pl.Series(np.where(binary.table["z"].to_numpy() > 0.5, "yes", "no"))
    turned = binary.table.with_columns(
        pl.when(pl.Series(binary.part == "test")).then(other_labels).otherwise(pl.col("y")).alias("y")
    )
    path = binary.dataset.files["table.parquet"].with_name("turned.parquet")
    turned.write_parquet(path)
    other = replace(binary, dataset=replace(binary.dataset, files={"table.parquet": path}))
    assert other.evaluate().record.threshold == first


def test_the_bundle_loads_and_predicts_what_was_measured(binary: Made, tmp_path: Path) -> None:
    result = binary.evaluate()
    content = result.files["bundle.zip"]
    assert isinstance(content, bytes)
    path = tmp_path / "bundle.zip"
    path.write_bytes(content)
    model = load_bundle(path, name=result.record.bundle)
    assert verify_probe(model) <= 1e-9
    predictions = result.files["predictions.parquet"]
    assert isinstance(predictions, bytes)
    kept = pl.read_parquet(predictions)
    again = model.predict(binary.table[kept["row"]])
    assert kept["prediction"].to_list() == again["prediction"].to_list()
    assert np.abs(kept["proba_yes"].to_numpy() - again["proba_yes"].to_numpy()).max() <= 1e-9
    assert (kept["truth"] == binary.table["y"][kept["row"]]).all()


def test_the_same_inputs_give_the_same_bundle_and_figures(binary: Made) -> None:
    first, second = binary.evaluate(), binary.evaluate()
    assert first.files["bundle.zip"] == second.files["bundle.zip"]
    for part in ("test", "cross-validation"):
        assert first.record.metrics[part] == second.record.metrics[part]
    assert first.record.plots == second.record.plots


def test_without_sealed_rows_cross_validation_is_judged_and_named_so(tmp_path: Path) -> None:
    made = make(tmp_path, test=0.0)
    evaluation = made.evaluate().record
    assert evaluation.judged_on == "cross-validation"
    assert set(evaluation.metrics) == {"cross-validation", "operational"}
    assert evaluation.metrics["cross-validation"]["roc_auc"].n == ROWS
    assert any("test: 0" in finding for finding in evaluation.findings)


def test_a_small_slice_gets_no_number_and_a_large_one_its_own(binary: Made) -> None:
    slices = binary.evaluate().record.slices
    sealed = binary.table.filter(pl.Series(binary.part == "test"))
    assert slices["few"]["roc_auc"].value is None
    assert "insufficient" in slices["few"]["roc_auc"].reason
    assert slices["right"]["roc_auc"].n == (sealed["x"] > 0).sum()
    assert slices["right"]["roc_auc"].value is not None


def test_latency_and_size_are_measured(binary: Made) -> None:
    result = binary.evaluate()
    found = result.record.metrics["operational"]
    assert found["latency_p50_ms"].value is not None
    assert found["latency_p99_ms"].value is not None
    assert 0 < found["latency_p50_ms"].value <= found["latency_p99_ms"].value
    assert found["latency_p50_ms"].n == 60
    content = result.files["bundle.zip"]
    assert isinstance(content, bytes)
    assert found["size_mb"].value == pytest.approx(len(content) / 1e6)
    assert result.record.row_cpu_us.keys() == {"known"}
    assert result.record.row_cpu_us["known"] > 0


def test_requirements_are_judged_on_all_rows_and_on_slices(binary: Made) -> None:
    found = binary.verdicts(
        asked("roc_auc", ">=", Bound(offset=0.6)),
        asked("roc_auc", ">=", Bound(offset=0.97), level="should"),
        asked("roc_auc", ">=", Bound(offset=0.5), slices=("right", "few")),
        asked("size_mb", "<=", Bound(offset=5.0)),
    )
    assert [verdict.verdict for verdict in found] == ["pass", "fail", "pass", "inconclusive", "pass"]
    assert [verdict.slice for verdict in found] == ["", "", "right", "few", ""]
    assert all(verdict.place == "test" for verdict in found)


def test_the_baseline_is_the_better_of_the_best_constant_and_the_rule(binary: Made, regression: Made) -> None:
    alone = binary.evaluate().record
    assert alone.references["roc_auc"] == "best constant"
    assert alone.baseline["roc_auc"].value == pytest.approx(0.5)
    ruled = binary.evaluate(problem=replace(binary.problem, rule="x > 0.2")).record
    assert ruled.references["roc_auc"] == "rule"
    assert ruled.baseline_name == "rule"
    assert ruled.baseline["roc_auc"].value is not None
    assert ruled.baseline["roc_auc"].value > 0.7
    useless = binary.evaluate(problem=replace(binary.problem, rule="z > 1.5")).record
    assert useless.references["accuracy"] == "best constant"
    numbers = regression.evaluate(problem=replace(regression.problem, rule="10 + x")).record
    sealed = regression.table.filter(pl.Series(regression.part == "test"))
    by_hand = float(np.sqrt(((sealed["y"] - 10 - sealed["x"]) ** 2).mean()))
    assert numbers.references["rmse"] == "rule"
    assert numbers.baseline["rmse"].value == pytest.approx(by_hand)


def test_a_bound_by_baseline_is_judged_by_the_paired_difference(binary: Made) -> None:
    bound = Bound(reference="baseline", offset=10.0, percent=True)
    (against_constant,) = binary.verdicts(asked("roc_auc", ">=", bound))
    assert against_constant.verdict == "pass"
    assert against_constant.bound == pytest.approx(0.55)
    (against_rule,) = binary.verdicts(asked("roc_auc", ">=", bound), rule="x > 0")
    assert against_rule.bound is not None
    assert against_rule.bound > 0.8


def test_money_is_judged_against_the_best_constant_action(binary: Made) -> None:
    value = ValueMatrix(classes=("no", "yes"), amounts=((0.0, -10.0), (0.0, 10.0)))
    (found,) = binary.verdicts(asked("value_per_row", ">=", Bound(reference="baseline", offset=0.5)), value=value)
    assert found.verdict == "pass"
    assert found.value is not None
    assert found.value > 1.0


def test_a_requirement_for_another_place_is_pending_there(binary: Made) -> None:
    (found,) = binary.verdicts(asked("roc_auc", ">=", Bound(offset=0.6), where=("live",)))
    assert (found.verdict, found.place) == ("pending", "live")


def test_without_a_champion_a_requirement_about_it_is_pending_with_one_it_is_judged(
    binary: Made, tmp_path: Path
) -> None:
    requirement = asked("roc_auc", ">=", Bound(reference="champion", offset=-0.02))
    (alone,) = binary.verdicts(requirement)
    assert alone.verdict == "pending"
    assert "no champion" in alone.reason
    content = binary.evaluate().files["bundle.zip"]
    assert isinstance(content, bytes)
    (tmp_path / "bundle.zip").write_bytes(content)
    champion = Champion(name="p@1", model=load_bundle(tmp_path / "bundle.zip"))
    (judged,) = binary.verdicts(requirement, champion=champion)
    assert judged.verdict == "pass"
    assert judged.value == pytest.approx((judged.bound or 0.0) + 0.02)


def test_a_champion_that_answers_another_question_is_told(binary: Made, tmp_path: Path) -> None:
    other = make(tmp_path, "multiclass")
    content = other.evaluate().files["bundle.zip"]
    assert isinstance(content, bytes)
    (tmp_path / "bundle.zip").write_bytes(content)
    champion = Champion(name="q@1", model=load_bundle(tmp_path / "bundle.zip"))
    assert any("another question" in finding for finding in binary.evaluate(champion=champion).record.findings)


@pytest.mark.parametrize(
    ("task", "plots"),
    [
        ("binary", {"roc", "precision_recall", "calibration", "scores", "gain", "confusion", "importance"}),
        ("multiclass", {"calibration", "confusion", "importance", "roc_classes", "precision_recall_classes"}),
        ("regression", {"predicted", "residuals", "residual_spread", "importance"}),
    ],
)
def test_each_task_has_its_plots_as_plain_numbers(tmp_path: Path, task: str, plots: set[str]) -> None:
    evaluation = make(tmp_path, task).evaluate().record
    assert set(evaluation.plots) == plots
    importance = evaluation.plots["importance"]
    assert isinstance(importance, Mapping)
    assert importance["columns"][0]["column"] == ("z" if task == "multiclass" else "x")
    unused = next(one for one in importance["columns"] if one["column"] == "z")
    if task != "multiclass":
        assert unused["added_loss"] == 0.0


def test_the_plot_of_money_shows_what_each_threshold_brings_and_the_chosen_one(binary: Made) -> None:
    value = ValueMatrix(classes=("no", "yes"), amounts=((0.0, -8.0), (0.0, 40.0)))
    record = binary.evaluate(problem=replace(binary.problem, value=value)).record
    money = record.plots["money"]
    assert isinstance(money, Mapping)
    assert money["chosen"] == record.threshold.value
    assert money["chosen_per_row"] == pytest.approx(record.metrics["test"]["value_per_row"].value)
    share = (binary.table["y"].to_numpy()[binary.part == "test"] == "yes").mean()
    assert money["all"] == pytest.approx(40 * share - 8 * (1 - share))
    assert money["none"] == 0.0
    assert money["per_row"][0] == pytest.approx(money["all"], rel=1e-4)
    assert money["per_row"][-1] == pytest.approx(0.0, abs=1e-9)


def test_a_confusion_plot_counts_every_judged_row(binary: Made) -> None:
    confusion = binary.evaluate().record.plots["confusion"]
    assert isinstance(confusion, Mapping)
    assert np.sum(confusion["counts"]) == (binary.part == "test").sum()


def test_a_member_without_files_is_refused(binary: Made) -> None:
    gone = replace(binary, tuning=replace(binary.tuning, files={"oof.npy": binary.tuning.files["oof.npy"]}))
    with pytest.raises(StoreError, match="member 'known' are missing"):
        gone.evaluate()


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_overconfident_probabilities_are_mended_in_the_bundle_and_everything_is_measured_after(
    tmp_path: Path, task: str
) -> None:
    made = make(tmp_path, task, sure=2.5)
    result = made.evaluate()
    left = made.evaluate(calibrate=False)
    check = result.record.calibration
    assert check.mended
    assert check.loss_after < check.loss_before
    assert not left.record.calibration.mended
    for part in ("test", "cross-validation"):
        before, after = left.record.metrics[part]["log_loss"].value, result.record.metrics[part]["log_loss"].value
        assert after < 0.9 * before
    if task == "binary":
        assert left.record.calibration.slope == pytest.approx(0.4, abs=0.1)
        assert check.slope == pytest.approx(1.0, abs=0.2)
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(result.files["bundle.zip"])
    model = load_bundle(bundle, name=result.record.bundle)
    assert model.recalibration == result.record.recalibration
    assert verify_probe(model) <= 1e-12
    rows = made.table.select("x", "z").head(40)
    together = model.scores(rows)
    alone = np.concatenate([model.scores_row(row) for row in rows.iter_rows(named=True)])
    assert alone == pytest.approx(together, abs=1e-12)


def test_accuracy_named_by_the_file_where_positives_are_rare_is_a_finding(binary: Made) -> None:
    chosen = replace(binary.problem, metric=MetricChoice(metric="accuracy", reason="the file says so"))
    assert not any("hardly sees" in said for said in binary.evaluate(problem=chosen).record.findings)
    table = binary.table.with_columns(
        y=pl.when((pl.col("y") == "yes") & (pl.int_range(pl.len()) % 25 > 0)).then(pl.lit("no")).otherwise("y")
    )
    place = binary.dataset.files["table.parquet"].parent / "rare.parquet"
    table.write_parquet(place)
    rare = replace(binary, dataset=replace(binary.dataset, files={"table.parquet": place}), table=table)
    (said,) = [said for said in rare.evaluate(problem=chosen).record.findings if "hardly sees" in said]
    assert "always saying the most frequent one would score 98." in said


def test_a_bundle_that_needs_no_mending_has_no_trace_of_it(binary: Made) -> None:
    result, off = binary.evaluate(), binary.evaluate(calibrate=False)
    assert result.record.recalibration is None
    assert result.record.bundle == off.record.bundle
    assert "chance" in result.record.calibration.reason


def test_intervals_travel_in_the_bundle_and_are_given_when_asked(regression: Made, tmp_path: Path) -> None:
    result = regression.evaluate(intervals=0.9)
    check = result.record.intervals
    assert (check.level, check.judged_on) == (0.9, "test")
    assert check.coverage.low <= 0.9 <= check.coverage.high
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(result.files["bundle.zip"])
    model = load_bundle(bundle)
    rows = regression.table.select("x", "z").head(5)
    said = model.predict(rows, intervals=True)
    assert said.columns == ["prediction", "low", "high"]
    assert (said["low"] < said["prediction"]).all()
    assert (said["prediction"] < said["high"]).all()
    assert model.predict(rows).columns == ["prediction"]


def test_a_model_without_intervals_says_how_to_get_them(regression: Made, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(regression.evaluate().files["bundle.zip"])
    with pytest.raises(DataError, match=r"evaluation: \{intervals: 0.9\}"):
        load_bundle(bundle).predict(regression.table.select("x", "z").head(2), intervals=True)


def test_classes_have_sets(binary: Made, tmp_path: Path) -> None:
    result = binary.evaluate(intervals=0.8)
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(result.files["bundle.zip"])
    said = load_bundle(bundle).predict(binary.table.select("x", "z").head(200), intervals=True)
    assert said.columns == ["prediction", "proba_no", "proba_yes", "set"]
    assert set(said["set"]) == {'["no"]', '["yes"]', '["no", "yes"]'}
    assert result.record.intervals.coverage.high >= 0.8
