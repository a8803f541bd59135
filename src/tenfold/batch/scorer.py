"""Rows of an input in, rows of an output out: what is kept, what is predicted, and what each row came of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tenfold.batch.rows import beside, finite, kept
from tenfold.bundle.model import PREDICTION, PROBABILITY, Model
from tenfold.connectors.sinks.table import Column, holds
from tenfold.foundation.clock import Clock

ROW, JOB = "row_number", "job"
MADE = (ROW, "model_ref", "model_bundle", "predicted_at", JOB, "input_hash", "run_id")
"""The columns that say what a row came of; the first stands before the prediction, the others after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the rows of one run of a job came of.

    Attributes
    ----------
    model_ref, model_bundle : str
        The version as a person names it, and the hash of its bundle.
    job, input_hash : str
        The job's name, and the hash of the bytes of its input.
    epoch : int
        How often somebody has begun to work on the job, this time included.
    """

    model_ref: str
    model_bundle: str
    job: str
    input_hash: str
    epoch: int

    @property
    def run_id(self) -> str:
        """The run that wrote the rows: the job, and which of its runs it was."""
        return f"{self.job}/{self.epoch}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """A model with what else decides what is written of a row.

    Attributes
    ----------
    history : DataFrame or None
        Earlier rows that lags come from.
    keep : tuple of str
        Columns of the input that stand first.
    intervals : bool
        Whether ``low`` and ``high``, or ``set``, follow the predictions.
    bare : bool
        Whether rows are without what they came of.
    """

    model: Model
    history: pl.DataFrame | None
    keep: tuple[str, ...]
    clock: Clock
    intervals: bool = False
    bare: bool = False

    def rows(self, frame: pl.DataFrame, origin: Origin, *, before: int) -> pl.DataFrame:
        """Return what is written of input rows that stand after ``before`` others.

        Raises
        ------
        DataError
            When the rows do not have what the model reads, or one has no finite prediction.
        """
        predictions = finite(self.model.predict(frame, history=self.history, intervals=self.intervals), before=before)
        return self._beside(kept(frame, self.keep), predictions, origin, before=before)

    def no_rows(self, origin: Origin, columns: pl.DataFrame | None) -> pl.DataFrame:
        """Return the columns of what is written, without a row.

        Parameters
        ----------
        columns : DataFrame or None
            The kept columns; None when the input has no rows that would tell their types: then they are text.
        """
        nothing = self.model.predictions(np.empty((0, self.model.outputs)), intervals=self.intervals)
        own = pl.DataFrame(schema=dict.fromkeys(self.keep, pl.String)) if columns is None else columns.clear()
        return self._beside(own, nothing, origin, before=0)

    def columns(self, frame: pl.DataFrame) -> tuple[Column, ...]:
        """Return the columns of a table that holds the rows of input such as this."""
        columns = kept(frame, self.keep)
        own = [Column(name=column.name, holds=holds(column.name, column.dtype)) for column in columns.get_columns()]
        regression = self.model.task == "regression"
        return (
            *own,
            Column(name=ROW, holds="integer", required=True),
            Column(name=PREDICTION, holds="number" if regression else "text", required=True),
            *(Column(name=f"{PROBABILITY}{name}", holds="number", required=True) for name in self.model.classes),
            *(
                Column(name=name, holds="moment" if name == "predicted_at" else "text", required=True)
                for name in MADE[1:]
            ),
        )

    def _beside(self, columns: pl.DataFrame, predictions: pl.DataFrame, origin: Origin, *, before: int) -> pl.DataFrame:
        if self.bare:
            return beside(columns, predictions)
        numbers = pl.int_range(before + 1, before + predictions.height + 1, eager=True).alias(ROW)
        made = predictions.with_columns(
            pl.lit(origin.model_ref).alias("model_ref"),
            pl.lit(origin.model_bundle).alias("model_bundle"),
            pl.lit(self.clock.now(), pl.Datetime("us", "UTC")).alias("predicted_at"),
            pl.lit(origin.job).alias(JOB),
            pl.lit(origin.input_hash).alias("input_hash"),
            pl.lit(origin.run_id).alias("run_id"),
        )
        return beside(columns, pl.DataFrame([numbers, *made.get_columns()]))
