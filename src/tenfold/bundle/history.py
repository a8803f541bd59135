"""What was known of an entity's earlier rows when a prediction is made, and nothing later: lags, rolling windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.past import MICROSECONDS, Integers, entity_numbers, instants
from tenfold.bundle.rolling import Rolling, rolling_values
from tenfold.bundle.signature import Signature, column_names
from tenfold.foundation.errors import DataError
from tenfold.foundation.units import parse_seconds
from tenfold.records.dataset import Field
from tenfold.records.features import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """One column's earlier value along an entity.

    A row of the entity is known to a prediction at time ``t`` when its own time plus ``delay_seconds`` is not after
    ``t``, and in any case only when it is earlier than ``t``.

    Attributes
    ----------
    column : str
        The column whose earlier value is taken.
    back : int or str
        A number n: the n-th latest known row. A duration (``7d``): the latest row that is known and at least so old.
    time, entity : str, str or None
        The column that says when; the column that says of whom (None: all rows are one history).
    delay_seconds : float
        How long after a row's time its value is known.
    """

    column: str
    back: int | str
    time: str
    entity: str | None = None
    delay_seconds: float = 0.0

    @property
    def name(self) -> str:
        """The name of the column that holds the lag."""
        return f"{self.column}__lag{self.back}"


def step_of(lag: Lag, reason: str) -> Step:
    """Return the step of a feature plan that stands for a lag."""
    settings = {"back": lag.back, "time": lag.time, "entity": lag.entity, "delay_seconds": lag.delay_seconds}
    return Step(kind="lag", columns=(lag.column,), settings=settings, reason=reason)


def lag_of(step: Step) -> Lag:
    """Return the lag that a step of a feature plan stands for."""
    settings = cast("dict[str, Any]", step.settings)
    return Lag(
        column=step.columns[0],
        back=settings["back"],
        time=settings["time"],
        entity=settings.get("entity"),
        delay_seconds=settings.get("delay_seconds", 0.0),
    )


def lag_values(lags: Sequence[Lag], rows: pl.DataFrame, history: pl.DataFrame) -> pl.DataFrame:
    """Return the lags of each row, one column for each lag; null where there is no such earlier row.

    Parameters
    ----------
    rows : DataFrame
        Canonical; holds the time and entity columns.
    history : DataFrame
        Canonical; holds these and the lagged columns. It may hold the rows themselves: no row sees itself. Of rows at
        the same time of the same entity the one with the greater value counts as the later, so that the order of the
        table doesn't matter.
    """
    return pl.DataFrame([_values(lag, rows, history) for lag in lags])


def _values(lag: Lag, rows: pl.DataFrame, history: pl.DataFrame) -> pl.Series:
    kept = pl.col(lag.time).is_not_null()
    if lag.entity is not None:
        kept &= pl.col(lag.entity).is_not_null()
    history = history.filter(kept)
    if history.is_empty() or rows.is_empty():
        return pl.Series(lag.name, [None] * rows.height, dtype=history.schema[lag.column])
    entity_there, entity_here = entity_numbers(lag.entity, history, rows)
    # The place among the distinct times of the history stands for a time, so that entity and time fit into one number.
    times = instants(history[lag.time])
    distinct = np.unique(times)
    width = len(distinct) + 1
    keys = entity_there * width + np.searchsorted(distinct, times)
    rank = history[lag.column].rank("dense").fill_null(0).to_numpy()
    order = np.lexsort((rank, keys))
    keys = keys[order]

    untimed = rows[lag.time].is_null().to_numpy()
    known = _known_times(lag, rows[lag.time], distinct)
    end = np.searchsorted(keys, entity_here * width + known)
    start = np.searchsorted(keys, entity_here * width)
    back = lag.back if isinstance(lag.back, int) else 1
    found = (end - start >= back) & (entity_here >= 0) & ~untimed
    place = order[np.where(found, end - back, 0)]
    return history[lag.column][place].set(pl.Series(~found), None).rename(lag.name)


def _known_times(lag: Lag, now: pl.Series, distinct: npt.NDArray[Any]) -> Integers:
    """Return how many of the distinct times of the history are known at each row's time."""
    age = lag.delay_seconds
    if not isinstance(lag.back, int):
        age = max(age, parse_seconds(lag.back))
    if age > 0:
        if not isinstance(now.dtype, pl.Datetime):
            raise DataError(
                f"the time '{lag.time}' holds numbers, so that {age:g} seconds before it can't be found for the lag "
                f"'{lag.name}': give it dates, or use lags that count rows of columns known at once"
            )
        cut = instants(now) - round(age * MICROSECONDS)
        return np.asarray(np.searchsorted(distinct, cut, side="right"), dtype=np.int64)
    # Known at once, but only to what comes after: a row never sees itself or its contemporaries.
    return np.asarray(np.searchsorted(distinct, instants(now), side="left"), dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a model with lags or rolling windows needs of the past, when the caller doesn't send them.

    ``fields`` are the columns of the history: time, entity, and those that are looked back at.
    """

    lags: tuple[Lag, ...]
    fields: tuple[Field, ...]
    rolling: tuple[Rolling, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that hold them."""
        return (*(lag.name for lag in self.lags), *(each.name for each in self.rolling))

    @property
    def keys(self) -> tuple[Field, ...]:
        """The columns by which a row finds its past: its time and its entity."""
        looks: tuple[Lag | Rolling, ...] = (*self.lags, *self.rolling)
        wanted = {name for look in looks for name in (look.time, look.entity) if name is not None}
        return tuple(field for field in self.fields if field.name in wanted)

    def filled(self, rows: object, history: object | None, signature: Signature) -> pl.DataFrame:
        """Return rows in canonical form, with the lags that they lack computed from ``history``.

        Raises
        ------
        DataError
            When lags are lacking and there is no history.
        """
        given = set(column_names(rows))
        lacking = {name for name in self.names if name not in given and name in signature.names}
        if not lacking:
            return signature.conform(rows)
        if history is None:
            columns = ", ".join(field.name for field in self.fields)
            named = ", ".join(name for name in self.names if name in lacking)
            raise DataError(
                f"the model reads what was known of earlier rows: send {named}, or give a history with the columns "
                f"{columns}"
            )
        past, keys = Signature(fields=self.fields).conform(history), Signature(fields=self.keys).conform(rows)
        made = (
            lag_values([lag for lag in self.lags if lag.name in lacking], keys, past),
            rolling_values([each for each in self.rolling if each.name in lacking], keys, past),
        )
        looked = pl.DataFrame([column for each in made for column in each.get_columns()])
        sent = Signature(fields=tuple(field for field in signature.fields if field.name not in looked.columns))
        return sent.conform(rows).hstack(looked).select(signature.names)
