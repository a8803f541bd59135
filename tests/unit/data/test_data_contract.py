"""The data contract: its text, and what it finds."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from tenfold.foundation.errors import DataError
from tenfold.measures.contract.check import check_contract
from tenfold.measures.contract.contract import ColumnContract, Contract
from tenfold.measures.contract.infer import infer_contract
from tenfold.measures.contract.read import contract_from_text
from tenfold.measures.contract.text import contract_to_text
from tenfold.records.dataset import Column, Dataset, Field

TEXT = """\
contract: 1
rows: 2
columns:
  age: {kind: numeric, missing: 0.1, range: [0, 120]}
  city: {kind: categorical, values: [Bonn, Ulm, 7, true], severity: critical}
  id: {kind: categorical, unique: true, optional: true}
"""


@pytest.fixture
def contract() -> Contract:
    return contract_from_text(TEXT)


@pytest.fixture
def table() -> pl.DataFrame:
    return pl.DataFrame({"age": [20.0, 30.0, 40.0], "city": ["Bonn", "Ulm", None], "id": ["a", "b", "c"]})


def test_a_table_that_keeps_the_contract_has_no_findings(contract: Contract, table: pl.DataFrame) -> None:
    assert check_contract(contract, table) == ()
    assert check_contract(contract, table.drop("id")) == ()


@pytest.mark.parametrize(
    ("change", "rule", "found"),
    [
        ({"age": pl.Series([20.0, None, 40.0])}, "missing", ("warning", 1)),
        ({"age": pl.Series([20.0, -1.0, 400.0])}, "range", ("warning", 1)),
        ({"city": pl.Series(["Rom", "Rom", "7"])}, "values", ("critical", 2)),
        ({"id": pl.Series(["a", "a", "b"])}, "unique", ("warning", 1)),
        ({"age": pl.Series(["old", "new", "x"])}, "kind", ("critical", 0)),
    ],
)
def test_a_broken_rule_is_found_with_its_rows(
    contract: Contract, table: pl.DataFrame, change: dict[str, pl.Series], rule: str, found: tuple[str, int]
) -> None:
    finding = check_contract(contract, table.with_columns(**change))[0]
    assert (finding.rule, finding.severity, finding.rows) == (rule, *found)


def test_an_absent_column_and_too_few_rows_are_critical(contract: Contract, table: pl.DataFrame) -> None:
    findings = check_contract(contract, table.rename({"age": "agee"})[:1])
    assert {finding.rule: finding.severity for finding in findings} == {"rows": "critical", "column": "critical"}
    assert "Did you mean 'agee'?" in findings[1].message


def test_an_empty_table_is_a_finding_not_a_fault(contract: Contract, table: pl.DataFrame) -> None:
    assert [finding.rule for finding in check_contract(contract, table.clear())] == ["rows"]


def test_the_gravest_findings_come_first(contract: Contract, table: pl.DataFrame) -> None:
    broken = table.with_columns(age=pl.Series([-5.0, 1.0, 2.0]), city=pl.Series(["Rom", "Rom", "Rom"]))
    assert [finding.severity for finding in check_contract(contract, broken)] == ["critical", "warning"]


def test_text_and_contract_are_each_others_inverse(contract: Contract) -> None:
    assert contract_from_text(contract_to_text(contract)) == contract


def test_words_that_look_like_numbers_or_flags_stay_words() -> None:
    tricky = ColumnContract(
        name="no", kind="categorical", values=("012", "1e5", "no", "null", "true", "~", "2026-01-01")
    )
    contract = Contract(columns=(tricky, ColumnContract(name="7", kind="text")))
    assert contract_from_text(contract_to_text(contract)) == contract


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "not YAML in line"),
        ("- 1", "must hold `contract`"),
        ("contract: 2\ncolumns: {}\n", "format 2"),
        ("contract: 1\ncolums: {}\n", "Did you mean 'columns'?"),
        ("contract: 1\nrows: many\n", "'many'"),
        ("contract: 1\ncolumns: {a: {knd: numeric}}\n", "Did you mean 'kind'?"),
        ("contract: 1\ncolumns: {a: {kind: numbers}}\n", "the contract of 'a': kind is 'numbers'"),
        ("contract: 1\ncolumns: {a: {missing: 0.1}}\n", "lacks its kind"),
        ("contract: 1\ncolumns: {a: {kind: numeric, missing: 5}}\n", "between 0 and 1"),
        ("contract: 1\ncolumns: {a: {kind: numeric, range: [3, 1]}}\n", "begins at 3, above its end 1"),
        ("contract: 1\ncolumns: {a: {kind: numeric, range: 3}}\n", "write [lowest, highest]"),
        ("contract: 1\ncolumns: {a: {kind: numeric, unique: 1}}\n", "write true or false"),
        ("contract: 1\ncolumns: {a: 5}\n", "must hold rules"),
    ],
)
def test_a_wrong_text_gets_one_sentence(text: str, said: str) -> None:
    with pytest.raises(DataError) as raised:
        contract_from_text(text)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_inferred_contract_leaves_room() -> None:
    def column(name: str, **more: object) -> Column:
        return Column(field=Field(name=name, kind="numeric"), role="feature", reason="", **more)  # type: ignore[arg-type]

    dataset = Dataset(
        rows=2000,
        columns=(
            column("never_missing", low=0.0, high=100.0),
            column("sometimes", low=-100.0, high=100.0, missing=200),
            replace(column("y", low=1.0, high=2.0), role="target"),
        ),
        sources=(),
        snapshot="",
    )
    never, sometimes, target = infer_contract(dataset).columns
    assert (never.missing, never.low, never.high) == (0.0, 0.0, 125.0)
    assert (sometimes.missing, sometimes.low, sometimes.high) == (0.15, -150.0, 150.0)
    assert target.optional
