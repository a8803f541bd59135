"""What the detectors of silent failures find, and how often they cry wolf.

    python benchmarks/detectors.py [--only D7,D12] [--seeds 200] [--data DATA] [--verbose]

Each detector meets its faults (`tenfold.testing.faults_data`) in fresh made tables, one seed each, and as many tables
without a fault. A fault counts as found when a message names the column (and the slice, where only one is hit); an
alarm on a clean table is any message of the detectors that are looked at, whatever it names. With DATA, a folder of
Parquet and CSV tables, rows drawn from them with replacement stand beside the made ones as clean tables.

The rule: of 200 seeds at least 184 found, and at most 16 alarms. Printed per fault: found, alarms, milliseconds for
one table, one of the messages. Exit code 1 when a fault misses the rule, in proportion to the seeds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from tenfold.bundle.model import Model, Part
from tenfold.bundle.predictors.linear import LinearPredictor
from tenfold.bundle.signature import Signature
from tenfold.bundle.transforms.protocols import Fitted
from tenfold.bundle.view import FittedView, fit_view
from tenfold.connectors.ingest import IngestOptions, ingest
from tenfold.connectors.read import SourceRequest
from tenfold.engine.code import environment, environment_changes
from tenfold.foundation.context import Received, StageContext
from tenfold.measures.interval import estimate
from tenfold.measures.metrics import METRICS
from tenfold.measures.outcome import Outcome
from tenfold.measures.states.column import Kind
from tenfold.project.changed import changes_between
from tenfold.project.reproduce import differing_members
from tenfold.project.skew import features_apart, scores_apart
from tenfold.records.dataset import Dataset, Field
from tenfold.records.evaluation import Estimate
from tenfold.records.features import Step
from tenfold.records.health import Window
from tenfold.records.problem import MetricChoice, Problem
from tenfold.stages.data import run as data
from tenfold.stages.data.options import DataOptions
from tenfold.stages.evaluation.worn import wear_of
from tenfold.stages.monitoring.integrity import Past
from tenfold.stages.monitoring.options import MonitoringOptions
from tenfold.stages.monitoring.reference import Reference, Sample, build_reference, said_of
from tenfold.stages.monitoring.rows import Answered
from tenfold.stages.monitoring.run import run
from tenfold.stages.problem import run as problem
from tenfold.stages.problem.options import ProblemOptions
from tenfold.testing import faults_data as faults

FIRST = datetime(2024, 3, 4, tzinfo=UTC)
DAY = timedelta(days=1)
DAYS, ROWS = 42, 400
FOUND, ALARMS = 184 / 200, 16 / 200
KINDS: dict[str, Kind] = {
    "source": "categorical",
    "store": "categorical",
    "kind": "categorical",
    **dict.fromkeys(
        ("amount", "items", "weight", "distance", "age", "score", "temperature", "wind", "rate"), "numeric"
    ),
    "paid": "boolean",
    "fetched": "datetime",
    "ordered": "datetime",
}
PROBLEM = Problem(
    name="shop",
    task="binary",
    target="y",
    time="ordered",
    metric=MetricChoice(metric="roc_auc", reason=""),
    classes=("no", "yes"),
)


@dataclass(frozen=True, kw_only=True)
class Live:
    """A shop in production: what its windows are held against, the last one and the one to judge."""

    reference: Reference
    yesterday: pl.DataFrame
    today: pl.DataFrame


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A table with its fault: a message of one of ``rules`` (any, when empty) must name a column and ``where``."""

    table: pl.DataFrame
    columns: tuple[str, ...]
    where: str = ""
    rules: tuple[str, ...] = ()


def live(seed: int) -> Live:
    """Make a shop, its reference of six weeks, and two days of production."""
    rng = np.random.default_rng([seed, 1])
    shop = faults.shop_of(rng)
    table = faults.shop_days(shop, FIRST, DAYS + 2, ROWS, rng)
    start, end = FIRST + DAYS * DAY, FIRST + (DAYS + 1) * DAY
    known = table.filter(pl.col("ordered") < start)
    reference = build_reference(
        "b" * 64,
        Sample(table=known.select(list(KINDS)), moments=known["ordered"]),
        Sample(table=said_of("binary", PROBLEM.classes, scores(known)), moments=known["ordered"]),
        kinds=KINDS,
    )
    yesterday = table.filter((pl.col("ordered") >= start) & (pl.col("ordered") < end))
    return Live(reference=reference, yesterday=yesterday, today=table.filter(pl.col("ordered") >= end))


def scores(table: pl.DataFrame) -> np.ndarray:
    """Return what a simple model says of rows."""
    drive = 0.02 * table["score"].fill_null(60).to_numpy() - 1.2
    chance = 1 / (1 + np.exp(-drive))
    return np.column_stack([1 - chance, chance])


def watched(scene: Live, table: pl.DataFrame) -> list[tuple[str, str]]:
    """Return what monitoring says of a window: the column and the message of each finding."""
    past = Past()
    said: list[tuple[str, str]] = []
    for day, rows in enumerate((scene.yesterday, table)):
        start = FIRST + (DAYS + day) * DAY
        window = Window(endpoint="shop", bundle="b" * 64, ref="shop@1", start=start, end=start + DAY, rows=rows.height)
        answered = Answered(
            inputs=rows.select(list(KINDS)),
            scores=scores(rows),
            decision=None,
            truth=pl.Series([None] * rows.height, dtype=pl.String),
            moments=rows["ordered"],
        )
        ctx = StageContext(rng=np.random.default_rng(7))
        seen = run(scene.reference, answered, window, PROBLEM, MonitoringOptions(), ctx, past=past, detectors={})
        past = Past(previous=seen.state)
        said = [(each.column or "", f"{each.rule}: {each.message}") for each in seen.health.integrity]
        said += [(each.column, f"drift: {each.message}") for each in seen.health.drift]
    return said


# What may go wrong in a window.

PARTNER = pl.col("source") == "partner"
Plant = Callable[[Live, np.random.Generator], Planted]


def unit(scene: Live, rng: np.random.Generator) -> Planted:
    """Another unit in all rows: cents, grams, inches, kilometres per hour, Fahrenheit."""
    column, factor, offset = [
        ("amount", 100.0, 0.0),
        ("weight", 1000.0, 0.0),
        ("distance", 2.54, 0.0),
        ("wind", 3.6, 0.0),
        ("temperature", 1.8, 32.0),
        ("score", 0.1, 0.0),
    ][int(rng.integers(0, 6))]
    table = faults.in_another_unit(scene.today, column, factor=factor, offset=offset)
    return Planted(table=table, columns=(column,), rules=("unit", "scale"))


def unit_of_one(scene: Live, rng: np.random.Generator) -> Planted:
    """The same from one source, a fifth of the rows."""
    column, factor, offset = [
        ("amount", 100.0, 0.0),
        ("weight", 1000.0, 0.0),
        ("distance", 2.54, 0.0),
        ("temperature", 1.8, 32.0),
        ("wind", 3.6, 0.0),
    ][int(rng.integers(0, 5))]
    table = faults.in_another_unit(scene.today, column, factor=factor, offset=offset, where=PARTNER)
    return Planted(table=table, columns=(column,), where="partner", rules=("unit", "scale"))


def gone(scene: Live, rng: np.random.Generator) -> Planted:
    """30 % of a column's values gone."""
    column = str(rng.choice(["amount", "distance", "score", "kind", "temperature"]))
    return Planted(table=faults.blanked(scene.today, column, share=0.3, rng=rng), columns=(column,))


def gone_in_one(scene: Live, rng: np.random.Generator) -> Planted:
    """60 % of a column's values gone in one source."""
    column = str(rng.choice(["amount", "distance", "score", "kind", "temperature"]))
    table = faults.blanked(scene.today, column, share=0.6, rng=rng, where=PARTNER)
    return Planted(table=table, columns=(column,), where="partner")


def stand_in(scene: Live, rng: np.random.Generator) -> Planted:
    """A number, a date, a word that stands for none, in 8 % of the rows."""
    column, value = [
        ("score", -1.0),
        ("amount", 999.0),
        ("distance", 0.0),
        ("weight", -999.0),
        ("fetched", datetime(1900, 1, 1, tzinfo=UTC)),
        ("kind", "unknown"),
    ][int(rng.integers(0, 6))]
    table = faults.blanked(scene.today, column, share=0.08, rng=rng, stand_in=value)
    return Planted(table=table, columns=(column,))


def twin(scene: Live, rng: np.random.Generator) -> Planted:
    """A known category in another writing, in a part of its rows."""
    level = str(rng.choice(["web", "app"]))
    new = str(rng.choice([level.upper(), f"{level}.", level.capitalize()]))
    table = faults.written_otherwise(scene.today, "source", {level: new}, share=0.4, rng=rng)
    return Planted(table=table, columns=("source",), where=new)


def new_level(scene: Live, rng: np.random.Generator) -> Planted:
    """A new category in about a twelfth of the rows."""
    names = dict.fromkeys(faults.LEVELS["store"], "abroad")
    table = faults.written_otherwise(scene.today, "store", names, share=0.09, rng=rng)
    return Planted(table=table, columns=("store",), where="abroad")


def renamed_level(scene: Live, rng: np.random.Generator) -> Planted:
    """A category that is called otherwise from now on."""
    level = str(rng.choice(faults.LEVELS["kind"]))
    table = faults.written_otherwise(scene.today, "kind", {level: "K17"}, share=1.0, rng=rng)
    return Planted(table=table, columns=("kind",), where="K17")


def new_codes(scene: Live, rng: np.random.Generator) -> Planted:
    """Categories exchanged among each other."""
    column = str(rng.choice(["kind", "store", "source"]))
    return Planted(table=faults.renumbered(scene.today, column, faults.LEVELS[column], rng), columns=(column,))


def zone(scene: Live, rng: np.random.Generator) -> Planted:
    """Times of all rows, or of one source, some hours off."""
    hours = float(rng.choice([-5, -2, 2, 3, 8]))
    where = PARTNER if rng.random() < 0.3 else None
    table = scene.today
    for column in ("ordered", "fetched"):
        table = faults.moved_hours(table, column, hours=hours, where=where)
    named = "partner" if where is not None else ""
    return Planted(table=table, columns=("ordered", "fetched"), where=named, rules=("hours",))


def clock(scene: Live, rng: np.random.Generator) -> Planted:
    """A feed's clock a day ahead, in one source or in all."""
    where = PARTNER if rng.random() < 0.5 else None
    return Planted(table=faults.moved_hours(scene.today, "fetched", hours=24, where=where), columns=("fetched",))


def zone_of_one(scene: Live, rng: np.random.Generator) -> Planted:
    """Times of one source some hours off."""
    hours = float(rng.choice([-8, -5, -3, 3, 5, 8]))
    table = faults.moved_hours(scene.today, "ordered", hours=hours, where=PARTNER)
    return Planted(table=table, columns=("ordered",))


def clock_of_one(scene: Live, _rng: np.random.Generator) -> Planted:
    """The clock of one source a day ahead."""
    return Planted(table=faults.moved_hours(scene.today, "ordered", hours=24, where=PARTNER), columns=("ordered",))


def stopped(scene: Live, rng: np.random.Generator) -> Planted:
    """The feed by the hour stops for three hours, in the busy time of the day."""
    middle = scene.today["ordered"].median()
    assert isinstance(middle, datetime)
    since = middle.replace(minute=0, second=0, microsecond=0) - timedelta(hours=float(rng.integers(0, 3)))
    table = faults.stopped_feed(scene.today, ("temperature", "wind"), "ordered", since, since + timedelta(hours=3))
    return Planted(table=table, columns=("temperature", "wind"), rules=("stale",))


def old_feed(scene: Live, _rng: np.random.Generator) -> Planted:
    """The feed's time stays where it was, for the whole day."""
    last = scene.yesterday["fetched"].max()
    return Planted(table=scene.today.with_columns(pl.lit(last).alias("fetched")), columns=("fetched",))


def again(scene: Live, rng: np.random.Generator) -> Planted:
    """Yesterday's values of one column again, in any order; or all of yesterday."""
    rows = scene.yesterday.sample(fraction=1.0, shuffle=True, seed=int(rng.integers(0, 2**31)))
    moved = rows.with_columns(pl.col("ordered") + DAY, pl.col("fetched"))
    if rng.random() < 0.5:
        return Planted(table=moved, columns=tuple(KINDS))
    fresh = scene.today.sample(rows.height, with_replacement=True, seed=3)
    return Planted(table=fresh.with_columns(rows["amount"]), columns=("amount",))


def exchanged(scene: Live, rng: np.random.Generator) -> Planted:
    """Two columns of numbers under each other's names."""
    pairs = [("amount", "age"), ("weight", "items"), ("score", "age"), ("distance", "items"), ("temperature", "wind")]
    pair = pairs[int(rng.integers(0, len(pairs)))]
    return Planted(table=faults.swapped(scene.today, pair), columns=pair, rules=("swapped",))


def turned(scene: Live, rng: np.random.Generator) -> Planted:
    """A column whose histogram stays, while what it goes together with turns over."""
    column = str(rng.choice(["amount", "weight", "items"]))
    return Planted(table=faults.turned_over(scene.today, column), columns=("amount", "weight", "items"))


def replaced(scene: Live, rng: np.random.Generator) -> Planted:
    """Another quantity of the same type under a column's name."""
    column, value = [("score", "age"), ("age", "items"), ("distance", "amount"), ("items", "distance")][
        int(rng.integers(0, 4))
    ]
    return Planted(table=scene.today.with_columns(scene.today[value].alias(column)), columns=(column,))


WINDOWS: Mapping[str, Mapping[str, Plant]] = {
    "D7": {"another unit": unit, "another unit from one source": unit_of_one},
    "D9": {"30 % gone": gone, "gone in one source": gone_in_one, "a stand-in for missing": stand_in},
    "D10": {
        "a twin": twin,
        "a new category": new_level,
        "a renamed category": renamed_level,
        "codes numbered anew": new_codes,
    },
    "D11": {"hours moved": zone, "a clock a day ahead": clock},
    "D12": {"a feed stops for two periods": stopped, "a feed's time stands still": old_feed, "yesterday again": again},
    "D13": {"two columns swapped": exchanged, "relations turned over": turned, "another quantity": replaced},
}


@dataclass(kw_only=True)
class Line:
    """What came of one fault."""

    detector: str
    fault: str
    found: int = 0
    alarms: int = 0
    seeds: int = 0
    seconds: float = 0.0
    sample: str = ""
    alarm: str = ""

    def take(self, found: bool, message: str, alarm: str, seed: int) -> None:
        """Take in one seed."""
        self.seeds += 1
        self.found += found
        self.alarms += bool(alarm)
        self.sample = self.sample or (message if found else "")
        self.alarm = self.alarm or (f"seed {seed} {alarm}" if alarm else "")

    def keeps(self) -> bool:
        """Whether the rule holds, in proportion."""
        return self.found >= np.floor(FOUND * self.seeds) and self.alarms <= np.ceil(ALARMS * self.seeds)

    def __str__(self) -> str:
        mark = "  " if self.keeps() else "! "
        text = f"{mark}{self.detector:4} {self.fault:34} {self.found:3}/{self.seeds}  alarms {self.alarms:3}"
        text += f"  {1000 * self.seconds / max(self.seeds, 1):7.0f} ms  {self.sample[:230]}"
        return text + (f"\n       alarm: {self.alarm[:200]}" if self.alarm else "")


def windows(only: set[str], seeds: int, *, verbose: bool) -> Iterator[Line]:
    """Plant faults into windows of production, and look at windows without one."""
    lines = {
        (detector, fault): Line(detector=detector, fault=fault)
        for detector, plants in WINDOWS.items()
        for fault in plants
        if not only or detector in only
    }
    if not lines:
        return
    for seed in range(seeds):
        scene = live(seed)
        clean = watched(scene, scene.today)
        for (detector, fault), line in lines.items():
            rng = np.random.default_rng([seed, 2, *fault.encode()])
            planted = WINDOWS[detector][fault](scene, rng)
            began = time.perf_counter()
            said = watched(scene, planted.table)
            line.seconds += time.perf_counter() - began
            right = [text for column, text in said if named(column, text, planted)]
            line.take(bool(right), right[0] if right else "", clean[0][1] if clean else "", seed)
            if verbose and not right:
                print(f"    seed {seed} {fault}: MISSED {planted.columns} {planted.where}: {said[:3]}", flush=True)
    yield from lines.values()


def named(column: str, text: str, planted: Planted) -> bool:
    """Whether a message names what was planted."""
    rule = text.partition(":")[0]
    told = column in planted.columns or (not column and "all " in text)
    return told and planted.where in text and (not planted.rules or rule in planted.rules)


# Before and at training, and in replays: cases with a twin of their own.


@dataclass(frozen=True, kw_only=True)
class Told:
    """One seed of one fault: whether it was found, what was said, and what was said of the clean twin."""

    found: bool
    message: str = ""
    alarm: str = ""


Case = Callable[[int], Told]


def worn_out(seed: int, *, counted: bool = True) -> Told:
    """500 models on random features, each scored on the same 400 sealed rows; the best of them is kept.

    The clean twin: real features, at the third look. ``counted`` False: the counter says two, so that the gap between
    the sealed score and cross-validation alone has to find it.
    """
    rng = np.random.default_rng([seed, 5])
    truth = rng.random(1_600) < 0.4
    best = max((_tiny_model(rng.normal(size=(1_600, 8)), truth) for _ in range(500)), key=lambda each: each[0])
    wear = wear_of("a" * 64, 500 if counted else 2, *(_auc(each, seed) for each in best[1:]))
    real = _tiny_model(rng.normal(size=(1_600, 8)) + 0.35 * truth[:, None], truth)
    clean = wear_of("a" * 64, 3, *(_auc(each, seed) for each in real[1:]))
    named = wear.worn and "a" * 12 in wear.message and "looked at" in wear.message
    return Told(found=named, message=wear.message, alarm=clean.message if clean.worn else "")


def _tiny_model(features: np.ndarray, truth: np.ndarray) -> tuple[float, Outcome, Outcome]:
    """Fit a linear discriminant: its area on the sealed rows, and the outcomes there and in cross-validation."""
    known, folds, out = np.arange(1_200), np.arange(1_200) % 4, np.zeros(1_200)
    for fold in range(4):
        out[folds == fold] = features[:1_200][folds == fold] @ _direction(features, truth, known[folds != fold])
    sealed = features[1_200:] @ _direction(features, truth, known)
    ranks = sealed.argsort().argsort() + 1.0
    inside = truth[1_200:]
    area = (ranks[inside].mean() - (inside.sum() + 1) / 2) / (~inside).sum()
    return float(area), _outcome(sealed, inside), _outcome(out, truth[:1_200])


def _direction(features: np.ndarray, truth: np.ndarray, rows: np.ndarray) -> np.ndarray:
    inside, here = features[rows], truth[rows]
    return np.linalg.solve(np.cov(inside.T), inside[here].mean(axis=0) - inside[~here].mean(axis=0))


def _outcome(score: np.ndarray, truth: np.ndarray) -> Outcome:
    chance = 1 / (1 + np.exp(-score))
    return Outcome(task="binary", truth=truth.astype(np.int64), scores=np.column_stack([1 - chance, chance]))


def _auc(outcome: Outcome, seed: int) -> Estimate:
    return estimate(METRICS["roc_auc"], outcome, rng=np.random.default_rng(seed))


@dataclass(frozen=True, eq=False)
class Otherwise:
    """A fitted transform whose path for single rows does something else to one column."""

    fitted: Fitted
    column: str
    change: Callable[[float], float]

    @property
    def names(self) -> tuple[str, ...]:
        """As they were."""
        return self.fitted.names

    @property
    def categorical(self) -> bool:
        """As it was."""
        return self.fitted.categorical

    def apply(self, table: pl.DataFrame) -> np.ndarray:
        """Return what it makes of a table, as it was."""
        return self.fitted.apply(table)

    def apply_row(self, row: Mapping[str, object]) -> list[float]:
        """Return what it makes of a row: of another value."""
        value = row[self.column]
        changed = self.change(float("nan") if value is None else float(value))  # type: ignore[arg-type]
        return self.fitted.apply_row({**row, self.column: changed})


def skewed(seed: int, *, logged: bool = False) -> Told:
    """One transform differs where single rows are answered: log for log1p, another fill, rounding.

    ``logged``: nothing differs in this process; the log holds what one answered in which it did.
    """
    rng = np.random.default_rng([seed, 6])
    table = faults.shop_days(faults.shop_of(rng), FIRST, 3, 200, rng)
    columns = ("score", "amount", "weight", "items")
    steps = (
        Step(kind="impute", columns=("score",), settings={"strategy": "mean"}),
        Step(kind="power", columns=("amount", "weight"), settings={"method": "log"}),
        Step(kind="passthrough", columns=("items",)),
    )
    view, _ = fit_view(steps, table, None, rng)
    model = _linear(view, columns, rng)
    few = table.filter(pl.col("score").is_null() | (pl.int_range(pl.len()) % 29 == 0)).head(20).select(columns)
    place, column, change = [
        (0, "score", lambda value: 55.0 if np.isnan(value) else value),
        (1, "amount", lambda value: value + 1),
        (1, "weight", lambda value: round(value, 1)),
        (1, "amount", round),
        (2, "items", lambda value: value * 100),
    ][int(rng.integers(0, 5))]
    fitted = tuple(Otherwise(each, column, change) if n == place else each for n, each in enumerate(view.fitted))
    other = _linear(replace(view, fitted=fitted), columns, np.random.default_rng([seed, 6]), model)
    honest = np.concatenate([model.scores_row(row) for row in few.iter_rows(named=True)])
    twin = features_apart(model, few) or scores_apart(model, few, honest)
    if logged:
        answered = np.concatenate([other.scores_row(row) for row in few.iter_rows(named=True)])
        found = scores_apart(model, few, answered)
    else:
        found = features_apart(other, few)
    said = "" if found is None else found.message
    return Told(
        found=found is not None and column in found.columns, message=said, alarm="" if twin is None else twin.message
    )


def _linear(view: FittedView, columns: tuple[str, ...], rng: np.random.Generator, like: Model | None = None) -> Model:
    weights = rng.normal(size=(len(view.names), 1)) + 0.5
    predictor = LinearPredictor(coef=weights, intercept=np.zeros(1), link="identity")
    part = Part(key="linear", view="v", weight=1.0, predictor=predictor if like is None else like.parts[0].predictor)
    fields = tuple(Field(name=name, kind="numeric") for name in columns)
    return Model(
        name="m",
        task="regression",
        target="y",
        classes=(),
        signature=Signature(fields=fields),
        views={"v": view},
        parts=(part,),
    )


def unseeded(seed: int) -> Told:
    """A learner that draws its rows without the seed, beside one that honours it."""
    rng = np.random.default_rng([seed, 24])
    features, truth = rng.normal(size=(200, 4)), rng.random(200) < 0.5

    def files(honest: bool) -> dict[str, bytes]:
        draw = np.random.default_rng(seed) if honest else np.random.default_rng()
        fitted = {"steady": np.random.default_rng(seed), "loose": draw}
        return {
            f"{key}/model": _direction(features, truth, own.permutation(200)[:150]).tobytes()
            for key, own in fitted.items()
        }

    said = list(differing_members(["steady", "loose"], files(False), files(False), files(False)))
    clean = list(differing_members(["steady", "loose"], files(True), files(True), files(True)))
    named = len(said) == 1 and "'loose'" in said[0] and "seed" in said[0]
    return Told(found=named, message=said[0] if said else "", alarm="; ".join(clean))


def other_library(seed: int) -> Told:
    """A library of another version than when the run was made."""
    now = environment()
    name = sorted(now)[seed % len(now)]
    changes = environment_changes({**now, name: "0.0.1"}, now)
    told = [f"{each['name']} {each['before']} became {each['after']}" for each in changes]
    clean = environment_changes(now, environment())
    return Told(found=len(told) == 1 and name in told[0], message="; ".join(told), alarm=str(clean) if clean else "")


def updated_in_place(seed: int) -> Told:
    """A table under the same name: one value changed, a row added, a column of another meaning."""
    rng = np.random.default_rng([seed, 25])
    table = trained_on(seed)
    kind, row = int(rng.integers(0, 3)), int(rng.integers(0, table.height))
    at = pl.int_range(pl.len()) == row
    changed, names = [
        (table.with_columns(pl.when(at).then(pl.col("score").fill_null(50) + 0.5).otherwise(pl.col("score"))), "score"),
        (pl.concat([table, table[row]]), "rows"),
        (table.with_columns(pl.col("wind") * 3.6), "wind"),
    ][kind]
    with tempfile.TemporaryDirectory(prefix="tenfold-detectors-") as folder:
        place = Path(folder)
        before, again, after = (prepared(each, place, seed).record for each in (table, table, changed))
    said, clean = list(changes_between(before, after, "r1")), list(changes_between(before, again, "r1"))
    return Told(found=len(said) == 1 and names in said[0], message=said[0] if said else "", alarm="; ".join(clean))


# Tables to train on.


def trained_on(seed: int) -> pl.DataFrame:
    """Make a table to train on: three weeks of a shop, with an outcome."""
    rng = np.random.default_rng([seed, 3])
    table = faults.shop_days(faults.shop_of(rng), FIRST, 21, 110, rng)
    drive = 0.05 * (table["score"].fill_null(60) - 60).to_numpy() + 0.3 * (table["items"] - 3).to_numpy()
    chance = 1 / (1 + np.exp(-drive))
    return table.with_columns(pl.Series("returned", np.where(rng.random(table.height) < chance, "yes", "no")))


def prepared(table: pl.DataFrame, folder: Path, seed: int) -> Received[Dataset]:
    """Carry a table through the problem and the data stage."""
    import leaks

    table.write_parquet(folder / "source.parquet")
    source = SourceRequest(name="table", location=str(folder / "source.parquet"))
    taken = ingest(IngestOptions(sources=(source,)), workdir=folder / "ingest")
    ctx = StageContext(rng=np.random.default_rng(seed), seed=seed)
    options = ProblemOptions(target="returned", time="ordered", feasibility="off", outlook=False)
    asked = leaks.kept(problem.run(taken.table, taken.fields, options, ctx), folder / "problem")
    return leaks.kept(data.run(asked, taken.table, taken.fields, taken.sources, DataOptions(), ctx), folder / "data")


TRAINED: Mapping[str, Mapping[str, tuple[Plant, tuple[str, ...]]]] = {
    "D7": {"T another unit from one source": (unit_of_one, ("two-units",))},
    "D9": {"T a stand-in for missing": (stand_in, ("stand-in",))},
    "D10": {"T a twin": (twin, ("twins",))},
    "D11": {
        "T hours moved in one source": (zone_of_one, ("hours-shifted",)),
        "T a clock a day ahead": (clock_of_one, ()),
    },
}
ALARMING = frozenset({"two-units", "stand-in", "twins", "hours-shifted", "mixed-types", "ahead"})


def trained(only: set[str], seeds: int, *, verbose: bool) -> Iterator[Line]:
    """Plant faults into tables to train on, and look at tables without one."""
    wanted = [(d, f) for d, plants in TRAINED.items() for f in plants if not only or d in only]
    lines = {key: Line(detector=key[0], fault=key[1]) for key in wanted}
    for seed in range(seeds if lines else 0):
        table = trained_on(seed)
        scene = Live(reference=None, yesterday=table, today=table)  # type: ignore[arg-type]  # no window is looked at
        with tempfile.TemporaryDirectory(prefix="tenfold-detectors-") as folder:
            clean = [x for x in prepared(table, Path(folder), seed).record.findings if x.rule in ALARMING]
        for (detector, fault), line in lines.items():
            plant, rules = TRAINED[detector][fault]
            planted = plant(scene, np.random.default_rng([seed, 2, *fault.encode()]))
            began = time.perf_counter()
            with tempfile.TemporaryDirectory(prefix="tenfold-detectors-") as folder:
                findings = prepared(planted.table, Path(folder), seed).record.findings
            line.seconds += time.perf_counter() - began
            right = [
                x.message
                for x in findings
                if x.column in planted.columns and (x.rule in rules if rules else x.rule in ALARMING)
            ]
            line.take(bool(right), right[0] if right else "", clean[0].message if clean else "", seed)
            if verbose and not right:
                print(f"    seed {seed} {fault}: MISSED {planted.columns}", flush=True)
    yield from lines.values()


def leaking(plant: str) -> Case:
    """Return the case of a leak that `benchmarks/leaks.py` plants; the clean twin is the table without it."""

    def case(seed: int) -> Told:
        import leaks

        rng = np.random.default_rng([seed, list(leaks.PLANTS).index(plant)])
        table = leaks.shop(1_500, rng)
        scene = leaks.PLANTS[plant](table, "returned", rng)
        with tempfile.TemporaryDirectory(prefix="tenfold-detectors-") as folder:
            said = leaks.said_of(scene, Path(folder), seed)
        honest = leaks.Scene(table=table, target="returned", time="ordered")
        with tempfile.TemporaryDirectory(prefix="tenfold-detectors-") as folder:
            clean = leaks.said_of(honest, Path(folder), seed)
        right = [x for x in said if x.rule in scene.rules or (scene.leak and x.column == scene.leak)]
        # Another detector's word about the clean twin is that detector's alarm.
        own = {*scene.rules, *(x.rule for x in right)}
        alarms = [x for x in clean if x.rule in own]
        return Told(
            found=bool(right), message=right[0].message if right else "", alarm=alarms[0].message if alarms else ""
        )

    return case


CASES: Mapping[str, Mapping[str, Case]] = {
    "D1": {"a noisy copy": leaking("noisy copy"), "a post-outcome status": leaking("post-outcome status")},
    "D2": {"later corrections": leaking("timestamps after prediction"), "future": leaking("future aggregate")},
    "D3": {"rows on both sides": leaking("duplicate rows across the split"), "groups": leaking("group on both sides")},
    "D4": {
        "encoded on all rows": leaking("target-encoded on all rows"),
        "fitted on all rows": leaking("plugin fitted on all rows"),
    },
    "D5": {"500 looks": worn_out, "500 looks, by the gap alone": lambda seed: worn_out(seed, counted=False)},
    "D6": {"before first traffic": skewed, "in the live log": lambda seed: skewed(seed, logged=True)},
    "D24": {"a seed not honoured": unseeded, "another library": other_library, "updated in place": updated_in_place},
}


def cases(only: set[str], seeds: int, *, verbose: bool) -> Iterator[Line]:
    """Go through the cases that bring their own twins."""
    for detector, found in CASES.items():
        for fault, case in found.items() if not only or detector in only else ():
            line = Line(detector=detector, fault=fault)
            for seed in range(seeds):
                began = time.perf_counter()
                told = case(seed)
                line.seconds += time.perf_counter() - began
                line.take(told.found, told.message, told.alarm, seed)
                if verbose and not told.found:
                    print(f"    seed {seed} {fault}: MISSED {told.message[:150]}", flush=True)
            yield line


def main() -> int:
    """Plant, look, count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args()
    only = {each for each in given.only.split(",") if each}
    kept = True
    for part in (cases, trained, windows):
        for line in part(only, given.seeds, verbose=given.verbose):
            print(line, flush=True)
            kept &= line.keeps()
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
