"""How far the data can go: known errors against the ceiling, and the rows that were needed against the rows foretold.

    python benchmarks/feasibility.py [--data DATA] [--seeds 20] [--only NAME,…] [--part ceiling|rows] [--verbose]

*Ceiling.* Tables are made whose least possible error is known: by a rule whose answers are turned with a known chance,
by clouds of points, or by the noise of a number. Each shape, at 200, 1,000 and 5,000 rows, goes through the problem
stage as `tenfold check` carries it; the interval of the ceiling has to hold the known error in 18 of 20 seeds.

*Rows needed.* What is foretold is from how many training rows on the best of the quick models reaches a level, where
it is trained on rows drawn by chance. That is also what is measured, on the whole table: the quick models are trained
on more and more rows, several times with other rows, and measured on rows they never saw; the curve of the best is
read where it stands at 100, 300, 1,000 and 3,000 rows. Each of these four levels is then asked of samples of 200 rows,
where the curve still falls by 1.5 % between rows / 1.6 and rows * 1.6: on a plain no number of rows belongs to a level.
A range is right when it holds the rows at which the level was set; `enough` when these are at most the rows of the
sample; `out of reach` is wrong, as the level was reached; `cannot say` is neither. Of each table and level at least
8 in 10 have to be right or unsaid.

Printed beside it: how often the sample named a range at all, and how wide these are (the median of high over low).
Exit code 1 when one line misses its bar.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist, median

import numpy as np
import polars as pl

from tenfold.foundation.context import StageContext
from tenfold.measures.metrics import metric_called
from tenfold.measures.outcome import Outcome
from tenfold.records.dataset import Field
from tenfold.records.problem import Bound, LearningCurve, Requirement, Task
from tenfold.stages.problem.curve import METRIC, estimate_curve
from tenfold.stages.problem.encode import encode
from tenfold.stages.problem.learning import grow, train_quick
from tenfold.stages.problem.options import ProblemOptions
from tenfold.stages.problem.probes import Course
from tenfold.stages.problem.run import run
from tenfold.stages.problem.sample import Sample

BAYES = 0.10
ROWS = (200, 1_000, 5_000)
REACHED_AT = (100, 300, 1_000, 3_000)
SAMPLE = 200
_MEASURED = 2_000
_TRAINED = (60, 100, 170, 300, 550, 1_000, 1_700, 3_000, 5_000)
_SMALLEST = 1_600
_AROUND, _FALLING = 1.6, 0.985


# Shapes whose least possible error is known.


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A made table and the least error that any model of its columns can have."""

    table: pl.DataFrame
    least: float


def _framed(values: np.ndarray, target: np.ndarray, **columns: np.ndarray) -> pl.DataFrame:
    numbers = {f"x{place}": values[:, place] for place in range(values.shape[1])}
    written = target if target.dtype == np.float64 else target.astype(str)
    return pl.DataFrame({**numbers, **columns, "y": written})


def _direction(rng: np.random.Generator, width: int) -> np.ndarray:
    found = rng.normal(size=width)
    return found / np.linalg.norm(found)


def clouds(rng: np.random.Generator, rows: int, *, noise: int = 0) -> Shape:
    """Two normal clouds, and columns of noise beside them."""
    truth = rng.integers(0, 2, rows)
    values = rng.normal(size=(rows, 5)) + np.outer(2 * truth - 1, _direction(rng, 5)) * NormalDist().inv_cdf(1 - BAYES)
    return Shape(table=_framed(np.column_stack([values, rng.normal(size=(rows, noise))]), truth), least=BAYES)


def wide(rng: np.random.Generator, rows: int) -> Shape:
    """The same among 60 columns of noise."""
    return clouds(rng, rows, noise=60)


def rare(rng: np.random.Generator, rows: int) -> Shape:
    """Two clouds, one of them a tenth of the rows."""
    share, apart = 0.1, 2.0
    truth = (rng.random(rows) < share).astype(np.int64)
    values = rng.normal(size=(rows, 5)) + np.outer(truth, _direction(rng, 5)) * apart
    cut = apart / 2 + math.log((1 - share) / share) / apart
    least = share * NormalDist().cdf(cut - apart) + (1 - share) * (1 - NormalDist().cdf(cut))
    return Shape(table=_framed(values, truth), least=least)


def crossed(rng: np.random.Generator, rows: int) -> Shape:
    """The sign of a product, a tenth of the labels turned."""
    values = rng.normal(size=(rows, 6))
    truth = (values[:, 0] * values[:, 1] > 0) ^ (rng.random(rows) < BAYES)
    return Shape(table=_framed(values, truth.astype(np.int64)), least=BAYES)


def boxes(rng: np.random.Generator, rows: int) -> Shape:
    """Boxes such as a tree cuts, a tenth of the labels turned."""
    values = rng.uniform(size=(rows, 6))
    inside = ((values[:, 0] > 0.5) & (values[:, 1] > 0.4)) | (values[:, 2] > 0.8)
    return Shape(table=_framed(values, (inside ^ (rng.random(rows) < BAYES)).astype(np.int64)), least=BAYES)


def circle(rng: np.random.Generator, rows: int) -> Shape:
    """A circle in two columns of four, with a tenth of the labels turned."""
    values = rng.normal(size=(rows, 4))
    inside = (values[:, :2] ** 2).sum(axis=1) < 1.4
    return Shape(table=_framed(values, (inside ^ (rng.random(rows) < BAYES)).astype(np.int64)), least=BAYES)


def levels(rng: np.random.Generator, rows: int) -> Shape:
    """Two columns of text with a dozen levels each; every pair of them has its own answer."""
    left, right = rng.integers(0, 12, rows), rng.integers(0, 4, rows)
    answer = np.random.default_rng(99).integers(0, 2, (12, 4))[left, right].astype(bool)
    truth = (answer ^ (rng.random(rows) < BAYES)).astype(np.int64)
    names = {"shop": np.char.add("s", left.astype(str)), "kind": np.char.add("k", right.astype(str))}
    return Shape(table=_framed(rng.normal(size=(rows, 2)), truth, **names), least=BAYES)


def several(rng: np.random.Generator, rows: int) -> Shape:
    """Four classes by the greatest of four lines; a tenth of the rows gets another class."""
    values = rng.normal(size=(rows, 6))
    truth = (values @ np.random.default_rng(98).normal(size=(6, 4))).argmax(axis=1)
    turned = rng.random(rows) < BAYES
    truth = np.where(turned, (truth + rng.integers(1, 4, rows)) % 4, truth)
    return Shape(table=_framed(values, truth), least=BAYES)


def line_noise(rng: np.random.Generator, rows: int) -> Shape:
    """A line and noise."""
    values = rng.normal(size=(rows, 5))
    return Shape(table=_framed(values, values @ _direction(rng, 5) * 2 + rng.normal(0, 0.7, rows)), least=0.7)


def friedman(rng: np.random.Generator, rows: int) -> Shape:
    """Friedman's (1991) first function, noise and three columns that mean nothing."""
    values = rng.uniform(size=(rows, 8))
    clean = 10 * np.sin(np.pi * values[:, 0] * values[:, 1]) + 20 * (values[:, 2] - 0.5) ** 2
    clean += 10 * values[:, 3] + 5 * values[:, 4]
    return Shape(table=_framed(values, clean + rng.normal(0, 1.0, rows)), least=1.0)


def pure_noise(rng: np.random.Generator, rows: int) -> Shape:
    """Nothing to learn: half of all answers are wrong."""
    return Shape(table=_framed(rng.normal(size=(rows, 6)), rng.integers(0, 2, rows)), least=0.5)


SHAPES: Mapping[str, Callable[[np.random.Generator, int], Shape]] = {
    "clouds": clouds,
    "wide": wide,
    "rare": rare,
    "crossed": crossed,
    "boxes": boxes,
    "circle": circle,
    "levels": levels,
    "several": several,
    "line": line_noise,
    "friedman": friedman,
    "noise": pure_noise,
}


def _fields(table: pl.DataFrame) -> tuple[Field, ...]:
    return tuple(
        Field(name=name, kind="numeric" if kind.is_numeric() else "boolean" if kind == pl.Boolean else "categorical")
        for name, kind in table.schema.items()
    )


def ceiling_lines(seeds: int, only: frozenset[str], folder: Path) -> bool:
    """Print for each shape and size how often the interval holds the known error; return whether all keep the bar."""
    print(f"{'shape':<10} {'rows':>6} {'least':>7} {'held':>7} {'median interval':>20} {'seconds':>8}")
    kept = True
    for name, make in SHAPES.items():
        if only and name not in only:
            continue
        for rows in ROWS:
            held, lows, highs, began, least = 0, [], [], time.perf_counter(), 0.0
            for seed in range(seeds):
                shape = make(np.random.default_rng([seed, rows]), rows)
                path = folder / "shape.parquet"
                shape.table.write_parquet(path)
                ctx = StageContext(rng=np.random.default_rng(seed), seed=seed)
                asked = ProblemOptions(target="y", outlook=True)
                found = run(path, _fields(shape.table), asked, ctx).record.feasibility
                assert found is not None
                assert found.ceiling is not None
                least = shape.least
                held += found.ceiling.low <= least <= found.ceiling.high
                lows.append(found.ceiling.low)
                highs.append(found.ceiling.high)
            good = held >= math.floor(0.9 * seeds)
            kept &= good
            each = (time.perf_counter() - began) / seeds
            bounds = f"{median(lows):.3f} to {median(highs):.3f}"
            print(
                f"{name:<10} {rows:>6} {least:>7.3f} {held:>4}/{seeds} {bounds:>20} {each:>8.2f}"
                f"{'' if good else '  MISSED'}",
                flush=True,
            )
    return kept


# Tables on which the rows that are needed can be measured.


def _adult(data: Path) -> tuple[pl.DataFrame, str]:
    table = pl.read_csv(data / "adult/adult.data.csv.gz", has_header=False, null_values=["?", " ?"])
    table = table.with_columns(pl.col(pl.String).str.strip_chars().replace("?", None))
    return table, table.columns[-1]


def _california(data: Path) -> tuple[pl.DataFrame, str]:
    return pl.read_csv(data / "california_housing.csv.gz"), "median_house_value"


def _parquet(name: str, target: str) -> Callable[[Path], tuple[pl.DataFrame, str]]:
    return lambda data: (pl.read_parquet(data / name), target)


def _made(make: Callable[[np.random.Generator, int], Shape]) -> Callable[[Path], tuple[pl.DataFrame, str]]:
    return lambda _: (make(np.random.default_rng(7), 8_000).table, "y")


TABLES: Mapping[str, Callable[[Path], tuple[pl.DataFrame, str]]] = {
    "adult": _adult,
    "california": _california,
    "segment": _parquet("segment.parquet", "category"),
    "abalone": _parquet("abalone.parquet", "Rings"),
    "kr_vs_kp": _parquet("kr_vs_kp.parquet", "class"),
    "elec2": _parquet("elec2_stream.parquet", "class"),
    "caravan": _parquet("caravan_coil2000.parquet", "Purchase"),
}
MADE: Mapping[str, Callable[[Path], tuple[pl.DataFrame, str]]] = {
    "made-boxes": _made(boxes),
    "made-several": _made(several),
    "made-friedman": _made(friedman),
}


@dataclass(frozen=True, kw_only=True)
class Source:
    """A whole table from which samples are drawn."""

    task: Task
    target: str
    table: pl.DataFrame
    truth: np.ndarray
    classes: tuple[str, ...]
    features: tuple[Field, ...]

    def drawn(self, rows: np.ndarray) -> Sample:
        """Return the sample of these rows."""
        return Sample(
            task=self.task,
            target=self.target,
            table=self.table[rows],
            features=self.features,
            truth=self.truth[rows],
            classes=self.classes,
        )


def read_source(name: str, data: Path | None) -> Source:
    """Return a table by its name."""
    table, target = (MADE[name] if name in MADE else TABLES[name])(data or Path())
    # What is written as a category or a decimal elsewhere comes as text and as a float to the stage.
    texts = [column for column, kind in table.schema.items() if isinstance(kind, pl.Categorical | pl.Enum)]
    table = table.with_columns(pl.col(texts).cast(pl.String)).filter(pl.col(target).is_not_null())
    answers = table[target]
    classes: tuple[str, ...] = ()
    if not answers.dtype.is_numeric() or answers.n_unique() <= 10:
        classes = tuple(sorted(answers.cast(pl.String).unique().to_list()))
        codes = {each: code for code, each in enumerate(classes)}
        truth = answers.cast(pl.String).replace_strict(codes, return_dtype=pl.Int64).to_numpy()
    else:
        truth = answers.to_numpy().astype(np.float64)
    features = tuple(known for known in _fields(table) if known.name != target)
    task: Task = "regression" if not classes else "binary" if len(classes) == 2 else "multiclass"
    return Source(task=task, target=target, table=table, truth=truth, classes=classes, features=features)


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The curve of the best quick model, measured on the whole table: rows, and the value of the metric."""

    rows: np.ndarray
    losses: np.ndarray

    def loss_at(self, rows: float) -> float:
        """Return the loss at a number of rows, between the measured ones on logarithms."""
        return float(np.exp(np.interp(math.log(rows), np.log(self.rows), np.log(self.losses))))

    def falls_at(self, rows: float) -> bool:
        """Whether the loss still falls there; where it does not, no number of rows belongs to a level."""
        return self.loss_at(rows * _AROUND) < _FALLING * self.loss_at(rows / _AROUND)


def measure_truth(source: Source, repeats: int = 6) -> Truth:
    """Train the quick models on more and more rows, several times, and measure them on rows they never saw."""
    metric = metric_called(METRIC[source.task])
    room = len(source.truth) - min(_MEASURED, len(source.truth) // 3)
    sizes = [size for size in _TRAINED if size <= room]
    means = []
    for size in sizes:
        losses = []
        for repeat in range(repeats if size > _SMALLEST else 3 * repeats):
            order = np.random.default_rng([repeat, 5]).permutation(len(source.truth))[: size + _MEASURED]
            sample = source.drawn(order)
            course = Course(folds=((np.arange(size), np.arange(size, len(order))),))
            said = train_quick(sample, encode(sample), course, seed=1)
            truth = sample.truth[course.rows]
            values = [metric.compute(Outcome(task=source.task, truth=truth, scores=one.scores)) for one in said]
            losses.append([1.0 - value if source.task == "binary" else value for value in values])
        means.append(np.mean(losses, axis=0).min())
    # With more rows the best does not get worse; where it seems so, it is chance.
    return Truth(rows=np.array(sizes, dtype=np.float64), losses=np.minimum.accumulate(np.array(means)))


def judged(curve: LearningCurve, rows: int) -> str:
    """Return ``right``, ``wrong`` or ``unsaid``."""
    if curve.says == "cannot say":
        return "unsaid"
    if curve.says == "enough":
        return "right" if rows <= SAMPLE else "wrong"
    if curve.rows_low is None or curve.rows_high is None:
        return "wrong"
    return "right" if curve.rows_low <= rows <= curve.rows_high else "wrong"


def rows_lines(data: Path | None, seeds: int, only: frozenset[str], *, verbose: bool) -> bool:
    """Print for each table and level how often the range holds the rows; return whether all keep the bar."""
    print(
        f"{'table':<14} {'reached at':>10} {'level':>9} {'right':>6} {'wrong':>6} {'unsaid':>7} {'ranges':>7}"
        f" {'width':>7} {'seconds':>8}"
    )
    kept = True
    for name in (*(TABLES if data is not None else ()), *MADE):
        if only and name not in only:
            continue
        source = read_source(name, data)
        truth = measure_truth(source)
        metric = METRIC[source.task]
        told: dict[int, list[LearningCurve]] = {
            rows: [] for rows in REACHED_AT if rows * _AROUND <= truth.rows[-1] and truth.falls_at(rows)
        }
        began = time.perf_counter()
        for seed in range(seeds):
            rng = np.random.default_rng([seed, 40])
            sample = source.drawn(np.sort(rng.choice(len(source.truth), SAMPLE, replace=False)))
            said = grow(sample, encode(sample), seed=seed, rng=rng)
            assert said is not None
            for rows, curves in told.items():
                loss = truth.loss_at(rows)
                level = 1.0 - loss if metric == "roc_auc" else loss
                asked = Requirement(
                    id="asked",
                    metric=metric,
                    direction=">=" if metric == "roc_auc" else "<=",
                    bound=Bound(offset=level),
                    text="",
                )
                curves.append(estimate_curve(sample, said, (asked,), 0.5))
        each = (time.perf_counter() - began) / seeds
        for rows, curves in told.items():
            tally = Counter(judged(curve, rows) for curve in curves)
            ranges = [curve for curve in curves if curve.says == "range"]
            widths = [
                curve.rows_high / max(curve.rows_low, 1) for curve in ranges if curve.rows_low and curve.rows_high
            ]
            good = tally["wrong"] <= math.ceil(0.2 * seeds)
            kept &= good
            print(
                f"{name:<14} {rows:>10} {curves[0].level:>9.4g} {tally['right']:>6} {tally['wrong']:>6}"
                f" {tally['unsaid']:>7} {len(ranges):>7} {median(widths) if widths else math.nan:>7.1f} {each:>8.2f}"
                f"{'' if good else '  MISSED'}",
                flush=True,
            )
            if verbose:
                for curve in curves:
                    print(f"    {curve.says}: {curve.rows_low} to {curve.rows_high}; {curve.reason}")
    return kept


def main() -> int:
    """Measure both parts and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with the raw tables")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", default="", help="shapes or tables, by name")
    parser.add_argument("--part", choices=("ceiling", "rows"))
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args()
    only = frozenset(given.only.split(",")) - {""}
    kept = True
    if given.part != "rows":
        with tempfile.TemporaryDirectory() as folder:
            kept &= ceiling_lines(given.seeds, only, Path(folder))
    if given.part != "ceiling":
        kept &= rows_lines(given.data, given.seeds, only, verbose=given.verbose)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
