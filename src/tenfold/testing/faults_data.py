"""Faults for tables: what goes wrong with data on its way, one function for each, to hold detectors against.

Every function takes a table and gives back another one; none changes its input. `shop_days` makes tables to plant them
in: orders of a shop with a trend, weekdays, seasons, categories, holes, and feeds that are renewed by the hour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """How one made shop behaves; drawn by `shop_of`, the same for all of its days.

    ``temper`` are random phases and sizes; equal shops give equal days for equal generators.
    """

    temper: tuple[float, ...]
    shares: Mapping[str, tuple[float, ...]]


LEVELS: Mapping[str, tuple[str, ...]] = {
    "source": ("web", "app", "partner", "till"),
    "store": ("north", "south", "east", "west", "centre"),
    "kind": ("food", "books", "toys", "tools", "shoes", "games", "plants", "paper"),
}


def shop_of(rng: np.random.Generator) -> Shop:
    """Draw a shop."""
    shares = {name: tuple(rng.dirichlet(np.full(len(levels), 6.0))) for name, levels in LEVELS.items()}
    # The source in which faults are planted holds about a fifth of the rows.
    others = np.array(shares["source"])
    others[2] = 0.2
    others[[0, 1, 3]] *= 0.8 / others[[0, 1, 3]].sum()
    shares["source"] = tuple(others)
    return Shop(temper=tuple(rng.uniform(0, 1, 12)), shares=shares)


def shop_days(shop: Shop, first: datetime, days: int, rows: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return the orders of some days, about ``rows`` each, in the order of time.

    The column ``ordered`` is their time (UTC); ``temperature`` and ``wind`` come from a feed renewed by the hour,
    ``fetched`` is when it was; ``rate`` is renewed once a day and differs from source to source.
    """
    t = shop.temper
    weekday = np.array([(first + timedelta(days=day)).weekday() for day in range(days)])
    sizes = rng.poisson(rows * (1 - 0.25 * t[0] * (weekday >= 5)))
    day = np.repeat(np.arange(days), sizes)
    n = len(day)
    course = np.exp(
        1.2 * np.cos(2 * np.pi * (np.arange(24) - 11 - 6 * t[1]) / 24)
        + 0.6 * np.cos(4 * np.pi * (np.arange(24) - 3 * t[2]) / 24)
    )
    hour = rng.choice(24, n, p=course / course.sum())
    second = day * 86_400.0 + hour * 3_600 + rng.uniform(0, 3_600, n)
    order = np.argsort(second)
    day, second = day[order], second[order]
    origin = (first - datetime(2020, 1, 1, tzinfo=first.tzinfo)).days
    when = origin + second / 86_400
    made: dict[str, np.ndarray] = {
        name: rng.choice(np.array(levels), n, p=np.array(shop.shares[name])) for name, levels in LEVELS.items()
    }
    store_size = np.array([1, 1.15, 0.9, 1.3, 1.0])[[LEVELS["store"].index(each) for each in made["store"]]]
    taste = rng.normal(size=n)
    items = 1 + rng.poisson(2.5 * np.exp(0.3 * taste))
    trend = 1 + 0.0003 * t[3] * (when - origin)
    season = 1 + 0.05 * np.sin(2 * np.pi * (when / 365 + t[4])) + 0.05 * t[5] * (day % 7 >= 5)
    amount = np.round(12 * store_size * trend * season * items * np.exp(rng.normal(0, 0.45, n)), 2)
    weight = np.round(0.4 * items * np.exp(rng.normal(0, 0.35, n)), 3)
    hours = np.floor(second / 3_600).astype(int)
    weather = np.random.default_rng([int(1e9 * t[6]), origin])
    noise = weather.normal(0, 0.5, days * 24 + 1)
    each_hour = np.arange(days * 24 + 1)
    temperature = np.round(
        14
        + 2 * np.sin(2 * np.pi * ((origin + each_hour / 24) / 365 + t[7]))
        + 5 * np.sin(2 * np.pi * (each_hour / 24 - 0.4))
        + noise,
        2,
    )
    wind = np.round(np.abs(weather.normal(4, 2.2, days * 24 + 1)) + 0.05, 2)
    rates = np.random.default_rng([int(1e9 * t[8]), origin]).normal(1.0, 0.03, (days, 4))
    whose = np.array([LEVELS["source"].index(each) for each in made["source"]])
    late = rng.uniform(60, 240, n)
    frame = pl.DataFrame(
        {
            "ordered": _times(first, second),
            **made,
            "amount": amount,
            "items": items.astype(np.float64),
            "weight": weight,
            "distance": np.round(rng.gamma(6, 1.2, n) * np.exp(0.15 * taste), 2),
            "age": np.clip(np.round(42 + 11 * rng.normal(size=n) + 3 * taste), 18, 90),
            "score": np.round(rng.normal(60, 9, n) + 4 * taste, 1),
            "temperature": temperature[hours],
            "wind": wind[hours],
            "rate": np.round(rates[day, whose], 4),
            "paid": rng.random(n) < 0.7,
            "fetched": _times(first, hours * 3_600.0 - late),
        }
    )
    holes = {"score": 0.04, "distance": 0.08, "kind": 0.02}
    return frame.with_columns(
        pl.when(pl.Series(rng.random(n) < share)).then(None).otherwise(pl.col(name)).alias(name)
        for name, share in holes.items()
    )


def in_another_unit(
    table: pl.DataFrame, column: str, *, factor: float, offset: float = 0.0, where: pl.Expr | None = None
) -> pl.DataFrame:
    """Return the table with a column times ``factor`` plus ``offset``: in all rows, or where an expression holds."""
    return _changed(table, column, pl.col(column) * factor + offset, where)


def blanked(
    table: pl.DataFrame,
    column: str,
    *,
    share: float,
    rng: np.random.Generator,
    stand_in: object = None,
    where: pl.Expr | None = None,
) -> pl.DataFrame:
    """Return the table with a share of a column's values gone, or replaced by one that stands for none."""
    chosen = pl.Series(rng.random(table.height) < share)
    condition = pl.lit(chosen) if where is None else pl.lit(chosen) & where
    return _changed(table, column, pl.lit(stand_in), condition)


def written_otherwise(
    table: pl.DataFrame, column: str, names: Mapping[str, str], *, share: float, rng: np.random.Generator
) -> pl.DataFrame:
    """Return the table with levels under other names in a share of the rows: a twin, a new code, another country."""
    chosen = pl.Series(rng.random(table.height) < share)
    return _changed(table, column, pl.col(column).replace(dict(names)), pl.lit(chosen))


def renumbered(table: pl.DataFrame, column: str, levels: Sequence[str], rng: np.random.Generator) -> pl.DataFrame:
    """Return the table with the levels of a column exchanged among each other, none keeping its name."""
    order = list(rng.permutation(len(levels)))
    names = {levels[order[place]]: levels[order[place - 1]] for place in range(len(levels))}
    return table.with_columns(pl.col(column).replace(names))


def moved_hours(table: pl.DataFrame, column: str, *, hours: float, where: pl.Expr | None = None) -> pl.DataFrame:
    """Return the table with times moved by some hours, as by another zone or a wrong clock; days stay as they are.

    Moves of whole days go through; of fewer hours the time wraps around, since rows of other days arrive likewise.
    """
    times = pl.col(column)
    moved = times + timedelta(hours=hours)
    if abs(hours) < 24:
        moved = times.dt.truncate("1d") + (moved - moved.dt.truncate("1d"))
    return _changed(table, column, moved, where)


def stopped_feed(
    table: pl.DataFrame, columns: Sequence[str], moment: str, since: datetime, until: datetime
) -> pl.DataFrame:
    """Return the table with columns that keep, from one moment to another, the value that they had before it."""
    inside = (pl.col(moment) >= since) & (pl.col(moment) < until)
    held = [
        pl.when(inside).then(pl.col(name).filter(pl.col(moment) < since).last()).otherwise(pl.col(name)).alias(name)
        for name in columns
    ]
    return table.with_columns(held)


def swapped(table: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Return the table with columns under each other's names, each under the next one's."""
    following = [*columns[1:], columns[0]]
    return table.with_columns(table[new].alias(name) for name, new in zip(columns, following, strict=True))


def turned_over(table: pl.DataFrame, column: str) -> pl.DataFrame:
    """Return the table with a column's values in the opposite order: its histogram stays, its relations turn over."""
    values = table[column]
    places = values.rank("ordinal").cast(pl.Int64)
    known = values.drop_nulls().sort(descending=True)
    back = pl.DataFrame({"place": places}).join(
        pl.DataFrame({"place": pl.int_range(1, len(known) + 1, eager=True), "value": known}),
        on="place",
        how="left",
        maintain_order="left",
    )["value"]
    return table.with_columns(back.alias(column))


def _changed(table: pl.DataFrame, column: str, value: pl.Expr, where: pl.Expr | None) -> pl.DataFrame:
    made = value if where is None else pl.when(where).then(value).otherwise(pl.col(column))
    return table.with_columns(made.cast(table.schema[column]).alias(column))


def _times(first: datetime, seconds: np.ndarray) -> pl.Series:
    start = int(first.timestamp() * 1_000_000)
    values = pl.Series((start + seconds * 1_000_000).astype(np.int64))
    return values.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
