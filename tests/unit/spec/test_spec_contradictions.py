from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.foundation.errors import SpecError
from tenfold.measures.names import METRIC_NAMES
from tenfold.spec.load import parse_spec


def fault(text: str) -> str:
    with pytest.raises(SpecError) as raised:
        parse_spec(text.encode(), path="tenfold.yaml", folder=Path("/p"), environ={})
    return str(raised.value)


def fine(text: str) -> None:
    parse_spec(text.encode(), path="tenfold.yaml", folder=Path("/p"), environ={})


def problem(settings: str, rest: str = "") -> str:
    return f"problem:\n  target: y\n  {settings}\ndata: {{path: x.csv}}\n{rest}"


def asks(that: str, settings: str = "risk: minimal") -> str:
    return problem(f"{settings}\n  requirements:\n    - {{id: a, that: {that}}}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (asks("roc_auc >= 1.2"), "tenfold.yaml:5: 'a' (roc_auc >= 1.2) can never hold: roc_auc is at most 1"),
        (asks("accuracy <= -1"), "can never hold: accuracy is at least 0"),
        (asks("mcc <= -1.5"), "mcc is at least -1"),
        (asks("r2 >= 1.01"), "r2 is at most 1"),
        (asks("rmse <= -1e-9"), "rmse is at least 0"),
        (asks("latency_p99_ms <= -1"), "latency_p99_ms is at least 0"),
        (asks("roc_auc >= baseline + 1.5"), "roc_auc is at most 1"),
        (asks("roc_auc <= baseline - 1.5"), "roc_auc is at least 0"),
        (asks("value_per_row >= 41", "value: {true_positive: 40, false_positive: -8}"), "value_per_row is at most 40"),
        (asks("roc_auk >= 0.5"), "tenfold.yaml:5: 'roc_auk >= 0.5' is not a requirement"),
        (asks("roc_auc(age) >= 0.5"), "roc_auc is measured on the model, not on a column"),
        (asks("rmse <= 1", "task: binary"), "'rmse' is not defined for a binary task"),
        (asks("rmse <= 1", "positive: yes"), "(problem.positive says binary)"),
        (asks("rmse <= 1", "metric: roc_auc"), "'rmse' and 'roc_auc' are never defined for the same task"),
        (asks("value_per_row >= 1"), "value_per_row needs money per decision: write problem.value"),
        (problem("metric: auc"), "'auc' is not a metric"),
        (problem("task: regression", "evaluation: {metrics: [f1]}"), "'f1' is not defined for a regression task"),
        (problem("task: regression\n  positive: 1"), "a regression task has no positive class"),
        (problem("task: regression\n  value: {true_positive: 1}"), "a regression makes no decisions"),
        (problem("task: multiclass\n  value: {true_positive: 1}"), "the task is multiclass: write amounts by class"),
        (
            problem("task: binary\n  value: {a: {a: 1}, b: {b: 1}, c: {c: 1}}"),
            "names 3 classes, but the task is binary",
        ),
        (problem("time: y"), "'y' is both target and time"),
        (problem('baseline: "y = 1"'), "problem.baseline reads the target 'y' itself"),
        (problem('baseline: "1 = 1"'), "'1 = 1' reads no column"),
        (problem('slices: {a: "x >"}'), "tenfold.yaml:3: problem.slices.a: 'x >' is not an expression"),
        (problem("risk: low"), "must be one of minimal, limited, high"),
    ],
)
def test_a_problem_that_cannot_be_meant_is_refused(text: str, words: str) -> None:
    assert words in fault(text)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("{id: a, that: r2 >= 0}\n    - {id: a, that: r2 >= 0}", "tenfold.yaml:6: two requirements are called 'a'"),
        ("{id: a, that: r2 >= 0, confidence: 0.5}", "the confidence of 'a' must lie between 0.5 and 1, found 0.5"),
        ("{id: a, that: r2 >= 0, confidence: 1}", "found 1"),
        ("{id: a, that: r2 >= 0, confidence: 95}", "found 95"),
        ("{id: a, that: r2 >= 0, slices: [evning]}", "which problem.slices does not declare. Did you mean 'evening'?"),
        ("{id: a, that: r2 >= 0, slices: [zzz]}", "Declared are: evening."),
        ("{id: a, that: r2 >= 0, slices: [evening, evening]}", "names the slice 'evening' twice"),
        ("{id: a, that: r2 >= 0, where: [test, test]}", "names the place 'test' twice"),
        ("{id: a, that: r2 >= 0, where: [lab]}", "must be one of test, ci, canary, ab, live, retrain, found 'lab'"),
        ("{id: a b, that: r2 >= 0}", "requirements[1].id must be a name"),
        ("{that: r2 >= 0}", "needs the key 'id'"),
    ],
)
def test_a_requirement_that_cannot_be_judged_is_refused(settings: str, words: str) -> None:
    assert words in fault(problem(f'slices: {{evening: "hour >= 18"}}\n  requirements:\n    - {settings}'))


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("validation: {test: 0.5, validation: 0.5}", "validation.test + validation.validation is 1: nothing is left"),
        ("validation: {test: 0.7, validation: 0.6}", "is 1.3: nothing is left to train on"),
        ("validation: {test: 1}", "validation.test is a share of the rows, from 0 to less than 1, found 1"),
        ("validation: {test: -0.1}", "found -0.1"),
        ("validation: {validation: 15}", "validation.validation is a share of the rows"),
        ("validation: {folds: 1}", "validation.folds must be 2 to 100, found 1"),
        ("validation: {strategy: time}", "strategy: time needs the column that orders the rows"),
        ("validation: {strategy: group}", "strategy: group needs a column with `role: group`"),
        ("validation: {strategy: holdout, validation: 0}", "strategy: holdout needs validation rows"),
        ("validation: {gap: 1d}", "validation.gap needs problem.time"),
        ("training: {budget: {trials: 20, time: 5m}}", "training.budget is a time or a number of trials, found both"),
        ("training: {budget: {}}", "training.budget is empty"),
        ("training: {budget: {trials: 0}}", "training.budget needs 1 to 100,000 trials, found 0"),
        ("training: {budget: {trials: -3}}", "found -3"),
        ("training: {budget: 10ms}", "training.budget of 10ms is too short"),
        ("training: {learners: []}", "training.learners is empty"),
        ("training: {cores: 0}", "training.cores must be 1 or more, found 0"),
        ("training: {seed: -1}", "training.seed must be from 0"),
        ("features: {lags: {a: [1]}}", "lags need an order in time"),
        ("store: postgresql://host/db", "store must be the path of a folder"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(rest: str, words: str) -> None:
    message = fault(problem("risk: minimal", rest))
    assert words in message
    assert "tenfold.yaml:5: " in message


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("{sources: {a: {path: a}, b: {path: b}}}", "2 sources (a, b) need `query:`"),
        ("{sources: {a: {}}}", "the source 'a' needs a path or a url, found neither"),
        ("{sources: {a: {path: a, url: 'postgresql://h/d'}}}", "found both"),
        ("{url: 'postgresql://h/d'}", "the source 'data' is a database: say which `table:`"),
        ("{path: a.db, format: sqlite}", "the source 'data' is a database: say which `table:`"),
        (
            "{url: 'oracle://h/d', table: t}",
            "must begin with postgresql://, mysql://, https://, s3:// or redis://, found 'ora",
        ),
        ("{path: 'postgresql://h/d'}", "has a URL as its path; write `url:`"),
        ("{sources: {a: {path: a.db, table: t, query: SELECT 1}}}", "has a table and a query; keep one"),
        ("{path: a, available: 1h}", "`available` of 'data' counts from a time"),
        ("{path: a, format: parquet, delimiter: ';'}", "are for delimited text"),
        ("{path: a, timezone: Mars/Base}", "'Mars/Base' is not a time zone"),
        ("{path: a, columns: {c: {timezone: Nowhere}}}", "'Nowhere' is not a time zone"),
        ("{path: a, columns: {y: {role: id}}}", "'y' is the target of the problem and cannot have the role id"),
        ("{path: a, columns: {y: {available: later}}}", "'y' is the target: it needs no `available`"),
        ("{path: a, columns: {c: {feature: true}}}", "`feature` of 'c' is read beside `role: sensitive` only"),
        ("{path: a, columns: {c: {role: entity}, d: {role: entity}}}", "only one column can have the role entity"),
    ],
)
def test_data_that_cannot_be_read_so_are_refused(data: str, words: str) -> None:
    message = fault(f"problem: {{target: y}}\ndata: {data}")
    assert words in message
    assert message.startswith("tenfold.yaml:2: ")


def test_settings_near_the_bounds_are_fine() -> None:
    fine(asks("roc_auc >= 1"))
    fine(asks("accuracy <= 0"))
    fine(asks("r2 >= -100"))
    fine(asks("roc_auc >= baseline + 200%"))
    fine(problem("risk: minimal", "validation: {test: 0, validation: 0}"))
    fine(problem("time: t", "validation: {strategy: time, gap: 1d}"))
    fine(problem("risk: minimal", "training: {budget: {trials: 1}, seed: 0}"))


def test_every_metric_has_a_range() -> None:
    assert all(known.reach[0] < known.reach[1] for known in METRIC_NAMES.values())


def test_a_metric_without_an_interval_cannot_be_required() -> None:
    assert "shown without an interval" in fault(asks("ece <= 0.05"))


def test_a_parameter_in_a_name_is_checked_and_bounds_hold_for_it() -> None:
    fine(asks("f2 >= 0.5"))
    fine(asks("pinball_0.9 <= baseline - 10%"))
    assert "f0.5 is at most 1" in fault(asks("f0.5 >= 1.2"))
    assert "is not a metric" in fault(asks("top0_accuracy >= 0.5"))
