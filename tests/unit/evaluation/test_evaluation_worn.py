"""A sealed part that was looked at too often."""

from __future__ import annotations

from tenfold.records.evaluation import Estimate
from tenfold.stages.evaluation.worn import MOST_LOOKS, wear_of

PART = "0123456789abcdef" * 4


def area(value: float, half: float) -> Estimate:
    return Estimate(metric="roc_auc", value=value, low=value - half, high=value + half)


def test_the_first_look_is_nothing_to_tell_of():
    wear = wear_of(PART, 1, area(0.9, 0.01), area(0.5, 0.01))
    assert (wear.reused, wear.worn, wear.message) == (False, False, "")


def test_a_second_look_is_marked_but_not_worn():
    wear = wear_of(PART, 2, area(0.8, 0.02), area(0.8, 0.01))
    assert (wear.reused, wear.worn, wear.earlier) == (True, False, 1)
    assert PART[:12] in wear.message
    assert "once before" in wear.message


def test_many_looks_are_too_many_whatever_the_score():
    wear = wear_of(PART, MOST_LOOKS, area(0.8, 0.02), area(0.8, 0.01))
    assert wear.worn
    assert f"{MOST_LOOKS - 1} times" in wear.message


def test_a_sealed_score_far_above_cross_validation_is_worn_from_the_second_look_on():
    assert wear_of(PART, 2, area(0.58, 0.03), area(0.50, 0.02)).worn
    assert not wear_of(PART, 2, area(0.42, 0.03), area(0.50, 0.02)).worn
    assert wear_of(PART, 2, area(0.42, 0.03), area(0.50, 0.02), greater_is_better=False).worn
