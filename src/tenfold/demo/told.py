"""The year told by months, read back from what was stored: predictions, outcomes, incidents, decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from tenfold.bundle.format import load_bundle
from tenfold.foundation.serial import plain
from tenfold.measures.interval import estimate
from tenfold.measures.metrics import METRICS
from tenfold.measures.outcome import Outcome
from tenfold.project.document import Document
from tenfold.project.open import Project
from tenfold.project.production import INPUT
from tenfold.project.window_rows import outcomes_known, rows_of
from tenfold.records.evaluation import Estimate
from tenfold.records.health import Incident
from tenfold.records.retrain import Decision

ZONE = ZoneInfo("America/New_York")
METRIC = "roc_auc"
FIRST = "first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One month as the store knows it.

    Attributes
    ----------
    rows, labelled : int
        Predictions, and those whose outcome is known.
    late : float or None
        The share of late flights among those.
    auc : Estimate or None
        Of the predictions as they were given, by whichever version was live.
    first : Estimate or None
        Of the same rows, had the first version stayed: its bundle on the logged inputs.
    champion : str
        Live at the month's end.
    alarms : tuple of Incident
        Opened by a window that began in the month.
    decisions : tuple of Decision
        Made in the month, without those that only say that nothing was to be done.
    """

    month: str
    rows: int
    labelled: int
    late: float | None
    auc: Estimate | None
    first: Estimate | None
    champion: str
    alarms: tuple[Incident, ...]
    decisions: tuple[Decision, ...]

    def document(self) -> Document:
        """Return the month as JSON-ready values."""
        return {
            "month": self.month,
            "rows": self.rows,
            "labelled": self.labelled,
            "late": self.late,
            "roc_auc": plain(self.auc),
            "roc_auc_of_the_first": plain(self.first),
            "champion": self.champion,
            "alarms": [
                {"id": each.id, "kind": each.kind, "opened": each.opened.isoformat(), "title": each.title}
                for each in self.alarms
            ],
            "decisions": [plain(each) for each in self.decisions],
        }


def months_told(project: Project, since: datetime, until: datetime) -> tuple[Month, ...]:
    """Return the months from ``since`` to ``until``, in New York's time, from the store alone."""
    store, endpoint = project.store, project.spec.endpoint
    rows = rows_of(store.watched.parts(endpoint), store).unique("id", keep="last", maintain_order=True)
    score = next(name for name in reversed(rows.columns) if name.startswith("score:"))
    frozen = rows.select(pl.col("^input:.*$").name.map(lambda name: name.removeprefix(INPUT)))
    rows = rows.drop([name for name in rows.columns if name.startswith(INPUT)]).with_columns(
        pl.Series(FIRST, _first_scores(project, frozen))
    )
    known = rows.join(outcomes_known(store.labels.batches(), store), on="id", how="left", maintain_order="left")
    local = pl.col("moment").dt.convert_time_zone(str(ZONE)).dt.strftime("%Y-%m")
    known = known.with_columns(local.alias("month")).sort("moment", maintain_order=True)
    incidents = store.incidents.current(endpoint)
    decisions = [kept.decision for kept in store.decisions.of(endpoint)]
    told = []
    for month in _months(since, until):
        inside = known.filter(pl.col("month") == month)
        live = project.live_at(project.spec.name, min(_end_of(month), until)).release
        told.append(
            Month(
                month=month,
                rows=inside.height,
                labelled=inside.height - inside["outcome"].null_count(),
                late=_share(inside),
                auc=_auc(inside, score),
                first=_auc(inside, FIRST),
                champion="" if live is None else live.ref,
                alarms=tuple(each for each in incidents if _month_of(each.opened) == month),
                decisions=_in_month(decisions, month),
            )
        )
    return tuple(told)


def _in_month(decisions: Sequence[Decision], month: str) -> tuple[Decision, ...]:
    return tuple(each for each in decisions if _month_of(each.at) == month and each.look)


def _auc(rows: pl.DataFrame, score: str) -> Estimate | None:
    judged = rows.filter(pl.col("outcome").is_not_null())
    if judged["outcome"].n_unique() < 2:
        return None
    chance = judged[score].to_numpy()
    truth = (judged["outcome"] == "true").cast(pl.Int64).to_numpy()
    outcome = Outcome(task="binary", truth=truth, scores=np.column_stack([1.0 - chance, chance]))
    return estimate(METRICS[METRIC], outcome, rng=np.random.default_rng(7))


def _first_scores(project: Project, inputs: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the chance of being late that the first version gives to logged rows."""
    first = project.store.releases.history(project.spec.name)[0]
    model = load_bundle(project.store.blobs.path(project.store.registry.find(first.ref).blob))
    return model.scores(model.signature.conform(inputs))[:, -1]


def _share(rows: pl.DataFrame) -> float | None:
    known = rows["outcome"].drop_nulls()
    return None if known.is_empty() else float((known == "true").sum() / known.len())


def _months(since: datetime, until: datetime) -> list[str]:
    first, last = since.astimezone(ZONE), until.astimezone(ZONE)
    count = (last.year - first.year) * 12 + last.month - first.month + (last.day > 1 or last.hour > 0)
    return [f"{first.year + (first.month - 1 + n) // 12}-{(first.month - 1 + n) % 12 + 1:02d}" for n in range(count)]


def _month_of(moment: datetime) -> str:
    return moment.astimezone(ZONE).strftime("%Y-%m")


def _end_of(month: str) -> datetime:
    year, number = int(month[:4]), int(month[5:])
    return datetime(year + number // 12, number % 12 + 1, 1, tzinfo=ZONE)
