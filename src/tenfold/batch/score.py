"""Batch scoring into a file: rows of a file or a database through a model, chunk by chunk, in their order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from tenfold.batch.output import write_whole, writer_for
from tenfold.batch.rows import beside, finite, kept, read_history, read_rows
from tenfold.bundle.format import load_bundle
from tenfold.bundle.model import Model

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
    intervals : bool
        Whether ``low`` and ``high``, or ``set``, follow the predictions.
    """

    chunk_rows: int = CHUNK_ROWS
    keep: tuple[str, ...] = ()
    history: str | None = None
    table: str | None = None
    query: str | None = None
    shown: str = ""
    intervals: bool = False


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
    history = read_history(model, options.history, rows_at_once=options.chunk_rows)
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
        options = self._options
        frames = read_rows(
            self._model,
            self._location,
            table=options.table,
            query=options.query,
            shown=options.shown,
            rows_at_once=options.chunk_rows,
            with_history=self._history is not None,
        )
        with closing(frames):
            for frame in frames:
                columns = kept(frame, options.keep)
                written = beside(columns, finite(self._predicted(frame), before=self.rows))
                self.rows += written.height
                self.columns = tuple(written.columns)
                yield written
        if not self.columns:
            nothing = np.empty((0, self._model.outputs))
            columns = pl.DataFrame(schema=dict.fromkeys(options.keep, pl.String))
            written = beside(columns, self._model.predictions(nothing, intervals=options.intervals))
            self.columns = tuple(written.columns)
            yield written

    def _predicted(self, frame: pl.DataFrame) -> pl.DataFrame:
        return self._model.predict(frame, history=self._history, intervals=self._options.intervals)
