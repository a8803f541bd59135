"""Batch scoring: rows of a file or a database through a model, chunk by chunk, in their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from tenfold.batch.output import write_whole, writer_for
from tenfold.bundle.format import load_bundle
from tenfold.bundle.model import Model
from tenfold.connectors.read import read_for_model
from tenfold.foundation.errors import DataError, InputError, did_you_mean
from tenfold.records.dataset import Field

CHUNK_ROWS = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreOptions:
    """How a batch is scored.

    Attributes
    ----------
    chunk_rows : int
        Rows held at once.
    keep : tuple of str
        Columns of the input that stand before the predictions in the output: keys, mostly.
    history : str or None
        Where the earlier rows are, for a model that reads lags which the input does not hold.
    table, query : str or None
        What to read where the input is a database.
    shown : str
        How messages name the input; empty: its location.
    """

    chunk_rows: int = CHUNK_ROWS
    keep: tuple[str, ...] = ()
    history: str | None = None
    table: str | None = None
    query: str | None = None
    shown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What was written: where, how many rows, which columns."""

    output: Path
    rows: int
    columns: tuple[str, ...]


def score(model: Model | Path, location: str, output: Path, options: ScoreOptions | None = None) -> Scored:
    """Predict every row of an input and write the predictions in its order.

    Parameters
    ----------
    model : Model or Path
        A loaded model, or where its bundle is.
    location : str
        A file, or a database with ``options.table`` or ``options.query``.
    output : Path
        A file that ends with ``.csv``, ``.parquet`` or ``.jsonl``: the kept columns, ``prediction`` and, for
        classification, ``proba_<class>`` for each class. It appears when it is whole; a run that is killed leaves what
        was there before.

    Raises
    ------
    InputError
        When the output cannot be written so.
    DataError
        When the input does not have what the model reads; nothing is written then.
    """
    options = options or ScoreOptions()
    writer_for(output)
    if isinstance(model, Path):
        model = load_bundle(model)
    history = _read_history(model, options)
    batch = _Batch(model=model, location=location, options=options, history=history)
    write_whole(output, batch)
    return Scored(output=output, rows=batch.rows, columns=batch.columns)


class _Batch:
    """The frames to write, made as they are asked for; counts what went through."""

    def __init__(self, *, model: Model, location: str, options: ScoreOptions, history: pl.DataFrame | None):
        self._model = model
        self._location = location
        self._options = options
        self._history = history
        self.rows = 0
        self.columns: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for frame in _read_input(self._model, self._location, self._options, with_history=self._history is not None):
            kept = _kept(frame, self._options.keep)
            predictions = self._model.predict(frame, history=self._history)
            written = _beside(kept, predictions)
            self.rows += written.height
            self.columns = tuple(written.columns)
            yield written
        if not self.columns:
            nothing = np.empty((0, self._model.outputs))
            kept = pl.DataFrame(schema=dict.fromkeys(self._options.keep, pl.String))
            written = _beside(kept, self._model.predictions(nothing))
            self.columns = tuple(written.columns)
            yield written


def _read_input(model: Model, location: str, options: ScoreOptions, *, with_history: bool) -> Iterator[pl.DataFrame]:
    fields: tuple[Field, ...] = model.signature.fields
    past = model.history
    if past is not None and with_history:
        lags = set(past.names)
        own = {field.name: field for field in fields if field.name not in lags}
        fields = tuple({**own, **{field.name: field for field in past.keys}}.values())
    try:
        yield from read_for_model(
            location,
            fields,
            dialect=model.reading,
            table=options.table,
            query=options.query,
            shown=options.shown,
            rows_at_once=options.chunk_rows,
        )
    except DataError as error:
        if past is None or with_history or not any(name in str(error) for name in past.names):
            raise
        columns = ", ".join(field.name for field in past.fields)
        raise DataError(f"{error} Send these columns, or give a history with the columns {columns}") from error


def _read_history(model: Model, options: ScoreOptions) -> pl.DataFrame | None:
    if options.history is None:
        return None
    if model.history is None:
        raise InputError(f"the model '{model.name}' reads nothing of earlier rows, so it takes no history")
    frames = read_for_model(options.history, model.history.fields, rows_at_once=options.chunk_rows)
    columns = [field.name for field in model.history.fields]
    read = [frame.select(columns) for frame in frames]
    if not read:
        raise DataError(f"the history '{options.history}' has no rows")
    return pl.concat(read)


def _kept(frame: pl.DataFrame, keep: tuple[str, ...]) -> pl.DataFrame:
    for name in keep:
        if name not in frame.columns:
            raise DataError(f"the column '{name}' to keep is not in the input.{did_you_mean(name, frame.columns)}")
    return frame.select(keep)


def _beside(kept: pl.DataFrame, predictions: pl.DataFrame) -> pl.DataFrame:
    for name in kept.columns:
        if name in predictions.columns:
            raise InputError(f"the column '{name}' to keep is called as a column of the predictions: rename it")
    return pl.DataFrame([*kept.get_columns(), *predictions.get_columns()])
