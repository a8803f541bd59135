from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.unit.deployment.onnx_file import FLOAT, STRING, field, linear, model, node, value

from tenfold.bundle.foreign_onnx import read_onnx
from tenfold.bundle.predictors.onnx import OnnxPredictor
from tenfold.bundle.predictors.onnx_wire import check_onnx
from tenfold.foundation.errors import InputError, StoreError
from tenfold.project.adopt import Adoption
from tenfold.project.open import Project, open_project
from tenfold.project.score import load

WEIGHTS, BIAS = [[2.0], [0.5]], [-0.25]


def table(rows: int = 600) -> pl.DataFrame:
    chance = np.random.default_rng(3)
    wind, gust = chance.normal(size=rows), chance.normal(size=rows)
    late = 2 * wind + 0.5 * gust + chance.normal(size=rows) > 0.25
    return pl.DataFrame({"wind": wind, "gust": gust, "late": late.astype(int), "delay": 2 * wind + 0.5 * gust})


def expected() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    rows = table()
    linear_part = 2 * rows["wind"].to_numpy() + 0.5 * rows["gust"].to_numpy() - 0.25
    return 1 / (1 + np.exp(-linear_part))


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Project]:
    def make(target: str = "late", that: str = "roc_auc >= 0.6") -> Project:
        folder = tmp_path / "p"
        folder.mkdir()
        table().select("wind", "gust", target).write_csv(folder / "t.csv")
        problem = f"{{target: {target}, requirements: [{{id: r, that: {that}}}]}}"
        text = f"name: late\nproblem: {problem}\ndata: {{path: t.csv}}\n"
        (folder / "tenfold.yaml").write_text(text, encoding="utf-8")
        return open_project(folder, environ={})

    return make


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        path = tmp_path / "model.onnx"
        path.write_bytes(content)
        return path

    return write


def test_a_model_with_one_input_for_each_column_is_judged_and_served(
    project: Callable[..., Project], file: Callable[[bytes], Path]
) -> None:
    opened = project()
    report = opened.adopt(Adoption(path=file(linear(WEIGHTS, BIAS, inputs=["wind", "gust"]))))
    assert (report.status, report.kind, report.inputs) == ("passed", "onnx", ("wind", "gust"))
    served = load(report.path)
    found = served.predict(table())["proba_1"].to_numpy()
    assert np.allclose(found, expected(), atol=1e-6)
    alone = [served.scores_row(served.signature.conform_row(row))[0, 1] for row in table().head(100).to_dicts()]
    assert alone == found[:100].tolist()
    assert opened.promote(report.version.ref).release.ref == "late@1"


def test_a_model_that_takes_one_table_needs_the_order_of_its_columns(
    project: Callable[..., Project], file: Callable[[bytes], Path], tmp_path: Path
) -> None:
    opened, path = project(), file(linear(WEIGHTS, BIAS))
    with pytest.raises(InputError, match="names none"):
        opened.adopt(Adoption(path=path))
    sample = tmp_path / "sample.csv"
    table().select("wind", "gust", "late").write_csv(sample)
    found = load(opened.adopt(Adoption(path=path, sample=str(sample))).path).predict(table())
    assert np.allclose(found["proba_1"].to_numpy(), expected(), atol=1e-6)
    assert np.allclose(found["proba_0"].to_numpy(), 1 - expected(), atol=1e-6)


def test_two_columns_of_probabilities_are_put_in_the_projects_order(
    project: Callable[..., Project], file: Callable[[bytes], Path]
) -> None:
    path = file(linear([[2.0, 0.0], [0.5, 0.0]], [-0.25, 0.0], last="Softmax", inputs=["wind", "gust"]))
    report = project().adopt(Adoption(path=path, classes=("1", "0")))
    found = load(report.path).predict(table())["proba_1"].to_numpy()
    assert np.allclose(found, expected(), atol=1e-6)


def test_a_regression_is_the_number_itself(project: Callable[..., Project], file: Callable[[bytes], Path]) -> None:
    report = project("delay", "rmse <= 1").adopt(
        Adoption(path=file(linear(WEIGHTS, [0.0], last="Identity", inputs=["wind", "gust"])))
    )
    assert report.status == "passed"
    found = load(report.path).predict(table())["prediction"].to_numpy()
    assert np.allclose(found, table()["delay"].to_numpy(), atol=1e-5)


def test_a_predictor_survives_its_files_and_a_pickle_of_ours() -> None:
    predictor = read_onnx(linear(WEIGHTS, BIAS)).predictor("binary", (0, 1))
    rows = table().select("wind", "gust").to_numpy()
    before = predictor.predict(rows)
    for other in (OnnxPredictor.from_files(predictor.files()), pickle.loads(pickle.dumps(predictor))):
        assert np.array_equal(other.predict(rows), before)
    assert np.allclose(before.sum(axis=1), 1.0)


EXTERNAL = field(13, field(1, "location") + field(2, "/etc/passwd")) + field(14, 1)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (linear(WEIGHTS, BIAS, tensor_extra=EXTERNAL), "in other files"),
        (linear(WEIGHTS, BIAS, tensor_extra=field(14, 1)), "in other files"),
        (linear(WEIGHTS, BIAS, domain="com.strange"), "operators of 'com.strange'"),
        (linear(WEIGHTS, BIAS, more_nodes=[node("Own", ["a"], ["q"], domain="com.own")]), "operator of 'com.own'"),
        (linear(WEIGHTS, BIAS, more_nodes=[node("Loop", ["a"], ["q"])]), "may run without end"),
        (linear(WEIGHTS, BIAS)[:-3], "cut short"),
        (b"", "no graph"),
        (b"\x80\x04pickle", "ONNX"),
        (b"\xff" * 40, "ONNX"),
    ],
)
def test_a_model_that_is_no_closed_calculation_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(StoreError, match=words):
        check_onnx(content)
    with pytest.raises(InputError, match=words):
        read_onnx(content)


def test_what_hides_in_a_branch_is_found() -> None:
    hidden = node("Constant", [], ["c"], attributes=field(5, field(1, "value") + field(5, field(1, 1) + EXTERNAL)))
    branch = field(5, field(1, "then_branch") + field(6, field(1, hidden)))
    with pytest.raises(StoreError, match="in other files"):
        check_onnx(linear(WEIGHTS, BIAS, more_nodes=[node("If", ["a"], ["q"], attributes=branch)]))


def test_nesting_without_end_is_refused() -> None:
    graph = field(1, node("Identity", ["a"], ["b"]))
    for _ in range(40):
        graph = field(1, node("If", ["a"], ["q"], attributes=field(5, field(6, graph))))
    with pytest.raises(StoreError, match="nested deeper"):
        check_onnx(model(graph))


def test_cut_and_flipped_bytes_are_refused_or_harmless() -> None:
    whole = linear(WEIGHTS, BIAS)
    chance = np.random.default_rng(7)
    for _ in range(300):
        spoiled = bytearray(whole)
        spoiled[int(chance.integers(len(spoiled)))] = int(chance.integers(256))
        try:
            found = read_onnx(bytes(spoiled))
        except InputError:
            continue
        assert found.layout.columns >= 1


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (field(11, value("x", STRING, ("n", 1))) + field(12, value("y", FLOAT, ("n", 1))), "only numbers are given"),
        (field(11, value("x", FLOAT, ("n", "m"))) + field(12, value("y", FLOAT, ("n", 1))), "a fixed width"),
    ],
)
def test_a_model_that_does_not_take_numbers_is_refused(graph: bytes, words: str) -> None:
    kind = "Shape" if "numbers" in words else "Identity"
    body = field(1, node(kind, ["x"], ["y"])) + field(2, "g") + graph
    if kind == "Shape":
        body = field(1, node("StringNormalizer", ["x"], ["s"])) + field(2, "g")
        body += field(11, value("x", STRING, ("n",))) + field(12, value("s", STRING, ("n",)))
    with pytest.raises(InputError, match=words):
        read_onnx(model(body))


def test_the_wrong_number_of_classes_is_refused() -> None:
    three = read_onnx(linear([[1.0, 2.0, 3.0]], [0.0, 0.0, 0.0], last="Softmax"))
    with pytest.raises(InputError, match="3 numbers for a row, and the project has 2"):
        three.predictor("binary", (0, 1))
    with pytest.raises(InputError, match="one number for a row"):
        three.predictor("regression", ())
