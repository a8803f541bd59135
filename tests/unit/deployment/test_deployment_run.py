from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from tenfold.project.open import Project, open_project
from tenfold.store import endpoints

FILE = """
name: late
problem:
  target: late
  requirements:
    - {{id: ranks, that: roc_auc >= {bound}}}
    - {{id: no-worse, that: brier <= champion + 0.1}}
    - {{id: no-larger, that: size_mb <= champion + 1, level: should}}
data: {{path: t.csv}}
training: {{budget: {{trials: 1}}, learners: [{learner}], seed: {seed}}}
deployment: {{promote: {promote}}}
"""


def opened(
    folder: Path, *, learner: str = "linear", promote: str = "auto", bound: float = 0.6, seed: int = 7
) -> Project:
    if not (folder / "t.csv").exists():
        chance = np.random.default_rng(3)
        wind, gust = chance.normal(size=800), chance.normal(size=800)
        late = 2 * wind + wind * gust + chance.normal(size=800) > 0
        pl.DataFrame({"wind": wind, "gust": gust, "late": late.astype(int)}).write_csv(folder / "t.csv")
    text = FILE.format(learner=learner, promote=promote, bound=bound, seed=seed)
    (folder / "tenfold.yaml").write_text(text, encoding="utf-8")
    return open_project(folder, environ={})


def test_the_first_version_that_passes_goes_live_and_the_next_is_held_against_it(tmp_path: Path) -> None:
    first = opened(tmp_path)
    report = first.run(workers="inline")
    assert report.promotion is not None
    assert report.promotion["live"] is True
    assert {each.requirement: each.verdict for each in report.verdicts}["no-worse"] == "pending"
    release = first.store.releases.history()[0]
    assert (release.ref, release.by) == ("late@1", "tenfold run")
    assert f"run {report.run}" in release.reason
    manifest = endpoints.read(first.store.folder, "late")
    assert manifest is not None
    assert manifest.routes[0].ref == "late@1"

    second = opened(tmp_path, learner="lightgbm")
    evaluation = {stage.name: stage for stage in second.plan().stages}["evaluation"]
    assert "'champion' changed" in evaluation.reasons
    again = second.run(workers="inline")
    assert again.promotion is None
    found = {each.requirement: each for each in again.verdicts}
    assert (found["no-worse"].verdict, found["no-larger"].verdict) == ("pass", "pass")
    assert found["no-worse"].reference == "champion"
    champion = second.store.registry.find("late@champion").bundle
    assert again.version is not None
    judged = second.store.evidence.of(subject=again.version.bundle, requirement="no-worse")
    assert [each.inputs["champion"] for each in judged] == [champion]
    assert second.store.aliases.current("late") == {"champion": 1}

    second.promote("late@2")
    # The champion itself comes out again: nothing is to be compared, and nothing failed.
    itself = opened(tmp_path, learner="lightgbm").run(workers="inline")
    assert itself.version is not None
    assert itself.version.ref == "late@2"
    assert {each.requirement: each.verdict for each in itself.verdicts}["no-worse"] == "pending"
    assert itself.promotion is None
    kept = opened(tmp_path, learner="lightgbm").run(workers="inline")
    assert all(stage.cached for stage in kept.outcome.stages)
    assert second.store.verify().ok


def test_a_version_that_fails_is_not_promoted_by_itself(tmp_path: Path) -> None:
    report = opened(tmp_path, bound=0.999).run(workers="inline")
    assert report.promotion is not None
    assert report.promotion["live"] is False
    assert "'ranks': fail" in report.promotion["reason"]
    assert report.document()["promotion"] == report.promotion


def test_ask_leaves_it_to_a_person(tmp_path: Path) -> None:
    project = opened(tmp_path, promote="ask")
    assert project.run(workers="inline").promotion is None
    assert project.store.releases.history() == ()


def test_a_run_without_a_word_about_the_champion_does_not_depend_on_it(tmp_path: Path) -> None:
    project = opened(tmp_path)
    text = (tmp_path / "tenfold.yaml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "champion" not in line]
    (tmp_path / "tenfold.yaml").write_text("\n".join(lines), encoding="utf-8")
    for _ in range(2):
        project = open_project(tmp_path, environ={})
        report = project.run(workers="inline")
    assert project.store.aliases.current("late") == {"champion": 1}
    assert all(stage.cached for stage in report.outcome.stages)
