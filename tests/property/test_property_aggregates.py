"""Laws of aggregating what was known: as slow Python says, whatever the order, and nothing later has any effect."""

from __future__ import annotations

import math
import random
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenfold.connectors.aggregates.plan import Aggregate, Window
from tenfold.connectors.point_in_time import join_as_known
from tenfold.connectors.request import SourceRequest
from tenfold.connectors.timed import Joined, PointInTimeJoin, Timed
from tenfold.records.dataset import Field

SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
# Across the hour that the clock in Berlin showed twice.
EPOCH = datetime(2026, 10, 25, 0, 0, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
MOMENT = pl.Datetime("us", "UTC")
KEYS = st.sampled_from(["a", "ß", "\U0001f9ea\u200d", "a\u0301", None])
HOURS = st.integers(0, 9)
AMOUNTS = st.sampled_from([None, 0.0, -1.5, 2.25, 0.1, 1e9, 3.3])
STATES = st.sampled_from([None, "late", "paid", "Ünicode \u202e"])
WINDOWS = (Window(name="3h", seconds=10_800.0), Window(name="all", seconds=None), Window(name="1h", seconds=3600.0))
NUMBERS = ("count", "sum", "mean", "min", "max", "std", "median", "first", "last", "nunique", "mode")
WORDS = ("count", "nunique", "mode", "share", "share of late", "first", "last")
ASKED = Aggregate(
    columns={"amount": NUMBERS, "state": WORDS, "open": ("share", "mode"), "ends": ("max",)},
    rows=("count", "since_first", "since_last"),
    windows=WINDOWS,
    most=1000,
)


@dataclass(frozen=True)
class Event:
    key: str | None
    happened: int | None
    known: int | None
    ends: int | None = None
    amount: float | None = None
    state: str | None = None
    open: bool | None = None
    name: str | None = None


FEW = st.lists(
    st.builds(
        Event,
        key=KEYS,
        happened=HOURS | st.none(),
        known=HOURS | st.none(),
        ends=HOURS | st.none(),
        amount=AMOUNTS,
        state=STATES,
        open=st.booleans() | st.none(),
        name=st.sampled_from(["x", "y", None]),
    ),
    max_size=14,
)


def crowded(seed: int) -> list[Event]:
    """Return many events of few keys and hours, so that ties, borders and corrections meet."""
    rng = random.Random(seed)
    return [
        Event(
            key=rng.choice(["ß", "ß", "ß", "a\u0301", None]),
            happened=rng.choice([*range(6), None]) if rng.random() < 0.3 else rng.randrange(6),
            known=rng.choice([*range(7), None]) if rng.random() < 0.3 else rng.randrange(7),
            ends=rng.choice([*range(7), None, None]),
            amount=rng.choice([None, 0.0, -1.5, 2.25, 0.1, 1e9, 3.3]),
            state=rng.choice([None, "late", "late", "paid", "Ünicode \u202e"]),
            open=rng.choice([True, False, None]),
            name=rng.choice(["x", "y", "z", None]),
        )
        for _ in range(rng.randrange(6, 18))
    ]


# Lists shrink to what can be read; the crowded ones find more.
EVENTS = st.one_of(st.integers(0, 10**9).map(crowded), FEW)
Base = Sequence[tuple[str | None, int | None]]
ASKS = [("ß", at) for at in range(7)] + [("a\u0301", 3), ("unseen", 4), (None, 4), ("ß", None)]
BASE = st.lists(st.sampled_from(ASKS), min_size=3, max_size=8)

FIELDS = (
    Field(name="key", kind="categorical"),
    *(Field(name=name, kind="datetime") for name in ("happened", "known", "ends")),
    Field(name="amount", kind="numeric"),
    Field(name="state", kind="categorical"),
    Field(name="open", kind="boolean"),
    Field(name="name", kind="categorical"),
)
SCHEMA = {
    "key": pl.String, "happened": MOMENT, "known": MOMENT, "ends": MOMENT, "amount": pl.Float64, "state": pl.String,
    "open": pl.Boolean, "name": pl.String,
}  # fmt: skip


def hour(number: int | None) -> datetime | None:
    return None if number is None else EPOCH + timedelta(hours=number)


def made(
    base: Base, events: Sequence[Event], asked: Aggregate, *, inner: Sequence[Event] | None = None, **request: object
) -> pl.DataFrame:
    """Return the features, one row for each row of the base."""
    left = pl.DataFrame([(key, hour(at)) for key, at in base], schema={"key": pl.String, "at": MOMENT}, orient="row")
    tables = {"events": events} | ({} if inner is None else {"parts": inner})
    asks = {"parts": Joined(on={"name": "name"}, aggregate=INNER)} if inner is not None else {}
    with tempfile.TemporaryDirectory() as folder:
        left.write_parquet(Path(folder, "left.parquet"))
        timed = {
            "base": Timed(
                path=Path(folder, "left.parquet"),
                fields=(Field(name="key", kind="categorical"), Field(name="at", kind="datetime")),
                request=SourceRequest(name="base", location=""),
            )
        }
        for name, rows in tables.items():
            path = Path(folder, f"{name}.parquet")
            written = [
                (each.key, hour(each.happened), hour(each.known), hour(each.ends), each.amount, each.state, each.open,
                 each.name)
                for each in rows
            ]  # fmt: skip
            pl.DataFrame(written, schema=SCHEMA, orient="row").write_parquet(path)
            timed[name] = Timed(
                path=path,
                fields=FIELDS,
                request=SourceRequest(name=name, location="", **request),  # type: ignore[arg-type]
            )
        join = PointInTimeJoin(
            base="base", at="at", sources={"events": Joined(on={"key": "key"}, aggregate=asked, sources=asks)}
        )
        into = Path(folder, "joined.parquet")
        join_as_known(timed, join, into)
        rows = pl.read_parquet(into)
    assert rows.select("key", "at").equals(left)
    return rows.drop("key", "at")


def told_at(event: Event) -> int | None:
    """Return when an event counts from: what was told before it happened counts when it has happened."""
    return None if event.happened is None or event.known is None else max(event.happened, event.known)


def counting(events: Sequence[Event], key: str | None, at: int, *, ends: bool, named: bool) -> list[Event]:
    """Return the events that count at a moment, in the order in which they happened."""
    told = [replace(event, known=told_at(event)) for event in events if told_at(event) is not None]
    before = [event for event in told if event.happened < at and event.known < at]  # type: ignore[operator]
    if named:
        before = [
            event
            for event in before
            if event.name is None
            or event is max((other for other in before if other.name == event.name), key=lambda each: each.known or 0)
        ]
    found = [
        event for event in before if event.key == key and not (ends and event.ends is not None and event.ends < at)
    ]
    return sorted(found, key=lambda event: (event.happened or 0, event.known or 0))


def by_looking(rows: Sequence[Event], column: str, function: str) -> object:
    """Return a function of a column by plain Python."""
    held = [(event.happened, event.known, getattr(event, column)) for event in rows]
    values = [value for _, _, value in held if value is not None]
    if function == "count":
        return float(len(values))
    if function == "nunique":
        return float(len(set(values)))
    if not values or (function == "std" and len(values) < 2):
        return None
    present = [(happened, known, value) for happened, known, value in held if value is not None]
    plain = {
        "sum": math.fsum,
        "mean": lambda numbers: math.fsum(numbers) / len(numbers),
        "min": min,
        "max": max,
        "std": statistics.stdev,
        "median": statistics.median,
        "first": lambda _: min(present)[2],
        "last": lambda _: max(present)[2],
        "mode": lambda every: min(every, key=lambda value: (-every.count(value), value)),
    }
    if function in plain:
        return plain[function](values)
    if column == "open":
        return sum(values) / len(values)
    if function == "share":
        return max(values.count(value) for value in values) / len(values)
    return values.count(function.removeprefix("share of ")) / len(values)


def expected(
    base: Base, events: Sequence[Event], *, gap: int = 0, ends: bool = False, named: bool = False
) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for key, at in base:
        for window, hours in (("3h", 3), ("all", 99), ("1h", 1)):
            asks = key is not None and at is not None
            moment = -1 if at is None else at
            rows = counting(events, key, moment, ends=ends, named=named) if asks else []
            rows = [event for event in rows if moment - gap - hours <= (event.happened or 0) < moment - gap]
            whole = {
                "count": float(len(rows)),
                "since_first": 3600.0 * (moment - (rows[0].happened or 0)) if rows else None,
                "since_last": 3600.0 * (moment - (rows[-1].happened or 0)) if rows else None,
            }
            for function, value in whole.items():
                found.setdefault(f"events_{function}_{window}", []).append(value if asks else None)
            for column, functions in (ASKED.columns or {}).items():
                for function in functions:
                    value = by_looking(rows, column, function)
                    if column == "ends":
                        value = hour(value)  # type: ignore[arg-type]
                    name = f"events_{column}_{function.replace(' of ', '_')}_{window}"
                    found.setdefault(name, []).append(value if asks else None)
    return found


def agree(found: pl.DataFrame, wanted: dict[str, list[object]]) -> None:
    assert set(found.columns) == set(wanted)
    for name, values in wanted.items():
        for one, other in zip(found[name].to_list(), values, strict=True):
            if isinstance(other, float) and one is not None:
                assert math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9 if "std" not in name else 1e-5), name
            else:
                assert one == other, name


INNER = Aggregate(
    columns={"amount": ("sum", "last"), "state": ("mode",)}, windows=(Window(name="2h", seconds=7200.0),), most=1000
)
TIMES = {"time": "happened", "available_at": "known"}


@SLOW
@given(BASE, EVENTS, st.integers(0, 2))
def test_aggregates_are_what_slow_python_finds(base: Base, events: list[Event], gap: int) -> None:
    found = made(base, events, replace(ASKED, gap_seconds=3600.0 * gap), **TIMES)
    agree(found, expected(base, events, gap=gap))


@SLOW
@given(BASE, EVENTS)
def test_a_row_counts_only_until_it_ends(base: Base, events: list[Event]) -> None:
    found = made(base, events, ASKED, valid_from="happened", available_at="known", valid_to="ends")
    agree(found, expected(base, events, ends=True))


@SLOW
@given(BASE, EVENTS)
def test_a_correction_takes_the_place_of_what_it_corrects_when_it_becomes_known(
    base: Base, events: list[Event]
) -> None:
    # Of two that become known at once none is the later one: no case of this law.
    events = list(
        {(event.name, told_at(event)) if event.name else place: event for place, event in enumerate(events)}.values()
    )
    found = made(base, events, replace(ASKED, id="name"), **TIMES)
    agree(found, expected(base, events, named=True))


@SLOW
@given(BASE, EVENTS, st.integers(0, 5))
def test_a_fixed_delay_counts_like_a_moment_of_becoming_known(base: Base, events: list[Event], delay: int) -> None:
    delayed = [replace(event, known=None if event.happened is None else event.happened + delay) for event in events]
    found = made(base, events, ASKED, time="happened", available_seconds=3600.0 * delay)
    assert found.equals(made(base, delayed, ASKED, **TIMES))


@SLOW
@given(BASE, EVENTS, EVENTS, HOURS, st.data())
def test_rows_at_or_after_the_moment_or_not_yet_known_change_no_bit(
    base: Base, events: list[Event], parts: list[Event], cutoff: int, data: st.DataObject
) -> None:
    asked = [(key, at) for key, at in base if at is not None and at <= cutoff] or [("a", cutoff)]
    deep = replace(ASKED, columns={**(ASKED.columns or {}), "parts_amount_sum_2h": ("mean",)}, id="name")

    def is_late(event: Event) -> bool:
        return event.happened is None or event.known is None or max(event.happened, event.known) >= cutoff

    def changed(rows: list[Event]) -> list[Event]:
        """Remove some of the late rows, alter others, add more, and shuffle all."""
        late = [row for row in rows if is_late(row) and data.draw(st.booleans())]
        altered = [replace(row, key=data.draw(KEYS), amount=data.draw(AMOUNTS), name="x") for row in late]
        more = [row for row in data.draw(EVENTS) if is_late(row)]
        return data.draw(st.permutations([row for row in rows if not is_late(row)] + altered + more))

    before = made(asked, events, deep, inner=parts, **TIMES)
    assert made(asked, changed(events), deep, inner=changed(parts), **TIMES).equals(before)


@SLOW
@given(BASE, EVENTS, EVENTS)
def test_what_lies_two_deep_is_looked_at_from_the_same_moment(
    base: Base, events: list[Event], parts: list[Event]
) -> None:
    asked = Aggregate(columns={"parts_amount_sum_2h": ("sum",), "parts_state_mode_2h": ("nunique",)}, most=1000)
    found = made(base, events, asked, inner=parts, **TIMES)
    for (key, at), row in zip(base, found.iter_rows(named=True), strict=True):
        if key is None or at is None:
            assert set(row.values()) == {None}
            continue
        sums, modes = [], []
        for event in counting(events, key, at, ends=False, named=False):
            own = [replace(part, key=part.name) for part in parts if event.name is not None]
            inside = [
                part
                for part in counting(own, event.name, at, ends=False, named=False)
                if at - 2 <= (part.happened or 0)
            ]
            sums.append(by_looking(inside, "amount", "sum"))
            modes.append(by_looking(inside, "state", "mode"))
        held = [value for value in sums if isinstance(value, float)]
        total = row["events_parts_amount_sum_2h_sum_all"]
        assert total is None if not held else math.isclose(total, math.fsum(held), rel_tol=1e-9, abs_tol=1e-6)
        assert row["events_parts_state_mode_2h_nunique_all"] == len({mode for mode in modes if mode is not None})


@SLOW
@given(BASE, EVENTS, st.integers(1, 60))
def test_however_many_columns_are_asked_for_no_more_than_allowed_are_made(
    base: Base, events: list[Event], most: int
) -> None:
    found = made(base, events, replace(ASKED, columns=None, most=most), **TIMES)
    every = made(base, events, replace(ASKED, columns=None), **TIMES)
    assert found.columns == every.columns[:most]
    assert found.equals(every.select(found.columns))


@SLOW
@given(st.integers(0, 10**9), st.randoms(use_true_random=False))
def test_the_order_in_which_rows_lie_changes_no_bit(seed: int, rng: random.Random) -> None:
    events = [replace(event, key="ß", amount=rng.choice([0.1, 0.7, 1e9, -3.3])) for event in crowded(seed)]
    shuffled = rng.sample(events, k=len(events))
    asked = replace(ASKED, id="name")
    assert made(ASKS, shuffled, asked, **TIMES).equals(made(ASKS, events, asked, **TIMES))
