from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.foundation.errors import SpecError
from tenfold.project.wiring import options_of
from tenfold.spec.load import parse_spec
from tenfold.stages.training.convergence.actions import Convergence

SMALLEST = "problem: {target: y}\ndata: {path: x.csv}\n"


def load(convergence: str):
    text = f"{SMALLEST}training: {{convergence: {convergence}}}"
    return parse_spec(text.encode(), path="tenfold.yaml", folder=Path("/p"), environ={})


def test_what_rules_do_reaches_the_stage_as_it_is_written_and_nothing_written_is_the_default():
    assert options_of(load("{}")).training.convergence == Convergence()
    written = options_of(load("{overfit: stop, plateau: warn, patience: 30, slow: off}")).training.convergence
    assert written == Convergence(overfit="stop", plateau="warn", patience=30, slow="off")


@pytest.mark.parametrize(
    "wrong",
    ["{overfitting: stop}", "{slow: stop}", "{not_a_number: off}", "{patience: 0}", "{divergence: halt}"],
)
def test_what_cannot_be_asked_of_a_rule_is_refused_with_its_line(wrong):
    with pytest.raises(SpecError) as caught:
        load(wrong)
    assert "tenfold.yaml:3" in str(caught.value)
