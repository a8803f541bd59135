from __future__ import annotations

import io

from rich.console import Console

from tenfold.cli.reading import show_reading


def shown(reading) -> str:
    out = io.StringIO()
    show_reading(reading, Console(file=out, width=140, no_color=True))
    return out.getvalue()


def test_an_additive_model_is_told_by_a_few_places_of_each_curve():
    term = {"column": "age", "edges": [30.0, 60.0], "levels": [], "values": [[-1.0, 0.0, 2.0]], "span": 3.0}
    told = shown({"kind": "additive", "link": "logistic", "scores": ["yes"], "intercept": [0.5], "terms": [term]})
    assert "starts at 0.5" in told
    assert "≤ 30: -1, ≤ 60: +0, above: +2" in told
    assert "± 1.5" in told


def test_coefficients_are_listed_with_what_one_more_unit_counts():
    age = {"column": "age", "values": [2.0], "per_unit": [0.1]}
    level = {"column": "plan=gold", "values": [-1.0], "per_unit": None}
    told = shown(
        {"kind": "linear", "link": "identity", "scores": ["y"], "intercept": [1.0], "coefficients": [age, level]}
    )
    assert "+2" in told
    assert "+0.1" in told
    assert "plan=gold" in told


def test_a_tree_is_nested_rules():
    leaf = {"column": "", "values": [0.2]}
    tree = {"column": "age", "at_most": 30.0, "levels": [], "yes": leaf, "no": {"column": "", "values": [0.9]}}
    told = shown({"kind": "tree", "link": "identity", "scores": ["yes"], "tree": tree})
    assert told.strip().splitlines() == ["age ≤ 30 → 0.2", "age > 30 → 0.9"]


def test_a_model_that_nobody_can_read_is_passed_over():
    assert shown({}) == ""
