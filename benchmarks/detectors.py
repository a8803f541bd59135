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
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from tenfold.foundation.context import StageContext
from tenfold.measures.states.column import Kind
from tenfold.records.health import Window
from tenfold.records.problem import MetricChoice, Problem
from tenfold.stages.monitoring.integrity import Past
from tenfold.stages.monitoring.options import MonitoringOptions
from tenfold.stages.monitoring.reference import Reference, Sample, build_reference, said_of
from tenfold.stages.monitoring.rows import Answered
from tenfold.stages.monitoring.run import run
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
    new = str(rng.choice([level.upper(), f"{level} ", level.capitalize()]))
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
            line.seeds += 1
            line.alarms += bool(clean)
            line.alarm = line.alarm or (f"seed {seed} {clean[0][1]}" if clean else "")
            right = [text for column, text in said if named(column, text, planted)]
            line.found += bool(right)
            line.sample = line.sample or (right[0] if right else "")
            if verbose and not right:
                print(f"    seed {seed} {fault}: MISSED {planted.columns} {planted.where}: {said[:3]}", flush=True)
    yield from lines.values()


def named(column: str, text: str, planted: Planted) -> bool:
    """Whether a message names what was planted."""
    rule = text.partition(":")[0]
    told = column in planted.columns or (not column and "all " in text)
    return told and planted.where in text and (not planted.rules or rule in planted.rules)


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
    for part in (windows,):
        for line in part(only, given.seeds, verbose=given.verbose):
            print(line, flush=True)
            kept &= line.keeps()
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
