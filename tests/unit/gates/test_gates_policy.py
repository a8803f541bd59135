from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import pytest

from tenfold.gates.policy import may_promote, open_musts, standing
from tenfold.records.evidence import Evidence, Verdict, VerdictName
from tenfold.records.problem import Bound, Place, Requirement

_THEN = datetime(2013, 3, 3, tzinfo=UTC)


def asked(
    name: str = "r",
    *,
    level: Literal["must", "should"] = "must",
    text: str = "rmse <= 1",
    slices: tuple[str, ...] = (),
    where: tuple[Place, ...] = (),
    reference: Literal["baseline", "champion"] | None = None,
) -> Requirement:
    return Requirement(
        id=name,
        metric="rmse",
        direction="<=",
        bound=Bound(reference=reference, offset=1.0),
        text=text,
        level=level,
        slices=slices,
        where=where,
    )


def judged(
    verdict: VerdictName,
    name: str = "r",
    *,
    number: int = 1,
    slice_name: str = "",
    text: str = "rmse <= 1",
    place: str = "test",
    champion: str | None = None,
) -> Evidence:
    found = Verdict(
        requirement=name,
        verdict=verdict,
        place=place,
        level="must",
        metric="rmse",
        direction="<=",
        slice=slice_name,
        text=text,
    )
    inputs = {} if champion is None else {"champion": champion}
    return Evidence(id=f"e{number}", verdict=found, subject="b", run="r1", inputs=inputs, at=_THEN, recorded=_THEN)


@pytest.mark.parametrize(
    ("verdict", "level", "promotes"),
    [
        ("pass", "must", True),
        ("pending", "must", True),
        ("fail", "should", True),
        ("inconclusive", "should", True),
        ("fail", "must", False),
        ("inconclusive", "must", False),
    ],
)
def test_every_must_that_can_be_measured_has_to_pass(
    verdict: VerdictName, level: Literal["must", "should"], promotes: bool
) -> None:
    found = standing([asked(level=level)], [judged(verdict)])
    assert (may_promote(found) is None) == promotes
    assert may_promote(found, accepted={"r"}) is None


def test_the_newest_judgement_of_each_slice_counts() -> None:
    requirement = asked(slices=("jfk", "night"))
    evidence = [
        judged("fail", slice_name="jfk", number=1),
        judged("pass", slice_name="night", number=2),
        judged("pass", slice_name="jfk", number=3),
    ]
    found = standing([requirement], evidence)
    assert may_promote(found) is None
    assert found.evidence == ("e3", "e2")
    worse = standing([requirement], [*evidence, judged("inconclusive", slice_name="night", number=4)])
    assert open_musts(worse) == {"r": "inconclusive on night"}


def test_what_was_not_judged_as_the_file_says_now_does_not_promote() -> None:
    assert "was not judged on this version" in (may_promote(standing([asked()], [])) or "")
    before = standing([asked(text="rmse <= 0.5")], [judged("pass")])
    assert "was judged as 'rmse <= 1'" in (may_promote(before) or "")
    assert may_promote(before, accepted={"r"}) is None
    assert may_promote(standing([asked(level="should")], [])) is None


def test_what_is_judged_elsewhere_does_not_stand_in_the_way() -> None:
    assert may_promote(standing([asked(where=("live",))], [])) is None
    assert may_promote(standing([asked()], [judged("pass"), judged("fail", place="retrain", number=2)])) is None


def test_a_requirement_that_was_removed_from_the_file_no_longer_counts() -> None:
    assert may_promote(standing([], [judged("fail")])) is None


def test_a_comparison_counts_against_the_champion_of_today_only() -> None:
    requirement = asked(reference="champion")
    against_old = [judged("pass", champion="old")]
    assert may_promote(standing([requirement], against_old, champion="old")) is None
    assert "not judged against the champion of today" in (
        may_promote(standing([requirement], against_old, champion="new")) or ""
    )
    assert may_promote(standing([requirement], [judged("pending")], champion=None)) is None
    assert may_promote(standing([requirement], [judged("pending")], champion="new")) is not None
