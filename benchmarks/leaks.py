"""Twelve kinds of leaks planted into tables, twenty times each; and the tables as they are.

    python benchmarks/leaks.py [--data DATA] [--seeds 20] [--rows 3000] [--only copy,future] [--verbose]

DATA is a folder with the raw tables named below; each seed takes one of them, and where a leak needs customers and
times, or there is no DATA, a made table of customers who buy again and again. A table with its leak is written as
Parquet and goes through the stages before training, as `tenfold check` carries it. A leak counts as found when a
finding names its column, or for rows that repeat and for orders, its rule.

Printed: for each leak how often it was found and how often it blocked; for each table as it is, what was found there.
Exit code 1 when one leak was missed more than once, or a table as it is was blocked.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from tenfold.bundle.transforms.protocols import State, Transform
from tenfold.connectors.ingest import IngestOptions, ingest
from tenfold.connectors.read import SourceRequest
from tenfold.foundation.context import Received, StageContext, StageResult
from tenfold.records.features import Step
from tenfold.stages.data import run as data
from tenfold.stages.data.options import ColumnOptions, DataOptions
from tenfold.stages.features import run as features
from tenfold.stages.features.linting.linter import lint_transforms
from tenfold.stages.features.options import FeatureOptions
from tenfold.stages.problem import run as problem
from tenfold.stages.problem.options import ProblemOptions
from tenfold.stages.validation import run as validation
from tenfold.stages.validation.options import ValidationOptions

ADULT = [f"column_{number}" for number in range(1, 15)] + ["income"]
WORDS = ("late", "parcel", "box", "colour", "size", "fine", "blue", "fast", "caller", "again", "gift", "week", "paper")
TABLES: Mapping[str, tuple[str, str]] = {
    "adult": ("adult/adult.data.csv.gz", "income"),
    "california_housing": ("california_housing.csv.gz", "median_house_value"),
    "segment": ("segment.parquet", "category"),
    "abalone": ("abalone.parquet", "Rings"),
    "kr_vs_kp": ("kr_vs_kp.parquet", "class"),
    "elec2": ("elec2_stream.parquet", "class"),
}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A table, what is asked of it, and the column that leaks."""

    table: pl.DataFrame
    target: str
    leak: str = ""
    rules: tuple[str, ...] = ()
    time: str | None = None
    columns: Mapping[str, ColumnOptions] = field(default_factory=dict)
    transform: Transform | None = None


@dataclass(frozen=True, kw_only=True)
class Said:
    """One thing that was said of a scene."""

    column: str
    rule: str
    blocks: bool
    message: str


def raw(name: str, folder: Path) -> pl.DataFrame:
    """Read a table as a person would who knows it."""
    path = folder / TABLES[name][0]
    if path.suffix == ".parquet":
        return pl.read_parquet(path)
    if name == "adult":
        return pl.read_csv(path, has_header=False, new_columns=ADULT, null_values=["?", " ?"])
    return pl.read_csv(path, null_values=["NA"])


def shop(rows: int, rng: np.random.Generator) -> pl.DataFrame:
    """Make purchases of customers over a year: amounts, channels, notes, and whether one was returned."""
    customers = max(rows // 8, 20)
    who = rng.integers(0, customers, rows)
    taste, habit = rng.normal(size=customers), rng.normal(size=customers)
    amount = np.round(np.exp(3 + 0.5 * taste[who] + rng.normal(scale=0.6, size=rows)), 2)
    start = datetime(2023, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    times = [start + timedelta(minutes=float(each)) for each in np.sort(rng.uniform(0, 525_600, rows))]
    items = rng.poisson(2, rows) + 1
    chance = 1 / (1 + np.exp(-(0.9 * habit[who] + 0.4 * (items - 3) - 0.8)))
    words = np.array(WORDS)
    notes = [" ".join(rng.choice(words, int(count))) for count in rng.integers(4, 12, rows)]
    return pl.DataFrame(
        {
            "customer_id": [f"C{each:05d}" for each in who],
            "ordered": times,
            "amount": amount,
            "items": items,
            "age": np.round(40 + 12 * taste[who] + rng.normal(scale=4, size=rows)).clip(18, 90).astype(int),
            "channel": rng.choice(["web", "shop", "phone"], rows, p=[0.6, 0.3, 0.1]),
            "city": [f"city {each}" for each in who % 40],
            "note": notes,
            "returned": np.where(rng.random(rows) < chance, "yes", "no"),
        }
    )


def outcome(table: pl.DataFrame, target: str) -> np.ndarray:
    """Return the target as numbers: itself, or a class's place."""
    column = table[target]
    if column.dtype.is_numeric():
        return column.cast(pl.Float64).to_numpy()
    return column.rank("dense").cast(pl.Float64).to_numpy()


def _number(table: pl.DataFrame, target: str) -> bool:
    return table[target].dtype.is_numeric() and table[target].n_unique() > 20


def copied(table: pl.DataFrame, target: str, rng: np.random.Generator) -> Scene:
    """The target under another name, as other words, or in another unit."""
    values = table[target]
    if _number(table, target):
        made = values.cast(pl.Float64) * float(rng.choice([1.0, 0.001, 1.8])) + float(rng.choice([0.0, 32.0]))
    else:
        made = "k" + values.rank("dense").cast(pl.Int64).cast(pl.String)
    return Scene(table=table.with_columns(made.alias("code_b")), target=target, leak="code_b")


def noisy(table: pl.DataFrame, target: str, rng: np.random.Generator) -> Scene:
    """The target with 2 to 5 % of the classes wrong, or with noise of 2 to 5 % of its deviation."""
    level, size = float(rng.uniform(0.02, 0.05)), table.height
    if _number(table, target):
        truth = outcome(table, target)
        made = pl.Series("code_b", truth + rng.normal(scale=level * truth.std(), size=size))
    else:
        mixed = table[target].gather(rng.permutation(size))
        made = pl.select(pl.when(pl.Series(rng.random(size) < level)).then(mixed).otherwise(table[target])).to_series()
    return Scene(table=table.with_columns(made.alias("code_b")), target=target, leak="code_b")


def status(table: pl.DataFrame, target: str, rng: np.random.Generator) -> Scene:
    """A state that the outcome brings about: a word, or a field filled only then; 3 % of it wrong."""
    truth, size = outcome(table, target), table.height
    happened = truth > np.quantile(truth, 0.6) if len(np.unique(truth)) > 2 else truth == truth.max()
    seen = np.where(rng.random(size) < 0.03, ~happened, happened)
    if rng.random() < 0.5 and not _number(table, target):
        made = np.where(seen, rng.choice(["refunded", "claimed"], size), rng.choice(["open", "new", "sent"], size))
        return Scene(table=table.with_columns(pl.Series("status", made)), target=target, leak="status")
    filled = happened if len(np.unique(truth)) <= 2 else truth == truth.max()
    if not 0.02 <= filled.mean() <= 0.98:
        # A number without a frequent value: what is written is how much it came to.
        bands = np.searchsorted(np.quantile(truth, np.linspace(0.02, 0.98, 40)), truth)
        made = [f"band {each}" for each in bands]
        return Scene(table=table.with_columns(pl.Series("status", made)), target=target, leak="status")
    dates = pl.Series(
        "status", [f"2024-{1 + each % 12:02d}-{1 + each % 28:02d}" for each in rng.integers(0, 336, size)]
    )
    made = pl.select(pl.when(pl.Series(filled)).then(dates).otherwise(None)).to_series()
    return Scene(table=table.with_columns(made.alias("status")), target=target, leak="status")


def id_order(table: pl.DataFrame, target: str, rng: np.random.Generator) -> Scene:
    """Numbers given along the outcome, with noise; the rows shuffled, or left in that order."""
    truth = outcome(table, target)
    place = np.argsort(np.argsort(truth + rng.normal(scale=0.3 * truth.std(), size=len(truth))))
    name = str(rng.choice(["id", "case_no", "ticket", "serial"]))
    order = np.argsort(place) if rng.random() < 0.5 else rng.permutation(len(truth))
    made = table.with_columns(pl.Series(name, 10_000 + place))[order]
    return Scene(table=made, target=target, leak=name)


def future(table: pl.DataFrame, target: str, rng: np.random.Generator) -> Scene:
    """What a customer comes to over the whole year, what comes next, or a window ahead; by a purchase's time."""
    source = str(rng.choice(["amount", "items", target]))
    column = pl.col(source) if source != target else (pl.col(target) == "yes").cast(pl.Float64)
    kind = int(rng.integers(0, 5))
    by = "customer_id"
    made = [
        column.mean().over(by),
        column.sum().over(by),
        column.shift(-1).over(by).fill_null(0),
        (column.cum_sum(reverse=True) - column).over(by),
        column.rolling_mean(3, center=True, min_samples=1).over(by),
    ][kind]
    built = table.with_columns(made.cast(pl.Float64).alias("customer_level"))
    return Scene(table=built[rng.permutation(table.height)], target=target, leak="customer_level", time="ordered")


def encoded(table: pl.DataFrame, target: str, rng: np.random.Generator) -> Scene:
    """A category as its mean target over all rows: plain, shrunken, rounded or scaled; the category dropped or kept."""
    truth = outcome(table, target)
    if not _number(table, target):
        truth = (truth == truth.max()).astype(float)
    levels = rng.integers(0, int(rng.choice([12, 60, 200])), table.height)
    frame = pl.DataFrame({"level": levels, "y": truth})
    mean, count = pl.col("y").mean().over("level"), pl.len().over("level")
    smooth = float(rng.choice([0.0, 5.0, 20.0]))
    made = frame.select((mean * count + smooth * truth.mean()) / (count + smooth)).to_series()
    kind = int(rng.integers(0, 3))
    if kind == 1:
        made = made.round(6 if abs(float(truth.std())) < 10 else 2)
    if kind == 2:
        made = (made - made.mean()) / made.std()
    built = table.with_columns(made.alias("area_score"))
    if rng.random() < 0.5:
        built = built.with_columns(pl.Series("area", [f"a{each}" for each in levels]))
    return Scene(table=built, target=target, leak="area_score")


@dataclass(frozen=True, eq=False)
class _Scaler:
    """A scaler that keeps what it saw of everything."""

    step: Step
    centre: float
    spread: float
    categorical: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The column it makes."""
        return self.step.columns

    def apply(self, table: pl.DataFrame) -> np.ndarray:
        """Return the column."""
        values = table[self.step.columns[0]].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        return ((values - self.centre) / self.spread)[:, None]

    def apply_row(self, row: Mapping[str, object]) -> list[float]:
        """Return the same for one row."""
        return [(float(row[self.step.columns[0]]) - self.centre) / self.spread]  # type: ignore[arg-type]

    def state(self) -> State:
        """Return centre and spread."""
        return State(facts={"centre": self.centre, "spread": self.spread})


def plugin(table: pl.DataFrame, target: str, rng: np.random.Generator) -> Scene:
    """A transform from elsewhere that read the whole table before it was asked; or its work done beforehand."""
    wanted = [
        name
        for name in table.columns
        if table[name].dtype.is_float() and name != target and table[name].n_unique() > 40
    ]
    if not wanted:
        table = table.with_columns(pl.Series("weight_kg", rng.gamma(4, 3, table.height)))
        wanted = ["weight_kg"]
    name = str(rng.choice(wanted))
    known = table[name].drop_nulls().drop_nans()
    centre, spread = float(known.mean()), float(known.std())  # type: ignore[arg-type]
    if rng.random() < 0.5:
        return Scene(table=table.with_columns((pl.col(name) - centre) / spread), target=target, leak=name)
    transform = Transform(
        fit=lambda step, _table, _target, _rng: _Scaler(step, centre, spread),
        restore=lambda step, state: _Scaler(step, **state.facts),
    )
    return Scene(table=table, target=target, leak=name, transform=transform)


def group(table: pl.DataFrame, target: str, rng: np.random.Generator) -> Scene:
    """The same customers on both sides of a shuffled split; their outcomes are alike."""
    name = str(rng.choice(["customer_id", "patient", "device"]))
    truth = outcome(table, target)
    order = np.argsort(truth + rng.normal(scale=0.5 * truth.std(), size=len(truth)))
    size = int(rng.choice([4, 8, 15]))
    who = np.empty(len(truth), dtype=int)
    who[order] = np.arange(len(truth)) // size
    numbers = rng.permutation(who.max() + 1)[who]
    made = pl.Series(name, [f"P{each:05d}" for each in numbers]) if rng.random() < 0.5 else pl.Series(name, numbers)
    return Scene(table=table.drop(name, strict=False).with_columns(made), target=target, leak=name)


def duplicated(table: pl.DataFrame, target: str, rng: np.random.Generator) -> Scene:
    """5 % of the rows once more, half of them with their numbers moved by up to half a per cent of their deviation."""
    rows = rng.permutation(table.height)[: max(table.height // 20, 10)]
    again = table[rows]
    moved = [
        name
        for name in table.columns
        if table[name].dtype.is_float() and name != target and table[name].n_unique() > 50
    ]
    half = np.arange(len(rows)) < len(rows) // 2
    for name in moved:
        jitter = rng.normal(scale=0.005 * float(table[name].std() or 0.0), size=len(rows))  # type: ignore[arg-type]
        again = again.with_columns(pl.col(name) + pl.Series(np.where(half, jitter, 0.0)))
    both = pl.concat([table, again])[rng.permutation(table.height + len(rows))]
    return Scene(table=both, target=target, rules=("duplicates", "near-duplicates"))


def moments(table: pl.DataFrame, target: str, rng: np.random.Generator) -> Scene:
    """When a record was last written, after the prediction in a part of the rows."""
    late = rng.exponential(float(rng.choice([3600.0, 86_400.0, 864_000.0])), table.height)
    late = np.where(rng.random(table.height) < rng.uniform(0.2, 1.0), late, -late)
    moment = (table["ordered"].cast(pl.Datetime("us")).cast(pl.Int64) + pl.Series(late * 1e6).cast(pl.Int64)).cast(
        pl.Datetime("us")
    )
    name = str(rng.choice(["updated_at", "closed", "last_seen"]))
    return Scene(table=table.with_columns(moment.alias(name)), target=target, leak=name, time="ordered")


def file_name(table: pl.DataFrame, target: str, rng: np.random.Generator) -> Scene:
    """The name of the file that a row came from, in which the class, or its code, stands."""
    truth = outcome(table, target)
    if _number(table, target):
        truth = (truth > np.median(truth)).astype(float)
        table = table.with_columns(pl.Series(target, np.where(truth > 0, "high", "low")))
    classes = np.unique(truth)
    codes = {value: f"{'abcdefghijklmnop'[place]}{place}x" for place, value in enumerate(classes)}
    word = (lambda row: codes[truth[row]]) if rng.random() < 0.5 else (lambda row: str(table[target][row]))
    form = str(rng.choice(["scans/{0}/img_{1:05d}.png", "{0}_{1:06d}.csv", "batch-{1:05d}-{0}.json"]))
    numbers = rng.permutation(table.height)
    made = [form.format(word(row), numbers[row]) for row in range(table.height)]
    return Scene(table=table.with_columns(pl.Series("source_file", made)), target=target, leak="source_file")


def free_text(table: pl.DataFrame, target: str, rng: np.random.Generator) -> Scene:
    """Notes in which the outcome is written in a part of the rows."""
    truth = outcome(table, target)
    if _number(table, target):
        truth = (truth > np.median(truth)).astype(float)
        table = table.with_columns(pl.Series(target, np.where(truth > 0, "high", "low")))
    words = np.array(WORDS)
    share = float(rng.choice([0.4, 0.7, 1.0]))
    form = str(rng.choice(["outcome: {}", "closed as {}", "[label={}]"]))
    made = []
    for row in range(table.height):
        text = " ".join(rng.choice(words, int(rng.integers(5, 15))))
        made.append(f"{text} {form.format(table[target][row])}." if rng.random() < share else text + ".")
    return Scene(table=table.with_columns(pl.Series("remarks", made)), target=target, leak="remarks")


Plant = Callable[[pl.DataFrame, str, np.random.Generator], Scene]
PLANTS: Mapping[str, Plant] = {
    "copied target": copied,
    "noisy copy": noisy,
    "post-outcome status": status,
    "id order": id_order,
    "future aggregate": future,
    "target-encoded on all rows": encoded,
    "plugin fitted on all rows": plugin,
    "group on both sides": group,
    "duplicate rows across the split": duplicated,
    "timestamps after prediction": moments,
    "proxy by file name": file_name,
    "label in free text": free_text,
}
_NEED_CUSTOMERS = frozenset({"future aggregate", "timestamps after prediction"})


def said_of(scene: Scene, folder: Path, seed: int) -> list[Said]:
    """Carry a scene through the stages before training, and return what was said."""
    scene.table.write_parquet(folder / "source.parquet")
    source = SourceRequest(name="table", location=str(folder / "source.parquet"))
    taken = ingest(IngestOptions(sources=(source,)), workdir=folder / "ingest")

    def ctx() -> StageContext:
        return StageContext(rng=np.random.default_rng(seed), seed=seed)

    asked = kept(
        problem.run(taken.table, taken.fields, ProblemOptions(target=scene.target, time=scene.time), ctx()),
        folder / "problem",
    )
    found = asked.record.feasibility
    said = [Said(column=x.column, rule=x.kind, blocks=x.severity == "block", message=x.reason) for x in found.leaks]
    options = DataOptions(columns=scene.columns)
    known = kept(data.run(asked, taken.table, taken.fields, taken.sources, options, ctx()), folder / "data")
    said += [
        Said(column=x.column or "", rule=x.rule, blocks=x.severity == "critical", message=x.message)
        for x in known.record.findings
        if x.rule in {"duplicates", "near-duplicates"}
    ]
    split = kept(validation.run(asked, known, ValidationOptions(), ctx()), folder / "validation")
    if not any(each.blocks for each in said):
        plan = features.run(asked, known, split, FeatureOptions(), ctx()).record
        said += [
            Said(column=x.column, rule=x.kind, blocks=x.severity == "block", message=x.reason)
            for x in plan.leak_details
        ]
    if scene.transform is not None:
        steps = [(Step(kind="scaler-from-elsewhere", columns=(scene.leak,)), scene.transform)]
        said += [
            Said(column=x.column, rule=x.kind, blocks=x.severity == "block", message=x.reason)
            for x in lint_transforms(steps, asked.record, known, split)
        ]
    return said


def kept(result: StageResult, folder: Path) -> Received:
    """Write a stage's payload, and hand it on."""
    paths = {}
    for name, content in result.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.read_bytes() if isinstance(content, Path) else content)
        paths[name] = path
    return Received(record=result.record, files=paths)


def scene_of(name: str, given: argparse.Namespace, seed: int) -> Scene:
    """Return a table with the leak, by the seed."""
    rng = np.random.default_rng([seed, list(PLANTS).index(name)])
    if given.data is None or name in _NEED_CUSTOMERS or seed % 7 == 6:
        return PLANTS[name](shop(given.rows, rng), "returned", rng)
    table = list(TABLES)[seed % 7 % len(TABLES)]
    frame = raw(table, given.data)
    # Neighbours in the file stay neighbours: a stretch of it, as a person would cut it.
    frame = frame if frame.height <= given.rows else frame.sample(given.rows, seed=seed)
    return PLANTS[name](frame, TABLES[table][1], rng)


def main() -> int:
    """Plant, look, count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--only", default="")
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args()
    failed = False
    for name in PLANTS:
        if given.only and not any(part in name for part in given.only.split(",")):
            continue
        hits = blocks = other = 0
        began = time.monotonic()
        for seed in range(given.seeds):
            scene = scene_of(name, given, seed)
            with tempfile.TemporaryDirectory(prefix="tenfold-leaks-") as folder:
                said = said_of(scene, Path(folder), seed)
            right = [x for x in said if x.rule in scene.rules or (scene.leak and x.column == scene.leak)]
            hits += bool(right)
            blocks += any(each.blocks for each in right)
            other += any(each.blocks and each not in right for each in said)
            if given.verbose or not right:
                word = "found" if right else "MISSED"
                print(f"    seed {seed}: {word} {scene.leak}: {(right or said)[:2]}", flush=True)
        seconds = (time.monotonic() - began) / given.seeds
        failed |= given.seeds - hits > 1
        print(
            f"{name:32} found {hits:2}/{given.seeds}  blocked {blocks:2}  others {other:2}  {seconds:.1f} s each",
            flush=True,
        )
    for name in TABLES if (given.data is not None and not given.only) or "clean" in given.only else ():
        scene = Scene(table=raw(name, given.data), target=TABLES[name][1])
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="tenfold-leaks-") as folder:
            said = said_of(scene, Path(folder), 7)
        stopped = [each for each in said if each.blocks]
        failed |= bool(stopped)
        print(
            f"{name:34} blocked {len(stopped)}  told {len(said) - len(stopped)}  {time.monotonic() - began:.1f} s",
            flush=True,
        )
        for each in said:
            print(f"    {'BLOCKED ' if each.blocks else ''}{each.rule}: {each.message[:150]}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
