"""A small table of mixed columns, every step that an export has words for, and models of every predictor over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from tenfold.bundle.format import bundle_name, load_bundle, write_bundle
from tenfold.bundle.member import Member
from tenfold.bundle.model import Model
from tenfold.bundle.predictors.constant import ConstantPredictor
from tenfold.bundle.predictors.forest import ForestPredictor
from tenfold.bundle.predictors.lightgbm import LightGBMPredictor
from tenfold.bundle.predictors.linear import LinearPredictor
from tenfold.bundle.predictors.mlp import MlpPredictor
from tenfold.bundle.predictors.neighbours import NeighboursPredictor
from tenfold.bundle.predictors.oblivious import ObliviousPredictor
from tenfold.bundle.predictors.protocols import Predictor
from tenfold.bundle.signature import Signature
from tenfold.bundle.view import FittedView, encoding_target, fit_view
from tenfold.exports.protocols import Subject
from tenfold.records.dataset import Field
from tenfold.records.evaluation import Recalibration, Threshold
from tenfold.records.features import Step
from tenfold.records.problem import MetricChoice, Problem, Task, ValueMatrix

COLOURS = ("blue", "green", "red", 'it\'s "so"')
FIELDS = (
    Field(name="age", kind="numeric", missing_markers=("?",)),
    Field(name="income", kind="numeric"),
    Field(name="Weight (kg)", kind="numeric"),
    Field(name="colour", kind="categorical", levels=COLOURS, missing_markers=("?",)),
    Field(name="town", kind="categorical"),
    Field(name="member", kind="boolean"),
    Field(name="joined", kind="datetime", timezone="Europe/Paris"),
    Field(name="note", kind="text"),
)
NUMBERS = ("age", "income", "Weight (kg)")
PARTS = ("hour", "weekday", "month", "year_sin", "year_cos", "hour_sin", "weekday_cos", "elapsed")
DATES = Step(
    kind="dates", columns=("joined",), settings={"parts": PARTS, "zone": "Europe/Paris", "epoch": "2026-01-01"}
)
HOLIDAYS = Step(
    kind="holidays", columns=("joined",), settings={"days": ("2026-05-01", "2026-12-25"), "zone": "Europe/Paris"}
)
DATED = tuple(f"joined__{part}" for part in PARTS)
NATIVE = (
    Step(kind="passthrough", columns=NUMBERS),
    Step(kind="boolean", columns=("member",)),
    Step(kind="target_encoding", columns=("town",)),
    DATES,
    HOLIDAYS,
    Step(kind="frequency", columns=("town",)),
    Step(
        kind="interactions",
        columns=(*NUMBERS, "colour", "town"),
        settings={
            "pairs": (
                ("product", "age", "income"),
                ("ratio", "income", "age"),
                ("difference", "age", "Weight (kg)"),
                ("cross", "colour", "town"),
            ),
        },
    ),
    Step(kind="codes", columns=("colour",), settings={"levels": COLOURS}),
)
DENSE = (
    Step(kind="impute", columns=(*NUMBERS, "member"), settings={"strategy": "median", "indicator": True}),
    Step(kind="spline", columns=("age",)),
    Step(kind="bins", columns=("income",), settings={"count": 4}),
    Step(kind="power", columns=("Weight (kg)",), settings={"method": "yeo_johnson"}),
    Step(kind="pca", columns=("age", "income"), settings={"components": 2}),
    Step(kind="scale", columns=NUMBERS, settings={"method": "standard"}),
    Step(kind="onehot", columns=("colour",), settings={"levels": COLOURS, "min_count": 2, "impute": "mode"}),
    Step(kind="ordinal", columns=("town",), settings={"levels": tuple(f"Tówn {number}" for number in range(30))}),
    Step(kind="impute", columns=("town__order",), settings={"strategy": "mean", "indicator": True}),
    Step(kind="target_encoding", columns=("town",)),
    Step(kind="scale", columns=("town__share",), settings={"method": "robust"}),
    DATES,
    Step(kind="impute", columns=DATED, settings={"strategy": "median", "indicator": False}),
    Step(kind="scale", columns=DATED, settings={"method": "minmax"}),
)
PLAIN = (
    Step(kind="impute", columns=(*NUMBERS, "member"), settings={"strategy": "median", "indicator": True}),
    Step(kind="scale", columns=NUMBERS, settings={"method": "standard"}),
    Step(kind="onehot", columns=("colour",), settings={"levels": COLOURS}),
    Step(kind="target_encoding", columns=("town",)),
)
FILLED = (
    Step(kind="group_impute", columns=("age", "colour"), settings={"indicator": True}),
    Step(kind="impute", columns=("income", "Weight (kg)", "member"), settings={"strategy": "mean", "indicator": True}),
    Step(kind="codes", columns=("colour",), settings={"levels": COLOURS, "missing": "minus_one"}),
)
WORDED = (
    Step(kind="text_size", columns=("note",)),
    Step(kind="text_topics", columns=("note",), settings={"components": 2}),
    Step(kind="hash", columns=("town",), settings={"buckets": 8}),
    Step(kind="quantile", columns=("income",), settings={"quantiles": 20}),
    Step(kind="iterative_impute", columns=NUMBERS, settings={"targets": ("age", "income"), "indicator": True}),
    Step(kind="impute", columns=("note__characters", "note__words", "income"), settings={"indicator": False}),
)

STEPS = {"native": NATIVE, "dense": DENSE, "plain": PLAIN, "filled": FILLED, "worded": WORDED}


def table(rows: int = 400, *, seed: int = 0, missing: float = 0.1) -> pl.DataFrame:
    """Canonical rows in which every column has missing values."""
    rng = np.random.default_rng(seed)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    columns = {
        "age": pl.Series(rng.integers(18, 90, rows).astype(float)),
        "income": pl.Series(np.round(rng.lognormal(10, 1, rows), 2)),
        "Weight (kg)": pl.Series(rng.normal(70, 15, rows)),
        "colour": pl.Series(rng.choice(COLOURS, rows), dtype=pl.String),
        "town": pl.Series([f"Tówn {number}" for number in rng.integers(0, 40, rows)]),
        "member": pl.Series(rng.random(rows) < 0.4),
        "joined": pl.Series(
            [start + timedelta(minutes=int(minute)) for minute in rng.integers(0, 700_000, rows)],
            dtype=pl.Datetime("us", "UTC"),
        ),
        "note": pl.Series(
            ["so long  a note " * int(count) + "✨" for count in rng.integers(0, 5, rows)]
        ).str.strip_chars(),
    }
    return pl.DataFrame(
        [
            column.rename(name).set(pl.Series(rng.random(rows) < missing), None)  # type: ignore[arg-type]  # None is null
            for name, column in columns.items()
        ]
    )


def truth(rows: pl.DataFrame, classes: int) -> np.ndarray:
    """Numbers, or codes of classes, that the columns tell something about."""
    rng = np.random.default_rng(1)
    score = (rows["age"].fill_null(50).to_numpy() - 50) / 15 + (rows["colour"] == "red").fill_null(False).to_numpy() * 2
    score = score + rng.normal(size=rows.height) / 2
    return np.digitize(score, [0.5, 1.5][: classes - 1]) if classes else 100.0 + 30.0 * score


@cache
def view(name: str, classes: int) -> tuple[FittedView, np.ndarray]:
    rows = table()
    task: Task = "regression" if not classes else "binary" if classes == 2 else "multiclass"
    target = encoding_target(truth(rows, classes), task, classes)
    steps = [
        replace(step, settings={**step.settings, "outputs": target.shape[1]}) if step.kind == "interactions" else step
        for step in STEPS[name]
    ]
    fitted, matrix = fit_view(steps, rows, target, np.random.default_rng(0))
    return fitted, matrix.values


@cache
def boosted(classes: int, rounds: int = 12) -> Predictor:
    import lightgbm

    fitted, values = view("native", classes)
    objective = {0: "regression", 2: "binary"}.get(classes, "multiclass")
    link = {0: "identity", 2: "logistic"}.get(classes, "softmax")
    more = {"num_class": classes} if classes > 2 else {}
    parameters = {"objective": objective, "num_leaves": 9, "num_threads": 1, "verbosity": -1, "deterministic": True,
                  "min_data_in_leaf": 5, "min_data_per_group": 5, "cat_smooth": 1.0, **more}  # fmt: skip
    categorical = list(fitted.categorical)
    texts = [
        lightgbm.train(
            {**parameters, "seed": seed, "bagging_fraction": 0.7, "bagging_freq": 1},
            lightgbm.Dataset(values, truth(table(), classes), categorical_feature=categorical),
            rounds,
        ).model_to_string()
        for seed in (0, 1)
    ]
    return LightGBMPredictor.average(texts, link=link)  # type: ignore[arg-type]  # one of the links


@cache
def forest(classes: int) -> Predictor:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestClassifier if classes else RandomForestRegressor
    grown = kind(n_estimators=8, max_depth=6, random_state=0, n_jobs=1)
    return ForestPredictor.from_sklearn(
        [grown.fit(view("filled", classes)[1], truth(table(), classes))], classes=classes
    )


def scores_of(classes: int) -> int:
    return classes if classes > 2 else 1


def link_of(classes: int) -> str:
    return "identity" if not classes else "logistic" if classes == 2 else "softmax"


@cache
def linear(classes: int, name: str = "dense") -> Predictor:
    width, rng = view(name, classes)[1].shape[1], np.random.default_rng(3)
    return LinearPredictor(
        coef=rng.normal(size=(width, scores_of(classes))) / 5,
        intercept=rng.normal(size=scores_of(classes)),
        link=link_of(classes),  # type: ignore[arg-type]  # one of the links
    )


@cache
def network(classes: int) -> Predictor:
    width, rng = view("dense", classes)[1].shape[1], np.random.default_rng(4)
    shapes = [(width, 6), (6, scores_of(classes))]
    return MlpPredictor(
        [rng.normal(size=shape) / 5 for shape in shapes],
        [rng.normal(size=shape[1]) for shape in shapes],
        link=link_of(classes),  # type: ignore[arg-type]  # one of the links
    )


@cache
def oblivious(classes: int, trees: int = 10, depth: int = 4) -> Predictor:
    values, rng = view("native", classes)[1], np.random.default_rng(5)
    feature = rng.integers(0, values.shape[1], (trees, depth)).astype(np.int32)
    above = np.nanmedian(values, axis=0)[feature].astype(np.float32)
    upto = np.where(rng.random((trees, depth)) < 0.3, above + np.abs(above) + 1, np.inf).astype(np.float32)
    above[0, -1], upto[0, -1] = np.inf, np.inf
    return ObliviousPredictor(
        {
            "feature": feature,
            "above": above,
            "upto": upto,
            "first": np.arange(trees, dtype=np.int64) * (1 << depth),
            "leaves": rng.normal(size=(trees << depth, scores_of(classes))),
            "bias": rng.normal(size=scores_of(classes)),
        },
        link=link_of(classes),  # type: ignore[arg-type]  # one of the links
        columns=values.shape[1],
    )


@cache
def worded(classes: int) -> Predictor:
    return linear(classes, "worded")


def constant(classes: int) -> Predictor:
    return ConstantPredictor(values=tuple(np.full(classes, 1.0 / classes).tolist()) if classes else (12.5,))


def neighbours(classes: int) -> Predictor:
    values = view("plain", classes)[1][:20]
    return NeighboursPredictor(values, np.ones((20, max(classes, 1))), np.ones(20), neighbours=3)


MEMBERS: Mapping[str, tuple[str, object]] = {
    "boosted": ("native", boosted),
    "forest": ("filled", forest),
    "linear": ("dense", linear),
    "plain": ("plain", lambda classes: linear(classes, "plain")),
    "network": ("dense", network),
    "oblivious": ("native", oblivious),
    "worded": ("worded", worded),
    "constant": ("plain", constant),
    "neighbours": ("plain", neighbours),
}


def model(
    names: Sequence[str], classes: int, *, value: ValueMatrix | None = None, recalibration: Recalibration | None = None
) -> Model:
    """An ensemble of the members of these names."""
    task: Task = "regression" if not classes else "binary" if classes == 2 else "multiclass"
    problem = Problem(
        name="members",
        task=task,
        target="stays",
        classes=("no", "yes", "may'be")[:classes],
        metric=MetricChoice(metric="rmse" if not classes else "log_loss", reason="a test"),
        value=value,
    )
    members = [
        Member(
            key=name,
            weight=1.0 / len(names),
            view_name="native",
            view=view(MEMBERS[name][0], classes)[0],
            predictor=MEMBERS[name][1](classes),  # type: ignore[operator]  # makes a predictor
        )
        for name in names
    ]
    threshold = Threshold(value=0.4, reason="set by hand") if classes == 2 and value is None else None
    return Model.assembled(
        members,
        problem=problem,
        signature=Signature(fields=FIELDS),
        threshold=threshold,
        recalibration=recalibration,
    )


def subject(whole: Model, folder: Path, **options: str) -> Subject:
    """The model written as a bundle and read again, as an export finds it."""
    place = folder / "model.zip"
    write_bundle(whole, table(20, seed=2), place)
    return Subject(
        model=load_bundle(place),
        ref="members@3",
        bundle=bundle_name(place),
        place=place,
        evidence=({"requirement": "ranks-well", "verdict": "pass"},),
        options=options,
    )
