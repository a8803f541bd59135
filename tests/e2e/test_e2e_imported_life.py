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

from tenfold.automation.tick import tick
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
problem:
  target: late
  labels: {after: 1d}
  requirements:
    - {id: ranks, that: roc_auc >= 0.6, where: [test, live]}
    - {id: useful, that: log_loss <= baseline, where: [test, live]}
data: {path: t.csv}
monitoring: {window: 1d, quiet: 50}
"""
Predict = Callable[[Any], Any]


def table(rows: int, seed: int, *, shift: float = 0.0) -> pl.DataFrame:
    chance = np.random.default_rng(seed)
    wind, gust = chance.normal(size=rows) + shift, chance.normal(size=rows)
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


FIRST = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


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
    # Two usual days, one on which another wind blows, and one more.
    days = [table(300, 30), table(300, 31), table(300, 32, shift=1.5), table(300, 33, shift=1.5)]
    names = [[f"d{day}-{number}" for number in range(asked.height)] for day, asked in enumerate(days)]
    with running(folder / ".tenfold", "--replay") as gateway:
        connection = gateway.connect()
        for day, (asked, ids) in enumerate(zip(days, names, strict=True)):
            rows = asked.select("wind", "gust")
            at = {"content-type": "application/json", "x-tenfold-at": (FIRST + day * DAY + DAY / 2).isoformat()}
            status, reply = ask(connection, body_of(*rows.to_dicts(), ids=ids), at, endpoint="late")
            assert status == 200, reply
            found = np.array([answer["proba_1"] for answer in json.loads(reply)["predictions"]])
            assert np.max(np.abs(found - predict(rows))) <= tolerance
        connection.close()
    assert read_predictions(folder / ".tenfold", "late").rows.height == sum(asked.height for asked in days)
    outcomes = pl.concat(days)["late"].cast(pl.String)
    later = ManualClock(at=FIRST + 6 * DAY)
    opened = open_project(folder, clock=later, environ={})
    label_rows(
        pl.DataFrame({"id": [each for ids in names for each in ids], "outcome": outcomes}),
        opened.store,
        source="desk.csv",
    )
    told: list[str] = []
    done = tick(opened, workers="inline", tell=told.append)
    assert done.watched is not None
    looks = [look.health for look in done.watched.looks][: len(days)]
    assert [look.window.labelled for look in looks] == [300] * len(days)
    for look, asked in zip(looks, days, strict=True):
        assert look.evidence is not None
        assert (look.integrity, look.notes) == ((), ())
        expected = roc_auc_score(asked["late"], predict(asked.select("wind", "gust")))
        assert look.metrics["roc_auc"].value == pytest.approx(expected, abs=1e-3)
    assert [{finding.column for finding in look.drift} for look in looks[:3]] == [
        set(),
        set(),
        {"wind", "prediction:1"},
    ]
    drift = [each for each in opened.store.incidents.current("late") if each.kind == "drift"]
    assert [each.opened for each in drift] == [FIRST + 2 * DAY]
    assert any("'wind' moved" in line for line in told)
    assert [decision.action for decision in done.renewed.decisions] == ["none"]
    kept = [each.verdict for each in opened.store.evidence.of(subject=report.version.bundle)]
    assert [(each.place, each.requirement, each.verdict) for each in kept] == [
        ("test", "ranks", "pass"),
        ("test", "useful", "pass"),
        *[("live", each, "pass") for _ in days for each in ("ranks", "useful")],
    ]
    history = opened.model_history("late").document()["events"]
    assert [each["event"] for each in history] == ["registered", "alias", "released", "decision"]
    assert (history[2]["ref"], history[2]["reason"]) == (report.version.ref, "from elsewhere")
    assert opened.store.verify().ok


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


def test_a_broken_feed_of_an_imported_version_is_told(tmp_path: Path):
    path, _, _ = of_xgboost(tmp_path)
    table(600, 2).write_csv(tmp_path / "t.csv")
    (tmp_path / "tenfold.yaml").write_text(_FILE, encoding="utf-8")
    version = open_project(tmp_path, environ={}).adopt(Adoption(path=path)).version
    clock = ManualClock(at=FIRST + timedelta(days=3))
    project = open_project(tmp_path, clock=clock, environ={})
    answer(project.store, version, table(400, 11), day=0)
    gaps = pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.col("gust"))
    answer(project.store, version, table(400, 13).with_columns(gaps.alias("gust")), day=1)
    quiet, broken = (look.health for look in watch(project.spec, project.store, clock=clock).looks[:2])
    assert (quiet.integrity, quiet.drift, quiet.notes) == ((), (), ())
    assert [(finding.rule, finding.column) for finding in broken.integrity] == [("missing", "gust")]
