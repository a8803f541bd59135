"""Laws of joining what was known: nothing that happens or becomes known at the moment or later has any effect."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenfold.connectors.point_in_time import join_as_known
from tenfold.connectors.request import SourceRequest
from tenfold.connectors.timed import Joined, PointInTimeJoin, Timed
from tenfold.records.dataset import Field

SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = st.integers(0, 9)
KEYS = st.sampled_from(["a", "b", None])
BASE = st.lists(st.tuples(KEYS, HOURS | st.none()), min_size=1, max_size=8)
EVENTS = st.lists(st.tuples(KEYS, HOURS | st.none(), HOURS | st.none(), HOURS | st.none()), max_size=14)
Base = list[tuple[str | None, int | None]]
Events = list[tuple[str | None, int | None, int | None, int | None]]

BASE_FIELDS = (Field(name="key", kind="categorical"), Field(name="at", kind="datetime"))
EVENT_FIELDS = (
    Field(name="key", kind="categorical"),
    *(Field(name=name, kind="datetime") for name in ("happened", "known", "ends")),
    Field(name="value", kind="numeric"),
)


def hour(number: int | None) -> datetime | None:
    return None if number is None else EPOCH + timedelta(hours=number)


def joined(base: Base, events: Events, values: list[float] | None = None, **request: object) -> list[float | None]:
    """Return the values that join, one for each row of the base."""
    moment = pl.Datetime("us", "UTC")
    values = [float(at) for at in range(len(events))] if values is None else values
    left = pl.DataFrame([(key, hour(at)) for key, at in base], schema={"key": pl.String, "at": moment}, orient="row")
    right = pl.DataFrame(
        [(row[0], *map(hour, row[1:]), value) for row, value in zip(events, values, strict=True)],
        schema={"key": pl.String, "happened": moment, "known": moment, "ends": moment, "value": pl.Float64},
        orient="row",
    )
    oldest = request.pop("oldest", None)
    with tempfile.TemporaryDirectory() as folder:
        left.write_parquet(Path(folder, "left.parquet"))
        right.write_parquet(Path(folder, "right.parquet"))
        tables = {
            "base": Timed(
                path=Path(folder, "left.parquet"), fields=BASE_FIELDS, request=SourceRequest(name="base", location="")
            ),
            "events": Timed(
                path=Path(folder, "right.parquet"),
                fields=EVENT_FIELDS,
                request=SourceRequest(name="events", location="", **request),  # type: ignore[arg-type]
            ),
        }
        join = PointInTimeJoin(
            base="base",
            at="at",
            sources={"events": Joined(on={"key": "key"}, columns=("value",), oldest_seconds=oldest)},  # type: ignore[arg-type]
        )
        join_as_known(tables, join, Path(folder, "joined.parquet"))
        made = pl.read_parquet(Path(folder, "joined.parquet"))
    assert made.select("key", "at").equals(left)
    return made["value"].to_list()


def by_looking(base: Base, events: Events, *, ends: bool) -> list[float | None]:
    """Return the same by looking at every pair."""
    found: list[float | None] = []
    for key, at in base:
        best: tuple[tuple[int, int, int], float] | None = None
        for row, (own, happened, known, end) in enumerate(events):
            if key is None or own != key or at is None or happened is None or known is None:
                continue
            if happened >= at or known >= at or (ends and end is not None and end < at):
                continue
            rank = (happened, known, row)
            if best is None or rank > best[0]:
                best = (rank, float(row))
        found.append(None if best is None else best[1])
    return found


@SLOW
@given(BASE, EVENTS)
def test_the_row_that_joins_is_the_last_that_happened_of_those_known_before(base: Base, events: Events) -> None:
    assert joined(base, events, time="happened", available_at="known") == by_looking(base, events, ends=False)


@SLOW
@given(BASE, EVENTS)
def test_a_row_joins_only_between_where_it_begins_and_where_it_ends(base: Base, events: Events) -> None:
    found = joined(base, events, valid_from="happened", available_at="known", valid_to="ends")
    assert found == by_looking(base, events, ends=True)


@SLOW
@given(BASE, EVENTS, HOURS, st.data())
def test_rows_at_or_after_the_moment_or_not_yet_known_change_nothing(
    base: Base, events: Events, cutoff: int, data: st.DataObject
) -> None:
    asked = [(key, at) for key, at in base if at is not None and at <= cutoff] or [("a", cutoff)]
    late = [row for row in events if row[1] is None or row[2] is None or max(row[1], row[2]) >= cutoff]
    early = [row for row in events if row not in late]
    values = [float(at) for at in range(len(early))]
    without = joined(asked, early, values, time="happened", available_at="known")
    changed = [-float(data.draw(HOURS)) - 1 for _ in late]
    order = data.draw(st.permutations(range(len(early) + len(late))))
    # Rows of one moment are told apart by their place, so those that count keep theirs among each other.
    counting = iter(range(len(early)))
    places = [next(counting) if at < len(early) else at for at in order]
    rows = [(early + late)[at] for at in places]
    mixed = [(values + changed)[at] for at in places]
    assert joined(asked, rows, mixed, time="happened", available_at="known") == without


@SLOW
@given(BASE, EVENTS, st.integers(0, 5))
def test_a_fixed_delay_is_a_moment_of_its_own_in_which_a_row_becomes_known(
    base: Base, events: Events, delay: int
) -> None:
    delayed = [
        (key, happened, None if happened is None else happened + delay, ends) for key, happened, _, ends in events
    ]
    found = joined(base, events, time="happened", available_seconds=3600.0 * delay)
    assert found == by_looking(base, delayed, ends=False)


@SLOW
@given(BASE, EVENTS, st.integers(1, 4))
def test_what_happened_too_long_ago_does_not_join(base: Base, events: Events, oldest: int) -> None:
    found = joined(base, events, time="happened", available_at="known", oldest=3600.0 * oldest)
    for (_, at), value, last in zip(base, found, by_looking(base, events, ends=False), strict=True):
        happened = None if last is None else events[int(last)][1]
        assert value == (last if happened is not None and at is not None and at - happened <= oldest else None)
