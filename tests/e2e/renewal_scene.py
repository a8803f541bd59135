"""A small world on a clock that is moved by hand: a project that is served, watched, labelled and renewed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from tenfold.automation.tick import TickReport, tick
from tenfold.bundle.format import load_bundle
from tenfold.foundation.clock import ManualClock
from tenfold.measures.metrics import METRICS
from tenfold.measures.outcome import Outcome
from tenfold.project.labels import label_rows
from tenfold.project.open import Project, open_project
from tenfold.records.retrain import Decision
from tenfold.store.predictions.log import Answered, Origin, PredictionLog

START = datetime(2026, 1, 5, tzinfo=UTC)
LEARNED_DAYS, WINDOW_DAYS, ROWS_A_DAY = 98, 14, 60
YAML = """
tenfold: 1
name: visits
problem:
  target: bought
  positive: "yes"
  time: at
  labels: {{after: 1d}}
  requirements:
    - {{id: auc, that: "roc_auc >= 0.65"}}
data: {{path: visits.csv}}
training: {{budget: {{trials: 1}}, learners: [lightgbm], cores: 1}}
deployment: {{promote: auto}}
monitoring: {{window: 14d, quiet: 200}}
retraining: {{when: {when}, promote: {promote}, budget_per_week: 3, budget: {{trials: 1}}}}
"""


def visits(day: int, days: int, *, sign: float, rng: np.random.Generator) -> pl.DataFrame:
    """Rows of some days; ``sign`` -1 turns what the strongest column means."""
    n = days * ROWS_A_DAY
    a, b, c = rng.normal(size=(3, n))
    bought = rng.random(n) < 1 / (1 + np.exp(-(1.5 * sign * a + 0.7 * b)))
    moments = day + np.sort(rng.random(n)) * days
    return pl.DataFrame(
        {
            "at": [(START + timedelta(days=float(each))).replace(microsecond=0) for each in moments],
            "a": a.round(4),
            "b": b.round(4),
            "c": c.round(4),
            "bought": np.where(bought, "yes", "no"),
        }
    )


@dataclass
class World:
    """Production: ``pass_window`` sends a window's rows, lets the outcomes arrive, and does one pass."""

    project: Project
    clock: ManualClock
    rng: np.random.Generator
    log: PredictionLog
    known: pl.DataFrame
    day: int = LEARNED_DAYS
    sent: int = 0
    decisions: list[Decision] = field(default_factory=list)

    @classmethod
    def begin(cls, folder: Path, *, seed: int, when: str = "auto", promote: str = "auto") -> World:
        rng = np.random.default_rng(seed)
        (folder / "tenfold.yaml").write_text(YAML.format(when=when, promote=promote))
        known = visits(0, LEARNED_DAYS, sign=1.0, rng=rng)
        known.write_csv(folder / "visits.csv")
        clock = ManualClock(START + timedelta(days=LEARNED_DAYS + 1, hours=1))
        project = open_project(folder, clock=clock)
        project.run(workers="inline")
        log = PredictionLog(project.store.folder, clock=clock)
        return cls(project=project, clock=clock, rng=rng, log=log, known=known)

    def live(self) -> str:
        return self.project.store.registry.find("visits@champion").ref

    def pass_window(
        self,
        *,
        sign: float,
        change: Callable[[pl.DataFrame], pl.DataFrame] | None = None,
        then: Callable[[Project], TickReport] | None = None,
        labelled: bool = True,
    ) -> TickReport:
        """Live through one window; ``change`` spoils the rows as the gateway gets them.

        No outcome arrives unless ``labelled``.
        """
        rows = visits(self.day, WINDOW_DAYS, sign=sign, rng=self.rng)
        self.serve(rows if change is None else change(rows))
        self.day += WINDOW_DAYS
        self.clock.at = START + timedelta(days=self.day + 1, hours=1)
        self.known = pl.concat([self.known, rows])
        self.known.write_csv(self.project.spec.folder / "visits.csv")
        ids = [f"p{self.sent - rows.height + place}" for place in range(rows.height)]
        outcomes = pl.DataFrame({"id": ids, "outcome": rows["bought"]})
        if labelled:
            label_rows(outcomes, self.project.store, source=f"day {self.day}")
        report = (then or self.one_pass)(self.project)
        self.decisions += report.renewed.decisions
        return report

    @staticmethod
    def one_pass(project: Project) -> TickReport:
        return tick(project, workers="inline")

    @staticmethod
    def no_pass(project: Project) -> TickReport:
        return TickReport(endpoint=project.spec.endpoint)

    @staticmethod
    def moment(text: str) -> datetime:
        return datetime.fromisoformat(text)

    def serve(self, rows: pl.DataFrame) -> None:
        """Answer rows as the gateway does, with whichever version is live."""
        version = self.project.store.registry.find("visits@champion")
        model = load_bundle(self.project.store.blobs.path(version.blob))
        table = model.conform(rows.drop("bought"))
        scores = model.scores(table)
        origin = Origin(
            endpoint="visits",
            ref=version.ref,
            bundle=version.bundle,
            kinds={each.name: each.kind for each in model.signature.fields},
            outputs=tuple(f"proba_{name}" for name in model.classes),
        )
        columns = {
            name: (
                table[name].dt.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00")
                if table[name].dtype.is_temporal()
                else table[name]
            ).to_list()
            for name in table.columns
        }
        # The time is no input of every model: each row is answered at its own moment.
        decisions = model.predictions(scores)["prediction"].to_list()
        for place, moment in enumerate(rows["at"]):
            self.log.append(
                origin,
                Answered(
                    at=moment.replace(tzinfo=UTC),
                    recorded=moment.replace(tzinfo=UTC),
                    replay=True,
                    ids=[f"p{self.sent + place}"],
                    columns={name: [values[place]] for name, values in columns.items()},
                    scores=[scores[place].tolist()],
                    decisions=[decisions[place]],
                ),
            )
        self.sent += rows.height

    def auc(self, ref: str, rows: pl.DataFrame) -> float:
        """Return what a version is worth on rows."""
        model = load_bundle(self.project.store.blobs.path(self.project.store.registry.find(ref).blob))
        scores = model.scores(model.conform(rows.drop("bought")))
        truth = (rows["bought"] == "yes").cast(pl.Int64).to_numpy()
        return METRICS["roc_auc"].compute(Outcome(task="binary", truth=truth, scores=scores))
