"""The data contract: its text, and what it finds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from tenfold.foundation.errors import DataError
from tenfold.measures.contract.check import check_contract
from tenfold.measures.contract.contract import ColumnContract, Contract, Rule
from tenfold.measures.contract.foreign import ForeignKeys
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


RICH = """\
contract: 1
rows: [2, 4]
columns:
  shop: {kind: categorical, pattern: "[A-Z]{2}", length: [2, 2]}
  day: {kind: datetime}
  sold: {kind: numeric, whole: true, values: [1, 2, 3, 2.5], at_most: 0.3, severity: {whole: info, default: critical}}
keys:
  - {columns: [shop, day], severity: critical}
foreign:
  - {columns: [shop], in: shops.csv, key: [id]}
freshness:
  - {column: day, within: 36h}
volume:
  - {column: day, every: 1d, rows: [1, 2]}
rules:
  - {id: some-sold, that: "sold > 1", severity: info}
  - id: not-falling
    sql: SELECT row FROM data QUALIFY sold < lag(sold) OVER (PARTITION BY shop ORDER BY day)
"""


@pytest.fixture
def sales() -> pl.DataFrame:
    day = [datetime(2026, 1, number, tzinfo=UTC) for number in (1, 2, 3, 4)]
    return pl.DataFrame({"shop": ["AA", "AA", "BB", "BB"], "day": day, "sold": [2.0, 3.0, 2.0, 3.0]})


SHOPS = {"foreign:shop": ForeignKeys(keys=("AA", "BB", "CC"))}


def test_a_table_that_keeps_a_rich_contract_has_no_findings(sales: pl.DataFrame) -> None:
    found = check_contract(contract_from_text(RICH), sales, foreign=SHOPS, now=datetime(2026, 1, 5, tzinfo=UTC))
    assert found == ()


@pytest.mark.parametrize(
    ("change", "rule", "severity", "rows"),
    [
        ({"shop": ["AA", "AA", "B1", "BB"]}, "pattern", "critical", 1),
        ({"shop": ["AA", "AA", "DD", "BB"]}, "foreign:shop", "warning", 1),
        ({"shop": ["AA"] * 4, "day": [datetime(2026, 1, 1, tzinfo=UTC)] * 4}, "key:shop,day", "critical", 3),
        ({"sold": [2.5, 2.5, 3.0, 3.0]}, "whole", "info", 2),
        ({"sold": [9.0, 9.0, 2.0, 3.0]}, "values", "critical", 2),
        ({"sold": [3.0, 2.0, 2.0, 3.0]}, "not-falling", "warning", 1),
        ({"sold": [1.0, 2.0, None, 3.0]}, "some-sold", "info", 1),
    ],
)
def test_rules_beyond_single_columns_are_found_with_their_rows(
    sales: pl.DataFrame, change: dict[str, list[object]], rule: str, severity: str, rows: int
) -> None:
    text = RICH.replace("length: [2, 2]", "length: [2, 2], severity: critical")
    broken = sales.with_columns(pl.Series(name, values, sales.schema[name]) for name, values in change.items())
    found = check_contract(contract_from_text(text), broken, foreign=SHOPS)
    assert (rule, severity, rows) in {(each.rule, each.severity, each.rows) for each in found}


def test_a_share_of_rows_may_break_a_rule(sales: pl.DataFrame) -> None:
    one = sales.with_columns(sold=pl.Series([9.0, 9.0, 2.0, 3.0]).scatter(1, 3.0))
    assert check_contract(contract_from_text(RICH), one, foreign=SHOPS, now=None)[0].rule == "not-falling"


def test_stretches_of_time_with_too_few_rows_are_named(sales: pl.DataFrame) -> None:
    gap = sales.filter(pl.col("day").dt.day() != 3)
    (finding,) = check_contract(contract_from_text(RICH), gap, foreign=SHOPS)
    assert finding.message == (
        "1 stretches of 1d hold fewer than 1 rows by 'day', the first from 2026-01-03 00:00 (0 rows)"
    )


def test_too_many_rows_and_an_old_table_are_told(sales: pl.DataFrame) -> None:
    more = pl.concat([sales, sales.with_columns(pl.col("day").dt.offset_by("10d"))])
    found = check_contract(contract_from_text(RICH), more, foreign=SHOPS, now=datetime(2026, 3, 1, tzinfo=UTC))
    assert found[0].message == "the table has 8 rows; the contract asks for 4 at most"
    assert {"freshness", "volume"} <= {finding.rule for finding in found}


def test_a_key_can_be_looked_up_in_the_table_itself() -> None:
    text = "contract: 1\ncolumns: {}\nforeign: [{columns: [parent], in: self, key: [id], severity: critical}]\n"
    table = pl.DataFrame({"id": ["a", "b"], "parent": [None, "c"]})
    (finding,) = check_contract(contract_from_text(text), table)
    assert finding.message == "1 rows have a (parent) that is not in this table"


@pytest.mark.parametrize(
    ("that", "said"),
    [
        ("solde > 1", "reads 'solde', which is not in the table. Did you mean 'sold'?"),
        ("sold + 1", "does not fit the table"),
        ("sold > shop", "does not fit the table"),
    ],
)
def test_a_condition_that_cannot_be_asked_is_a_critical_finding(sales: pl.DataFrame, that: str, said: str) -> None:
    contract = Contract(rules=(Rule(id="r", that=that),))
    (finding,) = check_contract(contract, sales)
    assert finding.severity == "critical"
    assert said in finding.message


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT row FROM date", "the rule 'r' fails: "),
        ("SELECT sold FROM data", "must return the rows that break it in a column 'row'; it returns sold"),
        ("SELECT row FROM data; SELECT 1", "must be one SELECT"),
        ("DROP TABLE data", "must be one SELECT"),
        ("SELECT 0 AS row FROM read_csv('/etc/hostname')", "the rule 'r' fails: "),
        ("COPY data TO '/tmp/stolen.csv'", "must be one SELECT"),
    ],
)
def test_a_query_sees_the_table_and_nothing_else(sales: pl.DataFrame, sql: str, said: str) -> None:
    with pytest.raises(DataError) as raised:
        check_contract(Contract(rules=(Rule(id="r", sql=sql),)), sales)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rows: [5, 2]", "begins at 5, above its end 2"),
        ("columns: {a: {kind: numeric, pattern: x}}", "asks for `pattern` of a numeric column"),
        ("columns: {a: {kind: categorical, range: [0, 1]}}", "asks for `range` of a categorical column"),
        ("columns: {a: {kind: text, pattern: '('}}", "is not a regular expression"),
        ("columns: {a: {kind: numeric, values: [x]}}", "'x' among the values is not a number"),
        ("columns: {a: {kind: text, severity: {patern: info}}}", "Did you mean 'pattern'?"),
        ("columns: {a: {kind: text, at_most: 2}}", "the share of rows that may break the rule"),
        ("keys: [{column: a}]", "Did you mean 'columns'?"),
        ("keys: [a]", "such as {columns: [shop, day]}"),
        ("foreign: [{columns: [a, b], in: x.csv, key: [c]}]", "looks up 2 columns in 1"),
        ("freshness: [{column: a, within: 2}]", "within"),
        ("volume: [{column: a, every: 1d}]", "lacks its rows"),
        ("rules: [{id: a b, that: x > 1}]", "write letters, digits"),
        ("rules: [{id: a}]", "either `that`, a condition, or `sql`"),
        ("rules: [{id: a, that: 'x >'}]", "is not an expression"),
        (
            "rules: [{id: a, that: x > avg(x)}]",
            "looks at more than one row: avg(…) (character 5); such a rule is written as `sql`",
        ),
        ("rules: [{id: a, that: x > 1}, {id: a, that: x > 2}]", "two rules called 'a'"),
    ],
)
def test_a_wrong_rule_gets_one_sentence(text: str, said: str) -> None:
    with pytest.raises(DataError) as raised:
        contract_from_text(f"contract: 1\n{text}\n")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_contract_of_before_is_read_as_it_was() -> None:
    assert contract_from_text(TEXT) == Contract(
        rows=2,
        columns=(
            ColumnContract(name="age", kind="numeric", missing=0.1, low=0.0, high=120.0),
            ColumnContract(name="city", kind="categorical", values=("Bonn", "Ulm", "7", "true"), severity="critical"),
            ColumnContract(name="id", kind="categorical", unique=True, optional=True),
        ),
    )
