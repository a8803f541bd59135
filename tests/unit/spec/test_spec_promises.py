"""What a problem promises: KPIs, functions, sign-off, use and money by row, read and held against each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.foundation.errors import SpecError
from tenfold.spec.load import parse_spec
from tenfold.spec.schema import Spec

GOOD = """
problem:
  target: y
  value: {true_positive: "amount * 0.5", false_positive: -8}
  requirements:
    - {id: ranks, that: roc_auc >= 0.7}
  kpis:
    - {id: calls, unit: calls, target: 20, baseline: 10, window: 30d, measured_by: [ranks]}
  functions:
    - {id: names, what: names those to call, proved_by: [ranks]}
  signoff:
    - {who: A, role: owner, on: 2026-03-31}
  use: {within: 5m, rows_per_day: 1000}
  effort: 20d
data: {path: d.csv}
"""


def read(text: str) -> Spec:
    return parse_spec(text.encode(), path="tenfold.yaml", folder=Path("/p"), environ={})


def test_promises_become_records() -> None:
    problem = read(GOOD).problem
    (kpi,) = (entry.record() for entry in problem.kpis)
    assert (kpi.target, kpi.window_seconds, kpi.measured_by) == (20.0, 30 * 86_400.0, ("ranks",))
    assert problem.functions[0].record().proved_by == ("ranks",)
    assert problem.signoff[0].record().on == "2026-03-31"
    assert problem.use is not None
    assert problem.use.record().within_seconds == 300.0
    assert problem.value is not None
    assert problem.value.per_row == {"true_positive": "amount * 0.5"}
    assert problem.value.false_positive == -8.0


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("id: calls", "id: ranks", "the id 'ranks' belongs to a requirement already"),
        ("id: names", "id: calls", "the id 'calls' belongs to a KPI already"),
        ("measured_by: [ranks]", "measured_by: [rank]", "which is no requirement. Did you mean 'ranks'"),
        ("proved_by: [ranks]", "proved_by: [ranks, ranks]", "names 'ranks' twice"),
        ("target: 20", "target: 5", "is worse than its baseline"),
        ("on: 2026-03-31", "on: 31.3.2026", "must be a date such as"),
        ("rows_per_day: 1000", "rows_per_day: 0", "must be 1 or more"),
        ('"amount * 0.5"', '"y * 2"', "reads the target 'y' itself"),
        ('"amount * 0.5"', '"amount *"', "is not an expression"),
        ("window: 30d", "window: 30", "needs a unit"),
    ],
)
def test_what_contradicts_itself_is_told_with_its_line(before: str, after: str, message: str) -> None:
    assert before in GOOD
    with pytest.raises(SpecError, match=message) as caught:
        read(GOOD.replace(before, after))
    assert "tenfold.yaml:" in str(caught.value)
