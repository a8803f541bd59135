"""A folder that MLflow wrote: the model in it is read as its file alone is, with the columns that MLflow names."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.unit.deployment.onnx_file import linear

from tenfold.bundle.foreign_proof import prove_foreign
from tenfold.bundle.foreign_read import file_bytes, read_content, read_foreign
from tenfold.foundation.errors import InputError
from tenfold.records.dataset import Field

NAMES = ("wind", "gust")

# What a user of MLflow writes. Its ONNX flavor needs the package onnx to save, and nothing to be described.
SAVES = """
import lightgbm, mlflow.lightgbm, mlflow.models, mlflow.xgboost, numpy, pandas, xgboost
table = pandas.DataFrame(numpy.random.default_rng(7).normal(size=(300, 2)), columns=["wind", "gust"])
late = (table["wind"] > 0).astype(int)
rows = xgboost.DMatrix(table.to_numpy(), late, nthread=1)
trees = xgboost.train({"objective": "binary:logistic", "nthread": 1}, rows, 5)
said = {"signature": mlflow.models.infer_signature(table, trees.predict(rows)), "pip_requirements": []}
mlflow.xgboost.save_model(trees, "xgboost", **said)
params = {"objective": "binary", "verbose": -1, "num_threads": 1}
leaves = lightgbm.train(params, lightgbm.Dataset(table, late), 3)
mlflow.lightgbm.save_model(leaves, "lightgbm", **said)
described = mlflow.models.Model(signature=said["signature"])
described.add_flavor("onnx", onnx_version="1.23.2", data="model.onnx", providers=["CPUExecutionProvider"])
described.save("onnx/MLmodel")
numpy.savez("known.npz", rows=table.to_numpy(), xgboost=trees.predict(rows), lightgbm=leaves.predict(table))
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three folders that MLflow wrote, and what the models in them predict."""
    folder = tmp_path_factory.mktemp("mlflow")
    (folder / "onnx").mkdir()
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    subprocess.run([sys.executable, "-P", "-c", SAVES], check=True, cwd=folder, env=environment)
    return folder


def test_a_booster_of_xgboost_without_names_has_those_of_mlflows_signature_and_is_proven(saved: Path) -> None:
    found = read_foreign(saved / "xgboost")
    assert (found.kind, found.inputs.names) == ("xgboost", NAMES)
    assert read_foreign(saved / "xgboost" / "model.ubj").inputs.names == ()
    known = np.load(saved / "known.npz")
    scores = found.predictor("binary", (0, 1)).predict(known["rows"])
    assert np.max(np.abs(scores[:, 1] - known["xgboost"])) <= 1e-5
    proof = prove_foreign(
        found,
        fields=[Field(name=name, kind="numeric") for name in NAMES],
        rows=[tuple(row) for row in known["rows"].tolist()],
        why=["a row"] * len(scores),
        scores=scores,
        order=(0, 1),
        what="it",
    )
    assert (proof.rows, proof.refused, proof.decisions_flipped) == (300, 0, 0)


def test_a_booster_of_lightgbm_is_read_as_its_text(saved: Path) -> None:
    found = read_foreign(saved / "lightgbm")
    assert (found.kind, found.inputs.names) == ("lightgbm", NAMES)
    known = np.load(saved / "known.npz")
    scores = found.predictor("binary", (0, 1)).predict(known["rows"])
    assert np.max(np.abs(scores[:, 1] - known["lightgbm"])) <= 1e-12


def test_an_onnx_model_of_one_table_has_the_columns_of_mlflows_signature(saved: Path) -> None:
    content = linear([[2.0], [0.5]], [-0.25])
    (saved / "onnx" / "model.onnx").write_bytes(content)
    alone, found = read_content(content, "it"), read_foreign(saved / "onnx")
    assert alone.inputs.names == ()
    assert found.inputs == replace(alone.inputs, names=NAMES)
    assert found.original == alone.original


def test_a_file_is_read_only_inside_of_the_folder_and_where_it_is_plain(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    (tmp_path / "outside").write_bytes(b"tree\n")
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "pickle").write_bytes(b"\x80\x05rest")
    os.mkfifo(folder / "pipe")
    for named, words in {
        "../outside": "not inside of it",
        str(tmp_path / "outside"): "not inside of it",
        "link": "is a link",
        "pipe": "is not a file",
        "none": "is not there",
        "pickle": "is a pickle",
    }.items():
        (folder / "MLmodel").write_text(f"flavors: {{lightgbm: {{data: {named}}}}}", encoding="utf-8")
        with pytest.raises(InputError, match=words):
            read_foreign(folder)


def test_nobody_waits_for_the_other_end_of_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.ubj")
    with pytest.raises(InputError, match="is not a plain file"):
        file_bytes(tmp_path / "model.ubj")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("flavors: {python_function: {data: x}}", "has the flavors python_function"),
        ("flavors: {xgboost: {model_class: x}}", "names no file"),
        ("- 1", "not a description of a model"),
        ("a: &x {b: 1}", "refers to parts of itself"),
        ("{", "not YAML"),
    ],
)
def test_a_folder_without_a_model_that_is_read_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "MLmodel").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read_foreign(tmp_path)
