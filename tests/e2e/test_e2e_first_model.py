"""From a table to a judged model in three commands."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from tests.e2e.conftest import Command, Judged, change

pytestmark = pytest.mark.slow

STAGES = ["problem", "data", "validation", "features", "training", "tuning", "evaluation"]


def test_init_run_and_predict_turn_a_table_into_a_judged_model(
    judged: Judged, tenfold: Command, tumours: pl.DataFrame
) -> None:
    project, document = judged.folder, judged.document

    assert document["schema"] == "tenfold.run/1"
    assert document["status"] == "passed"
    assert document["task"] == "binary"
    assert [stage["name"] for stage in document["stages"]] == STAGES
    assert not any(stage["cached"] for stage in document["stages"])
    assert re.fullmatch(r".+@1", document["model"]["ref"])
    auc = document["metrics"]["test"]["roc_auc"]
    assert auc["low"] <= auc["value"] <= auc["high"]
    assert auc["value"] > 0.95
    assert {row["verdict"] for row in document["requirements"]} <= {"pass", "inconclusive"}
    assert document["leaderboard"], "the leaderboard says what was tried"
    assert {"learner", "score", "low", "high", "seconds", "weight", "row_cpu_us"} <= set(document["leaderboard"][0])

    wanted = tumours.drop("diagnosis").head(50)
    wanted.write_csv(project / "new.csv")
    scored = tenfold("predict", document["model"]["ref"], "new.csv", "--output", "scored.csv", cwd=project)
    assert scored.code == 0, scored.err
    result = pl.read_csv(project / "scored.csv")
    assert result.height == 50
    assert {"prediction", "proba_benign", "proba_malignant"} <= set(result.columns)
    assert (result["prediction"] == tumours["diagnosis"].head(50)).mean() > 0.9


def test_an_unchanged_project_is_all_cached_and_registers_no_second_version(judged: Judged, tenfold: Command) -> None:
    project, first = judged.folder, judged.document
    again = tenfold("run", "--json", cwd=project).document()

    assert all(stage["cached"] for stage in again["stages"])
    assert {**again["model"], "path": ""} == {**first["model"], "path": ""}
    assert again["metrics"] == first["metrics"]
    assert len(tenfold("model", "list", "--json", cwd=project).document()["models"]) == 1


def test_changing_a_stage_recomputes_it_and_what_follows_only(judged: Judged, tenfold: Command) -> None:
    project = judged.folder
    path = project / "tenfold.yaml"

    path.write_text(
        path.read_text() + "\nevaluation: {metrics: [mcc]}\n"
        if "evaluation:" not in path.read_text()
        else re.sub(r"(?m)^evaluation:.*(\n  .*)*", "evaluation: {metrics: [mcc]}", path.read_text())
    )
    changed = {s["name"]: s["cached"] for s in tenfold("run", "--json", cwd=project).document()["stages"]}
    assert changed == {name: name != "evaluation" for name in STAGES}

    path.write_text(re.sub(r"(?m)^features:.*(\n  .*)*", "", path.read_text()) + "\nfeatures: {dates: false}\n")
    changed = {s["name"]: s["cached"] for s in tenfold("run", "--json", cwd=project).document()["stages"]}
    assert changed["data"]
    assert changed["validation"]
    assert not changed["features"]
    assert not changed["training"]


def test_a_budget_in_trials_gives_the_same_bundle_in_another_folder(
    judged: Judged, project: Path, tenfold: Command
) -> None:
    # In this process instead of in others, and with another number of threads.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"), "2")
    tenfold("run", "--json", "--workers", "inline", cwd=project, env=threads)

    hashes = [
        tenfold("model", "list", "--json", cwd=folder).document()["models"][0]["bundle"]
        for folder in (judged.folder, project)
    ]
    assert hashes[0] == hashes[1]


def test_a_timed_run_is_rebuilt_from_its_decisions_to_the_same_bundle(project: Path, tenfold: Command) -> None:
    change(project / "tenfold.yaml", budget="8s")
    done = tenfold("run", "--json", cwd=project)
    assert "run" in done.document(), done.err
    run = done.document()["run"]

    again = tenfold("runs", "reproduce", run, "--json", cwd=project)

    assert again.code == 0, again.err
    document = again.document()
    assert document["equal"] is True
    assert document["expected"] == document["found"]
