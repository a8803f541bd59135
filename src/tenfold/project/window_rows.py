"""Rows of production: from the prediction log into windows, and beside them what came of them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from tenfold.records.problem import Problem
from tenfold.stages.monitoring.cut import Cutting
from tenfold.stages.monitoring.rows import Answered
from tenfold.store.monitoring import LabelBatch, Part
from tenfold.store.open import Store
from tenfold.store.predictions.reader import Position, read_predictions

_INPUT, _SCORE = "input:", "score:"
OWN = frozenset({"id", "at", "recorded", "ref", "bundle", "replay", "decision", "assigned", "reasons", "imputed"})
_MOMENT = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cut:
    """Rows of one version that fall into one window: ``id``, ``moment``, ``decision``, scores and inputs."""

    bundle: str
    ref: str
    start: datetime
    end: datetime
    rows: pl.DataFrame

    def kept(self, store: Store, *, endpoint: str) -> Part:
        """Put the rows into the store."""
        return Part(
            endpoint=endpoint,
            bundle=self.bundle,
            ref=self.ref,
            start=self.start,
            end=self.end,
            rows=self.rows.height,
            blob=store.blobs.put(_parquet(self.rows)),
        )


def cut(rows: pl.DataFrame, problem: Problem, inputs: Sequence[str], cutting: Cutting) -> tuple[Cut, ...]:
    """Cut logged rows of one version into windows of event time.

    A row belongs to the window of its time column where the problem has one and the row has a value, else to that of
    the moment at which it was predicted.

    Parameters
    ----------
    inputs : sequence of str
        The columns that the version reads, as it calls them.
    """
    outputs = [f"proba_{name}" for name in problem.classes] or ["score"]
    logged = {name: f"input_{name}" if name in {*OWN, *outputs} else name for name in inputs}
    present = {name: column for name, column in logged.items() if column in rows.columns}
    moments = rows["at"].cast(_MOMENT)
    if problem.time in present and rows.schema[present[problem.time]].is_temporal():
        moments = rows.select(pl.coalesce(pl.col(present[problem.time]).cast(_MOMENT), pl.col("at"))).to_series()
    starts, ends = cutting.windows(moments)
    table = pl.DataFrame(
        [
            rows["id"],
            moments.alias("moment"),
            rows["decision"],
            *(rows[name].alias(f"{_SCORE}{name}") for name in outputs),
            *(rows[column].alias(f"{_INPUT}{name}") for name, column in present.items()),
            starts.alias("start"),
            ends.alias("end"),
        ]
    )
    cuts = []
    for (start, end), inside in table.group_by("start", "end", maintain_order=True):
        assert isinstance(start, datetime)
        assert isinstance(end, datetime)
        own = inside.drop("start", "end")
        cuts.append(Cut(bundle=rows["bundle"][0], ref=rows["ref"][0], start=start, end=end, rows=own))
    return tuple(sorted(cuts, key=lambda each: each.start))


def rows_of(parts: Sequence[Part], store: Store) -> pl.DataFrame:
    """Return the rows of a window's parts: ``id``, ``moment``, ``decision``, ``score:<name>``, ``input:<name>``.

    A row that was answered twice counts once, as it was answered last.
    """
    tables = [pl.read_parquet(store.blobs.path(part.blob)) for part in parts]
    if not tables:
        return pl.DataFrame()
    return pl.concat(tables, how="diagonal_relaxed").unique("id", keep="last", maintain_order=True)


def ids_of(parts: Iterable[Part], store: Store) -> pl.Series:
    """Return the prediction ids of a window's parts."""
    tables = [pl.read_parquet(store.blobs.path(part.blob), columns=["id"]) for part in parts]
    return pl.concat(tables)["id"]


def predicted_ids(store: Store, endpoint: str) -> pl.Series:
    """Return the ids of all predictions of an endpoint: those in windows, and those that stand in the log alone."""
    parts = store.watched.parts(endpoint)
    position = Position(segments=store.watched.reading(endpoint).position)
    logged = read_predictions(store.folder, endpoint, position).rows
    found = [ids_of(parts, store)] if parts else []
    found += [logged["id"].cast(pl.String)] if logged.height else []
    return pl.concat(found) if found else pl.Series("id", dtype=pl.String)


def answered(rows: pl.DataFrame, problem: Problem, outcomes: pl.DataFrame) -> Answered:
    """Return a window's rows with what is known of their outcomes.

    ``outcomes`` has one row for each ``id``, with its ``outcome``.
    """
    outputs = [f"{_SCORE}proba_{name}" for name in problem.classes] or [f"{_SCORE}score"]
    inputs = [name for name in rows.columns if name.startswith(_INPUT)]
    dtype = pl.Float64 if problem.task == "regression" else pl.String
    if not rows.height:
        empty = np.zeros((0, len(outputs)))
        return Answered(inputs=pl.DataFrame(), scores=empty, decision=None, truth=pl.Series(dtype=dtype))
    decision = None
    if problem.task != "regression":
        codes = {name: code for code, name in enumerate(problem.classes)}
        decision = rows["decision"].replace_strict(codes, default=-1, return_dtype=pl.Int64).to_numpy()
    truth = rows.select("id").join(outcomes, on="id", how="left", maintain_order="left", validate="m:1")["outcome"]
    return Answered(
        inputs=rows.select(pl.col(name).alias(name.removeprefix(_INPUT)) for name in inputs),
        scores=rows.select(outputs).to_numpy().astype(np.float64),
        decision=decision,
        truth=truth.cast(dtype, strict=False),
        moments=rows["moment"],
    )


def outcomes_known(batches: Iterable[LabelBatch], store: Store) -> pl.DataFrame:
    """Return each id's outcome, the one recorded last; ``id`` and ``outcome`` as words."""
    tables = [
        pl.read_parquet(store.blobs.path(batch.blob)).select("id", pl.col("outcome").cast(pl.String))
        for batch in batches
    ]
    if not tables:
        return pl.DataFrame(schema={"id": pl.String, "outcome": pl.String})
    return pl.concat(tables).unique("id", keep="last", maintain_order=True)


def outcomes_changed(before: pl.DataFrame, after: pl.DataFrame) -> pl.Series:
    """Return the ids of which ``after`` knows another outcome than ``before``; an empty one is as good as none."""
    both = after.join(before, on="id", how="left", suffix="_before", maintain_order="left")
    return both.filter(both["outcome"].ne_missing(both["outcome_before"]))["id"]


def _parquet(table: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()
