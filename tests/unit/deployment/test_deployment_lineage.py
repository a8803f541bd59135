from __future__ import annotations

from tenfold.stages.deployment.lineage import Lineage, Step


def lineage(*steps: int) -> Lineage:
    """Positive numbers are promotions, negative ones rollbacks."""
    return Lineage.of(Step(action="promote" if number > 0 else "rollback", number=abs(number)) for number in steps)


def test_nothing_is_live_before_the_first_promotion() -> None:
    assert (lineage().live, lineage().previous) == (None, None)


def test_a_promotion_leaves_the_one_before_to_go_back_to() -> None:
    assert lineage(1).previous is None
    assert (lineage(1, 2, 3).live, lineage(1, 2, 3).previous) == (3, 2)


def test_two_rollbacks_go_back_two_versions_and_never_to_what_was_taken_back() -> None:
    once = lineage(1, 2, 3, -2)
    assert (once.live, once.previous) == (2, 1)
    twice = lineage(1, 2, 3, -2, -1)
    assert (twice.live, twice.previous) == (1, None)


def test_a_rollback_further_back_takes_back_all_between() -> None:
    assert lineage(1, 2, 3, 4, -2).standing == (1, 2)


def test_the_latest_time_a_version_was_live_is_gone_back_to() -> None:
    assert lineage(1, 2, 1, 3, -1).standing == (1, 2, 1)


def test_going_to_a_version_that_was_taken_back_puts_it_in_place_of_the_live_one() -> None:
    assert lineage(1, 2, -1, -2).standing == (2,)
    assert lineage(5, 1, 2, -1, -2).standing == (5, 2)
