"""A store in which something was watched."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import polars as pl

from tenfold.records.health import Health, Incident, IncidentChange, Window
from tenfold.store.monitoring import Delivery, Part, Reading
from tenfold.store.open import Store

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def window(day: int = 0, *, revision: int = 1, rows: int = 3) -> Window:
    start = START + day * DAY
    return Window(
        endpoint="late", bundle="b" * 64, ref="late@1", start=start, end=start + DAY, rows=rows, revision=revision
    )


def incident(day: int = 0) -> Incident:
    start = START + day * DAY
    return Incident(
        id="i1",
        endpoint="late",
        kind="data",
        cause="empty",
        opened=START,
        last=start,
        title="'fare' is missing in every row",
        severity="critical",
    )


def fill_monitoring(store: Store) -> None:
    """Write one row or more into every table of monitoring."""
    buffer = io.BytesIO()
    pl.DataFrame({"id": ["a", "b", "c"]}).write_parquet(buffer)
    blob = store.blobs.put(buffer.getvalue())
    part = Part(endpoint="late", bundle="b" * 64, ref="late@1", start=START, end=START + DAY, rows=3, blob=blob)
    store.windows.keep_rows(Reading(endpoint="late", sequence=1, position={"w-1-1.log": 40}), [part])
    store.windows.keep_reference("b" * 64, 86400.0, b"{}")
    store.labels.append(blob, rows=3, source="labels.csv")
    change = IncidentChange(change="opened", incident=incident())
    store.windows.keep_look(Health(window=window()), parts=1, labels=0, memory=store.blobs.put(b"{}"), changes=[change])
    number = store.incidents.changes()[0].number
    store.deliveries.record(Delivery(change=number, channel="console", status="delivered"))
