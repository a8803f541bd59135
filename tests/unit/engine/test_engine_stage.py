from __future__ import annotations

import pytest

from tenfold.engine.stage import External, Stage, causes_of, in_order, stage_fingerprint, stage_rng
from tenfold.foundation.context import StageResult
from tenfold.foundation.errors import InputError


def nothing(**needed: object) -> StageResult[dict[str, int]]:
    return StageResult(record={})


def stage(name: str, *needs: str, options: object = None, code: str = "c", timed: bool = False) -> Stage:
    return Stage(name=name, needs=needs, run=nothing, record=dict, options=options, code=code, timed=timed)


SOURCE = {"source": External.of("s", None)}


def test_stages_come_after_what_they_need_and_otherwise_as_given():
    given = (stage("c", "b"), stage("a", "source"), stage("b", "a"), stage("d"))
    assert [each.name for each in in_order(given, SOURCE)] == ["a", "b", "c", "d"]


def test_until_cuts_the_order_off_after_that_stage():
    given = (stage("a"), stage("b", "a"), stage("c", "b"))
    assert [each.name for each in in_order(given, {}, "b")] == ["a", "b"]


@pytest.mark.parametrize(
    ("stages", "until", "message"),
    [
        ((stage("fit", "dat"), stage("data")), None, r"needs 'dat', which nothing gives Did you mean 'data'\?"),
        ((stage("a", "b"), stage("b", "a")), None, "in a circle: a, b"),
        ((stage("a"), stage("a")), None, "different names"),
        ((stage("source"),), None, "different names"),
        ((stage("fit"),), "fitt", r"no stage 'fitt'.*Did you mean 'fit'\?"),
    ],
)
def test_impossible_graph_is_refused_with_its_reason(stages: tuple[Stage, ...], until: str | None, message: str):
    with pytest.raises(InputError, match=message):
        in_order(stages, SOURCE, until)


def test_fingerprint_changes_with_name_code_options_inputs_and_seed_and_with_nothing_else():
    def fingerprint(each: Stage, inputs: dict[str, str], seed: int) -> str:
        return stage_fingerprint(each, causes_of(each, inputs, seed))

    first = fingerprint(stage("fit", "data", options={"rounds": 3}), {"data": "x"}, 7)
    assert first == fingerprint(stage("fit", "data", options={"rounds": 3}, timed=True), {"data": "x", "y": "z"}, 7)
    others = {
        fingerprint(stage("fit2", "data", options={"rounds": 3}), {"data": "x"}, 7),
        fingerprint(stage("fit", "data", options={"rounds": 3}, code="d"), {"data": "x"}, 7),
        fingerprint(stage("fit", "data", options={"rounds": 4}), {"data": "x"}, 7),
        fingerprint(stage("fit", "data", options={"rounds": 3}), {"data": "y"}, 7),
        fingerprint(stage("fit", "data", options={"rounds": 3}), {"data": "x"}, 8),
    }
    assert len(others) == 5
    assert first not in others


def test_chance_is_the_same_for_the_same_stage_and_seed_only():
    drawn = {
        stage_rng(name, seed).integers(1 << 62) for name, seed in (("fit", 7), ("fit", 7), ("fit", 8), ("data", 7))
    }
    assert len(drawn) == 3
