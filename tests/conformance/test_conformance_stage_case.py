"""The stage case lets a pure stage pass and catches each way of not being one."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pytest

from tenfold.engine.stage import Stage
from tenfold.foundation.context import StageContext, StageResult
from tenfold.testing.stage_case import check_stage

COUNTER = itertools.count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    value: int = 0
    seen: list[int] = field(default_factory=list)
    at: datetime | None = None


def pure(*, numbers: list[int], options: object, ctx: StageContext) -> StageResult[Drawn]:
    value = sum(numbers) + int(ctx.rng.integers(100))
    return StageResult(
        record=Drawn(value=value, at=datetime(2026, 1, 1, tzinfo=UTC)), files={"value": str(value).encode()}
    )


def counting(*, numbers: list[int], options: object, ctx: StageContext) -> StageResult[Drawn]:
    return StageResult(record=Drawn(value=next(COUNTER)))


def counting_in_files(*, numbers: list[int], options: object, ctx: StageContext) -> StageResult[Drawn]:
    return StageResult(record=Drawn(), files={"value": str(next(COUNTER)).encode()})


def drawing_globally(*, numbers: list[int], options: object, ctx: StageContext) -> StageResult[Drawn]:
    np.random.rand()  # noqa: NPY002 - the fault to be caught
    return StageResult(record=Drawn())


def mutating(*, numbers: list[int], options: object, ctx: StageContext) -> StageResult[Drawn]:
    numbers.sort()
    return StageResult(record=Drawn(value=numbers[0]))


def returning_a_dict(*, numbers: list[int], options: object, ctx: StageContext) -> StageResult[dict[str, int]]:
    return StageResult(record={})


def stage(run: Callable[..., StageResult[object]]) -> Stage:
    return Stage(name="draw", needs=("numbers",), run=run, record=Drawn)


def test_pure_stage_passes():
    assert check_stage(stage(pure), {"numbers": [3, 1]}).record.value >= 4


@pytest.mark.parametrize(
    ("run", "fault"),
    [
        (counting, "two records for the same inputs"),
        (counting_in_files, "different files for the same inputs"),
        (drawing_globally, "global randomness"),
        (mutating, "changed one of its inputs"),
        (returning_a_dict, "a record that is no Drawn"),
    ],
)
def test_stage_that_is_not_pure_is_caught(run: Callable[..., StageResult[object]], fault: str):
    with pytest.raises(AssertionError, match=f"stage 'draw' .*{fault}"):
        check_stage(stage(run), {"numbers": [3, 1]})
