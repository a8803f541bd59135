"""A small model that has lived: trained, promoted, asked, labelled, watched, and thought about again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from tenfold.bundle.format import load_bundle
from tenfold.foundation.clock import ManualClock
from tenfold.project.labels import label_rows
from tenfold.project.open import Project, open_project
from tenfold.project.watch import watch
from tenfold.records.retrain import Decision, Gain, RetrainRequest
from tenfold.store.predictions.log import Answered, Origin, PredictionLog

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
LIVE = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
YAML = """
tenfold: 1
name: visits
problem:
  objective: Send a voucher to those who will not buy by themselves
  target: bought
  positive: "yes"
  metric: roc_auc
  time: at
  labels: {after: 1d}
  requirements:
    - {id: ranks-well, that: "roc_auc >= 0.70"}
    - {id: better, that: "log_loss <= baseline", where: [live]}
    - {id: in-the-east, that: "roc_auc >= 0.60", slices: [east], level: should}
    - {id: fast, that: "latency_p99_ms <= 100"}
  slices: {east: "shop = 'east'"}
data: {path: visits.csv}
training: {budget: {trials: 2}, learners: [linear]}
monitoring: {window: 1d, quiet: 200}
"""


def visits(start: datetime, days: int, each: int, *, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    n = days * each
    spent, age = rng.gamma(3.0, 20.0, n), rng.normal(40, 10, n)
    shop = rng.choice(["east", "west", "north"], n)
    chance = 1 / (1 + np.exp(-(0.05 * (spent - 60) + (shop == "east") * 0.8)))
    at = [start + DAY * (i // each) + timedelta(seconds=(i % each) * 86000 // each) for i in range(n)]
    return pl.DataFrame(
        {
            "at": at,
            "spent": spent.round(3),
            "age": age.round(2),
            "shop": shop,
            "bought": np.where(rng.random(n) < chance, "yes", "no"),
        }
    )


def train(folder: Path) -> None:
    """Write the project and run it once: nothing is live afterwards."""
    (folder / "tenfold.yaml").write_text(YAML, encoding="utf-8")
    visits(FIRST, 100, 40, seed=1).write_csv(folder / "visits.csv")
    with open_project(folder).store:
        open_project(folder).run(workers="inline")


def live(folder: Path, *, days: int = 12) -> None:
    """Promote the version, serve days of which the last are broken, label them and look at each."""
    clock = ManualClock(at=LIVE)
    project = open_project(folder, clock=clock)
    with project.store:
        project.promote("visits@1", reason="first version", by="desk")
        sent: dict[str, str] = {}
        log = PredictionLog(project.store.folder)
        for day in range(days):
            rows = visits(LIVE + day * DAY, 1, 160, seed=5000 + day)
            if day >= days - 3:
                rows = rows.with_columns(pl.lit(None, dtype=pl.Float64).alias("spent"))
            sent |= _answer(project, log, rows, first=len(sent), change=lambda each: each)
            clock.at = LIVE + (day + 1.5) * DAY
            watch(project.spec, project.store, clock=clock)
        log.close()
        known = list(sent)[: 160 * (days - 1)]
        frame = pl.DataFrame({"id": known, "outcome": [sent[each] for each in known]})
        label_rows(frame, project.store, source="desk.csv")
        clock.at = LIVE + (days + 1) * DAY
        watch(project.spec, project.store, clock=clock)
        request = RetrainRequest(endpoint="visits", reason="requirement", at=clock.at, window="2026-06-08T00:00")
        gain = Gain(metric="roc_auc", rows="newest labelled rows", n=820, value=0.0123, low=-0.004, high=0.0286)
        project.store.decisions.keep(
            Decision(
                key="visits/2026-06-08T00:00/train",
                endpoint="visits",
                action="train",
                reason="ranks-well failed in the window 2026-06-08",
                at=clock.at,
                request=request,
                champion="visits@1",
                window="2026-06-08T00:00",
            )
        )
        project.store.decisions.keep(
            Decision(
                key="visits/2026-06-08T00:00/refuse",
                endpoint="visits",
                action="refuse",
                reason="the challenger is not better than the champion on the newest labelled rows",
                at=clock.at,
                request=request,
                champion="visits@1",
                challenger="visits@2",
                newest=gain,
                window="2026-06-08T00:00",
            )
        )


def _answer(
    project: Project,
    log: PredictionLog,
    rows: pl.DataFrame,
    *,
    first: int,
    change: Callable[[pl.DataFrame], pl.DataFrame],
) -> dict[str, str]:
    """Write predictions to the log as the gateway writes them; return the outcome by the prediction's id."""
    version = project.store.registry.find("visits@1")
    model = load_bundle(project.store.blobs.path(version.blob))
    table = model.conform(change(rows).drop("bought"))
    scores = model.scores(table)
    origin = Origin(
        endpoint="visits",
        ref=version.ref,
        bundle=version.bundle,
        kinds={each.name: each.kind for each in model.signature.fields},
        outputs=tuple(f"proba_{name}" for name in model.classes),
    )
    ids = [f"p{first + place}" for place in range(rows.height)]
    columns: Mapping[str, list[object]] = {
        name: (
            table[name].dt.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00") if table[name].dtype.is_temporal() else table[name]
        ).to_list()
        for name in table.columns
    }
    log.append(
        origin,
        Answered(
            at=rows["at"][0],
            recorded=datetime(2026, 11, 1, tzinfo=UTC),
            replay=True,
            ids=ids,
            columns=columns,
            scores=scores.tolist(),
            decisions=model.predictions(scores)["prediction"].to_list(),
        ),
    )
    return dict(zip(ids, rows["bought"].to_list(), strict=True))
