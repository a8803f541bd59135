"""The rows of a batch: read as the model needs them, predicted, and put beside the columns that are kept."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

import numpy as np
import polars as pl

from tenfold.bundle.model import Model
from tenfold.connectors.read import read_for_model
from tenfold.foundation.errors import DataError, InputError, did_you_mean
from tenfold.records.dataset import Field


def read_history(model: Model, location: str | None, *, rows_at_once: int) -> pl.DataFrame | None:
    """Return the earlier rows that a model's lags come from; None when no place is given.

    Raises
    ------
    InputError
        When the model reads nothing of earlier rows.
    """
    if location is None:
        return None
    if model.history is None:
        raise InputError(f"the model '{model.name}' reads nothing of earlier rows, so it takes no history")
    frames = read_for_model(location, model.history.fields, rows_at_once=rows_at_once)
    columns = [field.name for field in model.history.fields]
    read = [frame.select(columns) for frame in frames]
    if not read:
        raise DataError(f"the history '{location}' has no rows")
    return pl.concat(read)


def read_rows(
    model: Model,
    location: str,
    *,
    table: str | None,
    query: str | None,
    shown: str,
    rows_at_once: int,
    with_history: bool,
) -> Generator[pl.DataFrame]:
    """Yield the input in its order: the model's columns in canonical form, then all others.

    Parameters
    ----------
    with_history : bool
        Whether lags come from earlier rows and need not be in the input.
    """
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
            table=table,
            query=query,
            shown=shown,
            rows_at_once=rows_at_once,
        )
    except DataError as error:
        if past is None or with_history or not any(name in str(error) for name in past.names):
            raise
        columns = ", ".join(field.name for field in past.fields)
        raise DataError(f"{error} Send these columns, or give a history with the columns {columns}") from error


def kept(frame: pl.DataFrame, keep: Sequence[str]) -> pl.DataFrame:
    """Return the columns to keep, in the order in which they were asked for."""
    for name in keep:
        if keep.count(name) > 1:
            raise InputError(f"the column '{name}' to keep is named twice: name it once")
        if name not in frame.columns:
            raise DataError(f"the column '{name}' to keep is not in the input.{did_you_mean(name, frame.columns)}")
    return frame.select(keep)


def beside(columns: pl.DataFrame, predictions: pl.DataFrame) -> pl.DataFrame:
    """Return kept columns and, after them, the predictions of the same rows."""
    for name in columns.columns:
        if name in predictions.columns:
            raise InputError(f"the column '{name}' to keep is called as a column of the predictions: rename it")
    return pl.DataFrame([*columns.get_columns(), *predictions.get_columns()])


def finite(predictions: pl.DataFrame, *, before: int) -> pl.DataFrame:
    """Return predictions that are numbers all of them.

    Raises
    ------
    DataError
        When the model gives none for a row; ``before`` rows of the input stand before these.
    """
    numbers = predictions.select(pl.selectors.float()).to_numpy()
    odd = ~np.isfinite(numbers).all(axis=1) if numbers.size else np.zeros(0, dtype=np.bool_)
    if odd.any():
        raise DataError(
            f"the model has no finite prediction for row {before + int(odd.argmax()) + 1} of the input: look for"
            " numbers of a wrong unit or size in it"
        )
    return predictions


def in_chunks(frames: Iterator[pl.DataFrame], size: int, *, after: int) -> Iterator[pl.DataFrame]:
    """Yield the rows of ``frames`` from number ``after`` on, ``size`` at a time, the rest last.

    However the frames are cut, the chunks are the same: so are the last bits of what is computed of them.
    DataError when there are fewer than ``after``.
    """
    waiting: list[pl.DataFrame] = []
    held = 0
    for whole in frames:
        skipped = min(after, whole.height)
        after -= skipped
        frame = whole.slice(skipped)
        while held + frame.height >= size:
            missing = size - held
            yield pl.concat([*waiting, frame.head(missing)])
            frame, waiting, held = frame.slice(missing), [], 0
        if frame.height:
            waiting.append(frame)
            held += frame.height
    if after:
        raise DataError(f"the input has {after:,} rows fewer than were written of it before: it is another input")
    if waiting:
        yield pl.concat(waiting)


def numbered(chunks: Iterator[pl.DataFrame], before: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield each chunk with how many rows of the input stand before it; ``before`` stand before the first."""
    for chunk in chunks:
        yield before, chunk
        before += chunk.height
