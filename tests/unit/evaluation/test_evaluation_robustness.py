"""What changes of the input do to a model whose coefficients are known; and tests of behaviour with their verdicts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_evaluation_run import Made, make

from tenfold.records.evidence import Verdict
from tenfold.records.problem import Behaviour
from tenfold.stages.evaluation.assemble import build_model, read_members
from tenfold.stages.evaluation.robustness import judge_behaviour, perturb, subject_of
from tenfold.stages.evaluation.rows import divide


def subject(made: Made):
    divided = divide(made.problem, made.dataset, made.validation, made.features, made.tuning)
    rows = divided.sealed
    assert rows is not None
    members = read_members(["known"], made.tuning.files)
    model = build_model(members, made.problem, made.dataset.record, made.features.record, None)
    x = made.table["x"]
    columns = tuple(
        replace(column, low=float(x.min()), high=float(x.max())) if column.name == "x" else column
        for column in made.dataset.record.columns
    )
    dataset = replace(made.dataset.record, columns=columns)
    scores = model.scores(rows.table.select(model.signature.names))
    return subject_of(made.problem, dataset, model, rows, scores, 1)


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory):
    return subject(make(tmp_path_factory.mktemp("robust")))


def judged(made, test: str, **settings: object) -> Verdict:
    (verdict,) = judge_behaviour(made, [Behaviour(id="b", test=test, **settings)])  # type: ignore[arg-type]  # a test
    return verdict


@pytest.mark.parametrize(
    ("test", "settings", "word"),
    [
        ("noise", {"size": 0.05, "bound": 0.1}, "pass"),
        ("noise", {"size": 5.0, "bound": 0.05}, "fail"),
        ("missing", {"column": "z", "bound": 0.01}, "pass"),
        ("missing", {"column": "x", "bound": 0.05}, "fail"),
        ("column_order", {}, "pass"),
        ("unit", {"column": "x", "bound": 0.5}, "pass"),
        ("unit", {"column": "x", "bound": 0.5, "factor": 1.01}, "fail"),
        ("invariance", {"column": "z", "bound": 0.001}, "pass"),
        ("invariance", {"column": "x", "bound": 0.1}, "fail"),
        ("direction", {"column": "x", "rises": True}, "pass"),
        ("direction", {"column": "x", "rises": False, "bound": 0.05}, "fail"),
        ("direction", {"column": "z", "rises": True}, "pass"),
    ],
)
def test_each_change_passes_and_fails_where_the_coefficients_say_so(
    binary, test: str, settings: dict[str, object], word: str
) -> None:
    verdict = judged(binary, test, **settings)
    assert verdict.verdict == word
    assert verdict.requirement == "b"
    assert verdict.n > 300
    assert verdict.text


def test_a_column_that_is_not_there_is_pending_with_the_nearest_name(binary) -> None:
    verdict = judged(binary, "invariance", column="xx", bound=0.1)
    assert verdict.verdict == "pending"
    assert "'xx' is not a column" in verdict.reason


def test_a_thousandfold_value_is_noticed_and_its_harm_is_told(binary) -> None:
    verdict = judged(binary, "unit", column="x", bound=0.5)
    assert verdict.value is not None
    assert verdict.value > 0.95
    assert "unnoticed" in verdict.reason


def test_the_quick_set_is_measured_without_a_verdict(binary) -> None:
    found = {(each.kind, each.column): each for each in perturb(binary, ["x", "z"])}
    assert set(found) == {
        ("noise", ""),
        ("column_order", ""),
        ("missing", "x"),
        ("missing", "z"),
        ("unit", "x"),
        ("unit", "z"),
    }
    assert found["missing", "x"].value > 0.3
    assert found["column_order", ""].value == 0.0


def test_a_model_that_depends_on_the_order_of_its_columns_is_caught(binary, monkeypatch) -> None:
    monkeypatch.setattr(type(binary.model.signature), "conform", lambda _, rows: rows.rename({"x": "z", "z": "x"}))
    assert judged(binary, "column_order").verdict == "fail"


def test_behaviour_stands_beside_requirements_among_the_verdicts(tmp_path: Path) -> None:
    from test_evaluation_run import verdicts_of

    from tenfold.foundation.context import Received, StageContext
    from tenfold.stages.evaluation.options import EvaluationOptions
    from tenfold.stages.evaluation.run import run

    made = make(tmp_path)
    options = EvaluationOptions(
        latency_calls=20, behaviour=(Behaviour(id="steady", test="noise", size=0.01, bound=0.2),), weak_slices=False
    )
    inputs = (made.dataset, made.validation, made.features, made.tuning)
    result = run(Received(record=made.problem), *inputs, options, StageContext(rng=np.random.default_rng(5)))
    assert [(each.requirement, each.verdict) for each in verdicts_of(result)] == [("steady", "pass")]
    assert result.record.robustness
    assert not replace(result.record).weak_slices
