"""A foreign model asked by its own house what it predicts: what our predictor is held against.

These functions run in a process of their own (`tenfold.bundle.confined`): they get a model's bytes and rows of numbers
and return scores, one column for each class or one for the predicted number.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tenfold.bundle.arrays import pack, unpack
from tenfold.bundle.confined import Parsed
from tenfold.bundle.foreign_skops_types import TRUSTED
from tenfold.bundle.matrix import Floats

_AT_ONCE = 256
Ask = Callable[[npt.NDArray[np.int64]], Any]
"""From the places of rows to what the model says of them."""


def lightgbm_scores(content: bytes, facts: Mapping[str, Any]) -> Parsed:
    """Return what LightGBM's own library says of rows, from the whole text."""
    library = importlib.import_module("tenfold.bundle.predictors.lightgbm_library")
    model, rows = _given(content)
    trees = library.TreeLibrary(model.decode("utf-8"), columns=rows.shape[1], scores=int(facts["scores"]))
    return _answered(lambda places: trees.answers(rows[places]), len(rows), facts)


def xgboost_scores(content: bytes, facts: Mapping[str, Any]) -> Parsed:
    """Return what XGBoost says of rows; ``facts``: trees (how many), levels (places of categories)."""
    xgboost = importlib.import_module("xgboost")
    model, rows = _given(content)
    booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(model))
    if facts["task"] == "multiclass":
        booster.set_param({"objective": "multi:softprob"})
    coded = set(facts.get("levels", ()))
    kinds = ["c" if place in coded else "float" for place in range(rows.shape[1])]
    rounds = int(facts.get("rounds", 0))

    def ask(places: npt.NDArray[np.int64]) -> Any:
        given = xgboost.DMatrix(rows[places], feature_types=kinds, enable_categorical=True, nthread=1)
        return booster.predict(given, iteration_range=(0, rounds), validate_features=False)

    return _answered(ask, len(rows), facts)


def catboost_scores(content: bytes, facts: Mapping[str, Any]) -> Parsed:
    """Return what CatBoost says of rows; ``facts``: format, answer (its word for the kind of prediction)."""
    catboost = importlib.import_module("catboost")
    model, rows = _given(content)
    booster = catboost.CatBoost()
    Path("model").write_bytes(model)
    booster.load_model("model", format=facts["format"])
    names = booster.feature_names_

    def ask(places: npt.NDArray[np.int64]) -> Any:
        pool = catboost.Pool(rows[places], feature_names=names)
        return booster.predict(pool, prediction_type=facts["answer"], thread_count=1)

    return _answered(ask, len(rows), facts)


def catboost_json(content: bytes, _: Mapping[str, Any]) -> Parsed:
    """Return a binary model of CatBoost as the JSON that CatBoost writes of it."""
    catboost = importlib.import_module("catboost")
    Path("model.cbm").write_bytes(content)
    model = catboost.CatBoost().load_model("model.cbm")
    if model.get_cat_feature_indices() or model.get_text_feature_indices() or model.get_embedding_feature_indices():
        return Parsed(facts={"words": True})
    model.save_model("model.json", format="json")
    return Parsed(facts={"words": False}, files={"model": Path("model.json").read_bytes()})


def onnx_scores(content: bytes, facts: Mapping[str, Any]) -> Parsed:
    """Return what the runtime says of many rows at once; ``facts``: inputs (name and type), output, order."""
    runtime = importlib.import_module("onnxruntime")
    model, rows = _given(content)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    types = {"float": np.float32, "double": np.float64, "int64": np.int64}

    def ask(places: npt.NDArray[np.int64]) -> Any:
        some = rows[places]
        if len(facts["inputs"]) == 1:
            ((name, kind),) = facts["inputs"]
            given = {name: some.astype(types[kind])}
        else:
            given = {name: some[:, at : at + 1].astype(types[kind]) for at, (name, kind) in enumerate(facts["inputs"])}
        if any(kind == "int64" for _, kind in facts["inputs"]) and not np.isfinite(some).all():
            raise ValueError("whole numbers know no missing")
        return np.asarray(session.run([facts["output"]], given)[0], dtype=np.float64).reshape(len(some), -1)

    return _answered(ask, len(rows), facts)


def skops_scores(content: bytes, facts: Mapping[str, Any]) -> Parsed:
    """Return what scikit-learn says of a table; ``facts``: columns (name and, for words, the values), probabilities."""
    skops_io = importlib.import_module("skops.io")
    model, rows = _given(content)
    estimator = skops_io.loads(model, trusted=list(TRUSTED))
    columns = facts["columns"]
    method = estimator.predict_proba if facts["probabilities"] else estimator.predict
    if facts["named"]:
        pandas = importlib.import_module("pandas")
        given = pandas.DataFrame(
            {
                name: np.array([np.nan if word is None else word for word in words], dtype=object)
                if words is not None
                else rows[:, at]
                for at, (name, words) in enumerate(columns)
            }
        )
        return _answered(lambda places: method(given.iloc[places]), len(rows), facts)
    return _answered(lambda places: method(rows[places]), len(rows), facts)


def _given(content: bytes) -> tuple[bytes, Floats]:
    arrays = unpack(content, name="model and rows")
    return arrays["model"].tobytes(), np.ascontiguousarray(arrays["rows"])


def _answered(ask: Ask, rows: int, facts: Mapping[str, Any]) -> Parsed:
    """Return the scores of each row, and which rows the model refuses to read."""
    found: dict[int, Floats] = {}
    reasons: list[str] = []
    order = np.arange(rows)
    for start in range(0, rows, _AT_ONCE):
        _each(ask, order[start : start + _AT_ONCE], found, reasons)
    width = max((len(each) for each in found.values()), default=1)
    scores = np.full((rows, width), np.nan)
    for place, each in found.items():
        scores[place] = each
    if facts["task"] == "binary" and width == 1:
        scores = np.column_stack([1.0 - scores, scores])
    answered = np.zeros(rows, dtype=np.uint8)
    answered[list(found)] = 1
    return Parsed(
        facts={"refusals": json.loads(json.dumps(sorted(set(reasons))[:3]))},
        files={"scores": pack({"scores": scores, "answered": answered})},
    )


def _each(ask: Ask, places: npt.NDArray[np.int64], found: dict[int, Floats], reasons: list[str]) -> None:
    try:
        answers = np.asarray(ask(places), dtype=np.float64).reshape(len(places), -1)
    except Exception as error:  # noqa: BLE001 - a transport's edge: a library of others raises what it likes
        if len(places) == 1:
            reasons.append((str(error).strip().splitlines() or [type(error).__name__])[0][:200])
            return
        middle = len(places) // 2
        _each(ask, places[:middle], found, reasons)
        _each(ask, places[middle:], found, reasons)
        return
    found.update(zip(places.tolist(), answers, strict=True))
