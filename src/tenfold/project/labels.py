"""Outcomes that arrive: read as the target is read, kept batch by batch, the latest counts."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import polars as pl

from tenfold.bundle.inputs import field_of
from tenfold.bundle.signature import Signature
from tenfold.connectors.read import read_for_model
from tenfold.foundation.errors import DataError, InputError, did_you_mean
from tenfold.foundation.personal import MAYBE, hide_id, mask_personal
from tenfold.foundation.serial import from_json
from tenfold.project.document import Document
from tenfold.project.window_rows import outcomes_changed, outcomes_known, predicted_ids
from tenfold.records.dataset import Dataset, Field
from tenfold.records.problem import Problem
from tenfold.store.monitoring import LabelBatch
from tenfold.store.open import Store

ID, OUTCOME = "id", "outcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelReport:
    """Outcomes taken in; the document is ``tenfold.label/1``.

    ``again`` of them have an id that had an outcome before: the new one counts, the old one stays on record. ``batch``
    is None where every outcome was known as it is: nothing is kept then, and no window is judged again.
    """

    batch: LabelBatch | None
    source: str
    rows: int
    ids: int
    again: int
    unknown: int
    corrected: int = 0
    strangers: int | None = None
    ok: bool = True

    def document(self) -> Document:
        """Return what was taken in as JSON-ready values."""
        return {
            "schema": "tenfold.label/1",
            "source": self.source,
            "batch": None if self.batch is None else self.batch.number,
            "rows": self.rows,
            "ids": self.ids,
            "again": self.again,
            "corrected": self.corrected,
            "unknown": self.unknown,
            "strangers": self.strangers,
        }


def label_file(
    location: str,
    store: Store,
    *,
    id_column: str = ID,
    outcome: str | None = None,
    table: str | None = None,
    endpoint: str | None = None,
) -> LabelReport:
    """Take in the outcomes of a file or a database table.

    Parameters
    ----------
    id_column : str
        The column with the ids that came with the predictions.
    outcome : str, optional
        The column with the outcomes; by default the target's name, or ``outcome``.
    endpoint : str, optional
        Whose predictions the ids are held against, to say how many are of none.

    Raises
    ------
    InputError
        When the project has no target yet, a column is missing, or a value is no outcome.
    """
    target = _target(store)
    identity = Field(name=id_column, kind="categorical")
    needed = "with the ids that came with the predictions (--id names another one)"
    frames = list(read_for_model(location, (identity,), table=table, needed=needed))
    if not frames:
        return label_rows(pl.DataFrame(schema={ID: pl.String, OUTCOME: pl.String}), store, source=location)
    rows = pl.concat(frames, how="vertical_relaxed")
    column = _outcome_column(rows, target, outcome, id_column)
    read = Signature(fields=(replace(target, name=column),)).conform(rows)
    outcomes = pl.DataFrame([rows[id_column].alias(ID), read[column].alias(OUTCOME)])
    report = label_rows(outcomes, store, source=location)
    if endpoint is None:
        return report
    strangers = _as_logged(outcomes[ID]).unique().is_in(predicted_ids(store, endpoint).implode()).not_().sum()
    return replace(report, strangers=int(strangers))


def label_rows(rows: pl.DataFrame, store: Store, *, source: str) -> LabelReport:
    """Take in outcomes: a table with ``id`` (words) and ``outcome`` (a class as the target writes it, or a number).

    An outcome that is null takes an earlier one back. Of two for one id the later row counts, here and across batches.

    Raises
    ------
    InputError
        When a row has no id, or an outcome is no class that the problem knows.
    """
    rows = rows.with_columns(_as_logged(rows[ID]))
    missing = rows[ID].null_count()
    if missing:
        raise InputError(f"{missing:,} rows of {source} have no id: the id that came with the prediction is needed")
    unknown = _none_of_the_classes(rows[OUTCOME], store)
    if unknown:
        shown = ", ".join(f"'{mask_personal(value)}'" for value in unknown[:3])
        raise InputError(f"{source} holds outcomes that are no class of the target: {shown}")
    if not rows.height:
        return LabelReport(batch=None, source=source, rows=0, ids=0, again=0, unknown=0)
    again, corrected, news = _known_before(rows, store)
    batch = None
    if news:
        buffer = io.BytesIO()
        rows.write_parquet(buffer, compression="zstd")
        batch = store.labels.append(store.blobs.put(buffer.getvalue()), rows=rows.height, source=source)
    return LabelReport(
        batch=batch,
        source=source,
        rows=rows.height,
        ids=rows[ID].n_unique(),
        again=again,
        corrected=corrected,
        unknown=rows[OUTCOME].null_count(),
    )


def _as_logged(ids: pl.Series) -> pl.Series:
    """Return ids as the prediction log keeps them: with pseudonyms where personal data stood."""
    doubtful = ids.filter(ids.str.contains(MAYBE)).drop_nulls().unique().to_list()
    hidden = {each: hide_id(each) for each in doubtful}
    return ids.replace({each: other for each, other in hidden.items() if each != other})


def _known_before(rows: pl.DataFrame, store: Store) -> tuple[int, int, int]:
    """Return how many ids had an outcome before, for how many of them it was another one, and of how many it is new."""
    known = outcomes_known(store.labels.batches(), store)
    new = rows.select(ID, pl.col(OUTCOME).cast(pl.String)).unique(ID, keep="last", maintain_order=True)
    both = new.join(known, on=ID, suffix="_before")
    changed = both[OUTCOME].ne_missing(both[f"{OUTCOME}_before"])
    return both.height, int(changed.sum()), outcomes_changed(known, new).len()


def _none_of_the_classes(outcomes: pl.Series, store: Store) -> list[str]:
    problem = _problem(store)
    if problem is None or not problem.classes:
        return []
    words = outcomes.cast(pl.String).drop_nulls().unique()
    return sorted(words.filter(~words.is_in(list(problem.classes))).to_list())


def _target(store: Store) -> Field:
    problem, data = _problem(store), store.results.latest("data")
    if problem is None or data is None:
        raise InputError("the project has no model yet, so nothing is known of its outcomes: tenfold run")
    dataset = from_json(Dataset, store.blobs.path(data.record).read_bytes())
    return field_of(problem.target, dataset, problem)


def _problem(store: Store) -> Problem | None:
    found = store.results.latest("problem")
    return None if found is None else from_json(Problem, store.blobs.path(found.record).read_bytes())


def _outcome_column(rows: pl.DataFrame, target: Field, asked: str | None, id_column: str) -> str:
    for name in (asked,) if asked is not None else (target.name, OUTCOME):
        if name in rows.columns:
            return name
    wanted = asked or f"{target.name}' or '{OUTCOME}"
    others = [name for name in rows.columns if name != id_column]
    raise DataError(
        f"there is no column '{wanted}' with the outcomes (there are: {', '.join(others) or 'none'})."
        f"{did_you_mean(asked or target.name, others)}"
    )
