from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.foundation.errors import SpecError
from tenfold.spec.columns import check_columns
from tenfold.spec.load import parse_spec
from tenfold.spec.schema import Spec

TEXT = """
problem:
  target: churned
  time: when
  baseline: "age > 40"
  slices:
    old: "age >= 65 AND region = 'north'"
data:
  sources: {customers: {path: customers.csv}}
  columns:
    tail: {role: entity}
features:
  lags: {spend: [1]}
deployment:
  fields:
    region: {missing: reject}
"""
COLUMNS = ["churned", "when", "age", "region", "tail", "spend"]


def spec(text: str = TEXT) -> Spec:
    return parse_spec(text.encode(), path="tenfold.yaml", folder=Path("/p"), environ={})


def test_a_file_whose_columns_are_all_there_passes() -> None:
    check_columns(spec(), COLUMNS)


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("churned", "tenfold.yaml:3: target 'churned' is not a column of customers.csv (it has: churne_d, when"),
        ("when", "tenfold.yaml:4: time 'when' is not a column"),
        ("region", "tenfold.yaml:7: problem.slices.old reads 'region'"),
        ("tail", "tenfold.yaml:11: data.columns names 'tail'"),
        ("spend", "tenfold.yaml:13: features.lags names 'spend'"),
        ("age", "tenfold.yaml:5: problem.baseline reads 'age'"),
        ("region", "tenfold.yaml:16: deployment.fields names 'region'"),
    ],
)
def test_a_missing_column_is_named_with_its_line_and_the_nearest_one(missing: str, words: str) -> None:
    renamed = f"{missing[:-1]}_{missing[-1]}"
    with pytest.raises(SpecError) as raised:
        check_columns(spec(), [renamed if name == missing else name for name in COLUMNS])
    assert words in str(raised.value)
    assert f"Did you mean '{renamed}'?" in str(raised.value)


def test_many_columns_are_not_all_listed() -> None:
    with pytest.raises(SpecError, match=r"\(it has: c0, c1, .* and 88 more\)"):
        check_columns(spec(), [f"c{number}" for number in range(100)])


def test_an_override_may_name_a_column_of_a_joined_source() -> None:
    joined = spec(TEXT.replace("  columns:", "  query: SELECT * FROM customers\n  columns:"))
    without = [name for name in COLUMNS if name != "tail"]
    check_columns(joined, without, source_columns=["tail"])
    with pytest.raises(SpecError, match=r"'tail' is not a column of the result of data\.query"):
        check_columns(joined, without)
