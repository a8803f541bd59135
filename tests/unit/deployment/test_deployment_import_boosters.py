"""Models of XGBoost and CatBoost: what their files say is what we predict."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.unit.deployment.proof_scene import proven

from tenfold.bundle.foreign_read import read_content, read_foreign
from tenfold.bundle.foreign_trees import before_single, upto_single
from tenfold.bundle.foreign_ubjson import read_ubjson
from tenfold.foundation.errors import InputError

_ROWS = 400
_LARGEST_SINGLE = float(np.finfo(np.float32).max)


@cache
def frame() -> pd.DataFrame:
    chance = np.random.default_rng(11)
    table = pd.DataFrame(
        {
            "wind": chance.normal(size=_ROWS),
            "gust": 100 * chance.normal(size=_ROWS),
            "hour": chance.integers(0, 9, _ROWS),
        }
    )
    table["hour"] = table["hour"].astype(float)
    table.loc[chance.random(_ROWS) < 0.1, "gust"] = np.nan
    table["origin"] = pd.Categorical(chance.choice(["JFK", "LGA", "EWR"], _ROWS))
    return table


def signal() -> Any:
    table = frame()
    return table["wind"] + (table["origin"] == "JFK") * table["gust"].fillna(0) / 50 + table["hour"] / 4


@pytest.fixture(scope="module")
def boosted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one model of XGBoost over words and numbers, in both formats."""
    import xgboost

    folder = tmp_path_factory.mktemp("xgboost")
    model = xgboost.XGBClassifier(n_estimators=20, nthread=1, enable_categorical=True, max_cat_to_onehot=1)
    model.fit(frame(), (signal() > 1).astype(int))
    for name in ("m.json", "m.ubj"):
        model.save_model(folder / name)
    return folder


def test_xgboost_with_categories_is_the_same_in_both_formats_and_as_ours(boosted: Path) -> None:
    from_json, from_binary = read_foreign(boosted / "m.json"), read_foreign(boosted / "m.ubj")
    assert from_json.inputs == from_binary.inputs
    assert from_json.predictor("binary", (0, 1)).files() == from_binary.predictor("binary", (0, 1)).files()
    found = proven(from_binary, frame(), "binary", ("0", "1"))
    assert found.rows > 1300
    assert found.greatest_difference <= 1e-6


def test_an_original_that_predicts_otherwise_is_refused(boosted: Path) -> None:
    content = (boosted / "m.json").read_bytes()
    document = json.loads(content)
    document["learner"]["learner_model_param"]["base_score"] = "[5E-1]"
    foreign = read_content(json.dumps(document).encode(), "it")
    other = replace(foreign, original=replace(foreign.original, content=content))  # type: ignore[type-var]
    with pytest.raises(InputError, match=r"cannot be carried over: .* hard rows get other scores"):
        proven(other, frame(), "binary", ("0", "1"))


@pytest.mark.parametrize(("form", "policy"), [("json", "SymmetricTree"), ("json", "Lossguide"), ("cbm", "Depthwise")])
def test_catboost_is_the_same_where_missing_is_above_all(tmp_path: Path, form: str, policy: str) -> None:
    import catboost

    model = catboost.CatBoostClassifier(
        iterations=15, verbose=False, allow_writing_files=False, thread_count=1, grow_policy=policy, nan_mode="Max"
    )
    names = np.array(["low", "middle", "top"])[np.digitize(signal(), [0.0, 1.5])]
    model.fit(frame()[["wind", "gust", "hour"]], names)
    model.save_model(str(tmp_path / "m"), format=form)
    foreign = read_foreign(tmp_path / "m")
    assert foreign.classes == ("low", "middle", "top")
    found = proven(foreign, frame(), "multiclass", ("top", "low", "middle"), (2, 0, 1))
    assert (found.rows, found.refused) == (1500, 0)
    assert found.greatest_difference <= 1e-12


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x80\x05\x95pickle", "is a pickle"),
        (b"cos\nsystem\n(S'true'\ntR.", "is a pickle"),
        (b"\x1f\x8b\x08rest", "compressed"),
        (b"x\x9crest", "compressed"),
        (b"binf....", "old binary format"),
        (b"{}", "neither a model of XGBoost nor of CatBoost"),
        (b'{"learner": {}}', "lacks what it needs"),
        (b'{"learner": ' + b"[" * 100_000, "not JSON"),
        (b"{L\x00\x00\x00\x00\x00\x00\x00\x07learn", "cut short"),
        (b"{L" + b"\x7f" * 8, "a length of"),
        (b"{" + b"U\x01a[" * 200, "Universal Binary JSON"),
        (b"PK\x03\x04rest", "not a zip file"),
    ],
)
def test_what_is_no_model_is_refused_by_name(content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_content(content, "it")


def test_bounds_in_single_precision_are_those_of_double_precision() -> None:
    chance = np.random.default_rng(5)
    bounds = np.concatenate([chance.normal(size=200), [0.0, -0.0, 1e-40, 16_777_217.0, -3.0e38, 0.1, _LARGEST_SINGLE]])
    for value, upto, before in zip(bounds, upto_single(bounds), before_single(bounds), strict=True):
        beside = [upto, np.nextafter(upto, np.inf), before, np.nextafter(before, np.inf), value]
        with np.errstate(over="ignore"):  # beyond the largest of them begins infinity
            rounded = [np.float32(each) for each in beside]
        for each, single in zip(beside, rounded, strict=True):
            assert (single <= value) == (each <= upto)
            assert (single < np.float32(value)) == (each <= before)


def test_universal_binary_json_reads_what_xgboost_writes(boosted: Path) -> None:
    document = read_ubjson((boosted / "m.ubj").read_bytes())
    known = json.loads((boosted / "m.json").read_bytes())
    assert document["learner"]["feature_names"] == known["learner"]["feature_names"]
    trees = document["learner"]["gradient_booster"]["model"]["trees"]
    assert (
        trees[0]["left_children"].tolist() == known["learner"]["gradient_booster"]["model"]["trees"][0]["left_children"]
    )
