"""A model that was trained elsewhere lives on: promoted, asked over HTTP, logged, labelled, watched, remembered."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from tenfold.bundle.format import load_bundle
from tenfold.foundation.clock import ManualClock
from tenfold.project.adopt import Adoption
from tenfold.project.labels import label_rows
from tenfold.project.open import open_project
from tenfold.project.watch import watch
from tenfold.store.open import Store
from tenfold.store.predictions.log import Answered, Origin, PredictionLog
from tenfold.store.predictions.reader import read_predictions
from tenfold.store.rows import Version
from tests.unit.deployment.onnx_file import linear
from tests.unit.gateway.gateway_scene import ask, body_of, running

pytestmark = pytest.mark.slow
_FILE = """
name: late
problem: {target: late, labels: {after: 1d}, requirements: [{id: ranks, that: roc_auc >= 0.6, where: [test, live]}]}
data: {path: t.csv}
monitoring: {window: 1d, quiet: 50}
"""
Predict = Callable[[Any], Any]


def table(rows: int, seed: int) -> pl.DataFrame:
    chance = np.random.default_rng(seed)
    wind, gust = chance.normal(size=rows), chance.normal(size=rows)
    late = 2 * wind + 0.5 * gust + chance.normal(size=rows) > 0.25
    return pl.DataFrame({"wind": wind, "gust": gust, "late": late.astype(int)})


def of_xgboost(folder: Path) -> tuple[Path, Predict, float]:
    import xgboost

    rows = table(600, 1)
    model = xgboost.XGBClassifier(n_estimators=20, nthread=1)
    model.fit(rows.select("wind", "gust").to_pandas(), rows["late"].to_numpy())
    model.save_model(folder / "model.ubj")
    return folder / "model.ubj", lambda asked: model.predict_proba(asked.to_pandas())[:, 1], 1e-5


def of_onnx(folder: Path) -> tuple[Path, Predict, float]:
    path = folder / "model.onnx"
    path.write_bytes(linear([[2.0], [0.5]], [-0.25], inputs=["wind", "gust"]))
    return path, lambda asked: 1 / (1 + np.exp(0.25 - asked.to_numpy() @ np.array([2.0, 0.5]))), 1e-6


@pytest.mark.parametrize("made", [of_xgboost, of_onnx])
def test_an_imported_model_lives_the_whole_life(made: Callable[[Path], tuple[Path, Predict, float]], tmp_path: Path):
    path, predict, tolerance = made(tmp_path)
    folder = tmp_path / "p"
    folder.mkdir()
    table(600, 2).write_csv(folder / "t.csv")
    (folder / "tenfold.yaml").write_text(_FILE, encoding="utf-8")
    project = open_project(folder, environ={})
    report = project.adopt(Adoption(path=path))
    assert report.status == "passed"
    assert report.proof.rows > 9000
    project.promote(report.version.ref, reason="from elsewhere", by="desk")
    asked = table(300, 3)
    rows = asked.select("wind", "gust")
    ids = [f"r{number}" for number in range(asked.height)]
    with running(folder / ".tenfold") as gateway:
        connection = gateway.connect()
        status, reply = ask(connection, body_of(*rows.to_dicts(), ids=ids), endpoint="late")
        connection.close()
    assert status == 200, reply
    answers = json.loads(reply)["predictions"]
    found = np.array([answer["proba_1"] for answer in answers])
    assert np.max(np.abs(found - predict(rows))) <= tolerance
    assert read_predictions(folder / ".tenfold", "late").rows.height == asked.height
    later = ManualClock(at=datetime.now(UTC) + timedelta(days=3))
    opened = open_project(folder, clock=later, environ={})
    label_rows(
        pl.DataFrame({"id": ids, "outcome": [str(each) for each in asked["late"]]}), opened.store, source="desk.csv"
    )
    windows = watch(opened.spec, opened.store, clock=later).document()["windows"]
    assert sum(each["window"]["labelled"] for each in windows) == asked.height
    judged = next(each for each in windows if each["window"]["rows"] == asked.height)
    assert judged["metrics"]["roc_auc"]["value"] == pytest.approx(roc_auc_score(asked["late"], predict(rows)), abs=1e-3)
    kept = [each.verdict for each in opened.store.evidence.of(subject=report.version.bundle)]
    assert [(each.place, each.requirement, each.verdict) for each in kept] == [
        ("test", "ranks", "pass"),
        ("live", "ranks", "pass"),
    ]
    history = opened.model_history("late").document()["events"]
    assert [each["event"] for each in history] == ["registered", "alias", "released"]
    assert (history[-1]["ref"], history[-1]["reason"]) == (report.version.ref, "from elsewhere")
    assert opened.store.verify().ok


FIRST = datetime(2026, 6, 1, tzinfo=UTC)


def answer(store: Store, version: Version, rows: pl.DataFrame, *, day: int) -> None:
    """Write a day's answers into the log, as the gateway does."""
    model = load_bundle(store.blobs.path(version.blob))
    asked = model.conform(rows.select("wind", "gust"))
    scores = model.scores(asked)
    with closing(PredictionLog(store.folder, worker=day)) as log:
        log.append(
            Origin(
                endpoint="late",
                ref=version.ref,
                bundle=version.bundle,
                kinds={field.name: field.kind for field in model.signature.fields},
                outputs=tuple(f"proba_{name}" for name in model.classes),
            ),
            Answered(
                at=FIRST + timedelta(days=day, hours=9),
                recorded=FIRST + timedelta(days=day, hours=9),
                replay=False,
                ids=[f"{day}-{place}" for place in range(rows.height)],
                columns={name: asked[name].to_list() for name in asked.columns},
                scores=scores.tolist(),
                decisions=model.predictions(scores)["prediction"].to_list(),
            ),
        )


def test_windows_of_an_imported_version_are_judged_for_drift_and_broken_data(tmp_path: Path):
    path, _, _ = of_xgboost(tmp_path)
    table(600, 2).write_csv(tmp_path / "t.csv")
    (tmp_path / "tenfold.yaml").write_text(_FILE, encoding="utf-8")
    version = open_project(tmp_path, environ={}).adopt(Adoption(path=path)).version
    clock = ManualClock(at=FIRST + timedelta(days=4))
    project = open_project(tmp_path, clock=clock, environ={})
    usual, shifted, halved = table(400, 11), table(400, 12), table(400, 13)
    answer(project.store, version, usual, day=0)
    answer(project.store, version, shifted.with_columns(pl.col("wind") + 1.5), day=1)
    gaps = pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.col("gust"))
    answer(project.store, version, halved.with_columns(gaps.alias("gust")), day=2)
    quiet, drifted, broken = (look.health for look in watch(project.spec, project.store, clock=clock).looks[:3])
    assert (quiet.integrity, quiet.drift, quiet.notes) == ((), (), ())
    assert quiet.evidence is not None
    assert not drifted.integrity
    assert {finding.column for finding in drifted.drift} == {"wind", "prediction:1"}
    assert [(finding.rule, finding.column) for finding in broken.integrity] == [("missing", "gust")]
