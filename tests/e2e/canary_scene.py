"""Production with a version that is tried: real requests through the gateway's data plane, real outcomes, real passes.

Time is a clock that is moved by hand. Versions are logistic models of which it is known how good they are.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from tenfold.automation.tick import TickReport, tick
from tenfold.bundle.format import load_bundle, pack_bundle
from tenfold.bundle.member import Member
from tenfold.bundle.model import Model
from tenfold.bundle.predictors.linear import LinearPredictor
from tenfold.bundle.view import fit_view
from tenfold.foundation.clock import ManualClock
from tenfold.gateway.body import Asked
from tenfold.gateway.metrics import Counts
from tenfold.gateway.predicting import Predicting
from tenfold.gateway.watch import Watch
from tenfold.project.labels import label_rows
from tenfold.project.open import Project, open_project
from tenfold.project.reproduce import kept_results
from tenfold.records.features import Step
from tenfold.records.release import TrafficLook
from tenfold.store.predictions.log import PredictionLog

START = datetime(2026, 1, 5, tzinfo=UTC)
DAY = timedelta(days=1)
TRUE = (1.5, 0.7, 0.0)
"""What the outcome hangs on: the weights of the columns a, b and c."""
MEDIOCRE, BETTER, WORSE = (0.6, 1.4, 0.6), (1.5, 0.7, 0.0), (-0.2, 0.3, 1.2)
YAML = """
tenfold: 1
name: visits
problem:
  target: bought
  positive: "yes"
  labels: {{after: 1d}}
  requirements:
    - {{id: ranks, that: "{asked}"}}
data: {{path: visits.csv}}
training: {{budget: {{trials: 1}}, learners: [linear], cores: 1}}
deployment:
  promote: auto
  strategy: {strategy}
  canary: {{steps: [10%, 30%, 50%], requests: {requests}, most: {most}}}
monitoring: {{window: 7d, quiet: 200}}
retraining: {{when: "off"}}
"""


def visits(n: int, rng: np.random.Generator) -> pl.DataFrame:
    """Rows with what came of them."""
    values = rng.normal(size=(n, 3)).round(4)
    bought = rng.random(n) < 1 / (1 + np.exp(-(values @ np.array(TRUE))))
    return pl.DataFrame({**dict(zip("abc", values.T, strict=True)), "bought": np.where(bought, "yes", "no")})


@dataclass
class Production:
    """A project that is served; ``live_through`` a day: requests, yesterday's outcomes, one pass."""

    project: Project
    clock: ManualClock
    rng: np.random.Generator
    a_day: int
    seed: int = 0
    day: int = 0
    sent: int = 0
    looks: list[TrafficLook] = field(default_factory=list)
    due: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"id": pl.String, "outcome": pl.String}))

    @classmethod
    def built(cls, folder: Path, *, strategy: str = "canary", requests: int = 150, most: int = 1500) -> Path:
        """Make a project whose first version came of a run, and whose second is mediocre and live."""
        folder.mkdir(parents=True)
        asked = "roc_auc >= champion - 0.02"
        text = YAML.format(strategy=strategy, requests=requests, most=most, asked=asked)
        (folder / "tenfold.yaml").write_text(text)
        visits(1200, np.random.default_rng(3)).write_csv(folder / "visits.csv")
        clock = ManualClock(START)
        with open_project(folder, clock=clock).store as store:
            project = Project(spec=open_project(folder, clock=clock).spec, store=store, clock=clock)
            project.run(workers="inline")
            number = registered(project, MEDIOCRE)
            project.promote(
                f"visits@{number}", accept=["ranks"], reason="known to be mediocre", by="test", at_once=True
            )
        return folder

    @classmethod
    def begun(cls, built: Path, folder: Path, *, seed: int, a_day: int = 300) -> Production:
        """Begin to live in a copy of a project."""
        shutil.copytree(built, folder)
        clock = ManualClock(START)
        project = open_project(folder, clock=clock)
        return cls(project=project, clock=clock, rng=np.random.default_rng(seed), a_day=a_day, seed=seed)

    def register(self, weights: tuple[float, ...]) -> str:
        return f"visits@{registered(self.project, weights, seed=self.seed)}"

    def live_through(self) -> TickReport:
        """Live through one day."""
        self.due, before = self.serve(visits(self.a_day, self.rng)), self.due
        self.day += 1
        self.clock.at = START + self.day * DAY
        # What was answered yesterday is due now.
        if before.height:
            label_rows(before, self.project.store, source=f"day {self.day}")
        report = tick(self.project, workers="inline")
        if report.traffic is not None:
            self.looks.append(report.traffic)
        return report

    def serve(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Answer rows one by one as a worker does; return their outcomes."""
        store = self.project.store.folder
        watch = Watch(folder=store, only=(), clock=self.clock, said=lambda _: None)
        watch.look()
        log = PredictionLog(store, clock=self.clock, worker=self.day)
        predicting = Predicting(log=log, clock=self.clock, counts=Counts(), said=lambda _: None)
        # The division hangs on the salt and the ids: each seed has its own of both.
        ids = [f"p{self.seed}-{self.sent + place}" for place in range(rows.height)]
        self.sent += rows.height
        inputs = rows.drop("bought").to_dicts()
        for place, (name, row) in enumerate(zip(ids, inputs, strict=True)):
            at = self.clock.at + place * DAY / rows.height
            predicting.answer(watch.endpoints["visits"], Asked(instances=[row], ids=[name]), at)
        predicting.close()
        log.close()
        watch.stop()
        return pl.DataFrame({"id": ids, "outcome": rows["bought"]})

    def champion(self) -> str:
        return self.project.store.registry.find("visits@champion").ref


def registered(project: Project, weights: tuple[float, ...], *, seed: int = 0) -> int:
    """Register a logistic model of the columns with these weights; return its number.

    The probe rows of its bundle, and so its name and the salt of its trial, come of the seed.
    """
    first = project.store.registry.find("visits@1")
    model = load_bundle(project.store.blobs.path(first.blob))
    probe = visits(50, np.random.default_rng([5, seed]))
    packed = pack_bundle(_model(project, model, weights, first.run), probe)
    blob = project.store.blobs.put(packed.zipped())
    facts = {"threshold": 0.5}
    return project.store.registry.register("visits", bundle=packed.name, blob=blob, run=first.run, facts=facts).number


def _model(project: Project, first: Model, weights: tuple[float, ...], run: str) -> Model:
    rows = visits(50, np.random.default_rng(5)).drop("bought")
    view, _ = fit_view([Step(kind="passthrough", columns=("a", "b", "c"))], rows, None, np.random.default_rng(0))
    predictor = LinearPredictor(coef=np.array(weights)[:, None], intercept=np.zeros(1), link="logistic")
    problem = kept_results(run, project.store)["problem"].record
    member = Member(key="logistic", weight=1.0, view_name="native", view=view, predictor=predictor)
    return Model.assembled([member], problem=problem, signature=first.signature)
