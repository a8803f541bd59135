from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tenfold.bundle.foreign_lightgbm import read_trees
from tenfold.foundation.errors import CheckFailed, InputError
from tenfold.project.adopt import Adoption
from tenfold.project.open import Project, open_project
from tenfold.project.score import load

FILE = """
name: late
problem:
  target: {target}
  {task}
  requirements: [{{id: ranks, that: {that}}}]
data: {{path: t.csv, columns: {{after: {{available: later}}}}}}
"""
_ROWS = 600


def frame() -> pd.DataFrame:
    chance = np.random.default_rng(3)
    table = pd.DataFrame(
        {
            "wind speed": chance.normal(size=_ROWS),
            "gust": chance.normal(size=_ROWS),
            "origin": chance.choice(["JFK", "LGA", "EWR"], size=_ROWS),
            "night": chance.random(_ROWS) < 0.4,
            "after": chance.normal(size=_ROWS),
        }
    )
    signal = 2 * table["wind speed"] + (table["origin"] == "JFK") * table["gust"] + table["night"]
    table["late"] = (signal + chance.normal(size=_ROWS) > 0.5).astype(int)
    table["delay"] = np.exp(0.3 * signal) * 10
    table["level"] = pd.cut(signal, [-np.inf, -0.5, 1.5, np.inf], labels=["low", "middle", "top"]).astype(str)
    table.loc[chance.random(_ROWS) < 0.1, "gust"] = np.nan
    table.loc[chance.random(_ROWS) < 0.1, "origin"] = None
    return table


def trained(folder: Path, target: pd.Series[Any], columns: list[str], **params: Any) -> tuple[Path, Any]:
    """Return the file that LightGBM wrote, and the booster that wrote it."""
    import lightgbm

    table = inputs(columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = lightgbm.Dataset(table, target)
        booster = lightgbm.train(
            {"verbose": -1, "num_threads": 1, "num_leaves": 7, "min_data_in_leaf": 5, **params}, data, 8
        )
    path = folder / "model.txt"
    booster.save_model(path)
    return path, booster


def inputs(columns: list[str]) -> pd.DataFrame:
    table = frame()[columns].copy()
    if "origin" in columns:
        table["origin"] = pd.Categorical(table["origin"])
    return table


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Project]:
    def make(*, target: str = "late", task: str = "", that: str = "roc_auc >= 0.6") -> Project:
        folder = tmp_path / "p"
        folder.mkdir()
        keep = ["wind speed", "gust", "origin", "night", "after", target]
        frame()[keep].to_csv(folder / "t.csv", index=False)
        (folder / "tenfold.yaml").write_text(FILE.format(target=target, task=task, that=that), encoding="utf-8")
        return open_project(folder, environ={})

    return make


COLUMNS = ["gust", "origin", "night", "wind speed"]


def test_an_imported_model_predicts_what_it_predicted_before(project: Callable[..., Project], tmp_path: Path) -> None:
    path, booster = trained(tmp_path, frame()["late"], COLUMNS, objective="binary")
    opened = project()
    report = opened.adopt(Adoption(path=path))
    assert report.status == "passed"
    model = load(report.path)
    expected = booster.predict(inputs(COLUMNS))
    table = pl.from_pandas(frame()[COLUMNS])
    found = model.predict(table)["proba_1"].to_numpy()
    assert np.max(np.abs(found - expected)) <= 1e-12
    alone = [model.scores_row(model.signature.conform_row(row))[0, 1] for row in table.head(50).to_dicts()]
    assert np.max(np.abs(alone - expected[:50])) <= 1e-12
    unseen = table.head(3).with_columns(pl.lit("BOS").alias("origin"))
    before = inputs(COLUMNS).head(3).copy()
    before["origin"] = pd.Categorical([None] * 3, categories=inputs(COLUMNS)["origin"].cat.categories)
    assert np.allclose(model.predict(unseen)["proba_1"].to_numpy(), booster.predict(before), atol=1e-12)


def test_an_imported_version_comes_under_the_same_gates_and_history(
    project: Callable[..., Project], tmp_path: Path
) -> None:
    path, _ = trained(tmp_path, frame()["late"], COLUMNS, objective="binary")
    opened = project(that="roc_auc >= 0.999")
    report = opened.adopt(Adoption(path=path))
    assert (report.status, report.ok) == ("failed", False)
    with pytest.raises(CheckFailed, match="'ranks': fail"):
        opened.promote(report.version.ref)
    release = opened.promote(report.version.ref, accept=["ranks"], reason="a trial").release
    assert release.threshold == report.document()["threshold"]["value"]
    assert "development rows" in report.document()["threshold"]["reason"]
    assert report.looks == 1
    assert opened.adopt(Adoption(path=path)).version == report.version
    assert opened.show_model(report.version.ref).document()["evidence"]
    assert opened.show_run(report.run).document()["status"] == "failed"
    assert opened.store.verify().ok


def test_classes_in_another_order_are_put_in_the_projects(project: Callable[..., Project], tmp_path: Path) -> None:
    theirs = ["top", "low", "middle"]
    codes = frame()["level"].map({name: place for place, name in enumerate(theirs)})
    path, booster = trained(tmp_path, codes, COLUMNS, objective="multiclass", num_class=3)
    opened = project(target="level", that="log_loss <= baseline - 10%")
    with pytest.raises(InputError, match="which class is which"):
        opened.adopt(Adoption(path=path))
    with pytest.raises(InputError, match="the project's classes are"):
        opened.adopt(Adoption(path=path, classes=("top", "low", "high")))
    report = opened.adopt(Adoption(path=path, classes=tuple(theirs)))
    assert report.status == "passed"
    found = load(report.path).predict(pl.from_pandas(frame()[COLUMNS]))
    expected = booster.predict(inputs(COLUMNS))
    for place, name in enumerate(theirs):
        assert np.allclose(found[f"proba_{name}"].to_numpy(), expected[:, place], atol=1e-12)


def test_numbers_are_linked_as_their_objective_asks(project: Callable[..., Project], tmp_path: Path) -> None:
    opened = project(target="delay", that="rmse <= 1000")
    for objective in ("regression", "poisson", "quantile"):
        path, booster = trained(tmp_path, frame()["delay"], COLUMNS, objective=objective)
        report = opened.adopt(Adoption(path=path))
        found = load(report.path).predict(pl.from_pandas(frame()[COLUMNS]))["prediction"].to_numpy()
        assert np.allclose(found, booster.predict(inputs(COLUMNS)), rtol=1e-12), objective


def test_columns_without_names_are_taken_from_a_signature_or_a_sample(
    project: Callable[..., Project], tmp_path: Path
) -> None:
    import lightgbm

    values = frame()[["gust", "wind speed"]].to_numpy()
    booster = lightgbm.train(
        {"objective": "binary", "verbose": -1, "num_threads": 1}, lightgbm.Dataset(values, frame()["late"]), 3
    )
    path = tmp_path / "model.txt"
    booster.save_model(path)
    opened = project()
    with pytest.raises(InputError, match="names none"):
        opened.adopt(Adoption(path=path))
    signature = tmp_path / "signature.json"
    signature.write_text(json.dumps({"inputs": [{"name": "gust", "kind": "numeric"}]}))
    with pytest.raises(InputError, match="reads 2 columns, and 1 are given"):
        opened.adopt(Adoption(path=path, signature=signature))
    signature.write_text(json.dumps({"inputs": [{"name": name, "kind": "numeric"} for name in ("gust", "wind speed")]}))
    first = opened.adopt(Adoption(path=path, signature=signature, threshold=0.25))
    assert first.threshold is not None
    assert first.threshold.value == 0.25
    sample = tmp_path / "sample.csv"
    frame()[["gust", "wind speed", "late"]].head(100).to_csv(sample, index=False)
    second = opened.adopt(Adoption(path=path, sample=str(sample)))
    for report in (first, second):
        found = load(report.path).predict(pl.from_pandas(frame()[["gust", "wind speed"]]))["proba_1"].to_numpy()
        assert np.allclose(found, booster.predict(values), atol=1e-12)


@pytest.mark.parametrize(
    ("columns", "objective", "words"),
    [
        (["gust", "after"], "binary", "known with the outcome only"),
        (["gust", "wind speed"], "regression", "trained for a regression task, and the project's is binary"),
        (["gust", "late"], "binary", "nobody has a column for"),
        (["gust", "delay"], "binary", "'delay', which nobody has a column for"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_with_the_reason(
    project: Callable[..., Project], tmp_path: Path, columns: list[str], objective: str, words: str
) -> None:
    path, _ = trained(tmp_path, frame()["late"], columns, objective=objective)
    opened = project()
    with pytest.raises(InputError, match=words):
        opened.adopt(Adoption(path=path))
    assert opened.store.registry.versions() == ()
    assert opened.store.evidence.of() == ()
    assert opened.runs().document()["runs"][0]["status"] == "failed"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a model"),
        (b"\x80\x04pickle", "is a pickle: loading it would run"),
        (b"tree\nversion=v4\n", "max_feature_idx"),
        (b"tree\n\xff", "not even text"),
    ],
)
def test_what_is_no_model_is_refused(
    project: Callable[..., Project], tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "model.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        project().adopt(Adoption(path=path))


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        ("lambdarank", "trained for 'lambdarank'"),
        ("binary sigmoid:2", "only sigmoid:1"),
        ("regression sqrt", "square roots"),
        ("multiclassova num_class:3 sigmoid:1", "trained for 'multiclassova'"),
    ],
)
def test_what_cannot_be_carried_over_exactly_is_refused(tmp_path: Path, objective: str, words: str) -> None:
    path, _ = trained(tmp_path, frame()["late"], ["gust"], objective="binary")
    changed = path.read_text().replace("objective=binary sigmoid:1", f"objective={objective}")
    with pytest.raises(InputError, match=words):
        read_trees(changed.encode())
