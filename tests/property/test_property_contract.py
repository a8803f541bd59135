"""Laws of contracts, of quarantine, and of the one pass over a table."""

from __future__ import annotations

import math
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenfold.measures import table_scan
from tenfold.measures.contract.check import check_contract, failing_rows
from tenfold.measures.contract.contract import (
    ColumnContract,
    Contract,
    ForeignKey,
    Freshness,
    Key,
    Rule,
    Severity,
    Volume,
)
from tenfold.measures.contract.read import contract_from_text
from tenfold.measures.contract.text import contract_to_text
from tenfold.measures.states import tally
from tenfold.measures.states.scan import scan
from tenfold.records.dataset import Kind
from tenfold.stages.data.quarantine import after_dropping, divide

WORDS = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), max_size=8)
NAMES = WORDS.filter(bool)
SEVERITIES: st.SearchStrategy[Severity] = st.sampled_from(["info", "warning", "critical"])
SHARES = st.sampled_from([0.0, 0.01, 0.25])
SLOW = settings(max_examples=60, deadline=None, derandomize=True)


@st.composite
def column_contracts(draw: st.DrawFn) -> ColumnContract:
    kind: Kind = draw(st.sampled_from(["numeric", "categorical", "boolean", "datetime", "text"]))
    number, word = kind == "numeric", kind in {"categorical", "text"}
    return ColumnContract(
        name=draw(NAMES),
        kind=kind,
        missing=draw(st.floats(0, 1)),
        low=draw(st.none() | st.floats(-1e6, 0)) if number else None,
        high=draw(st.none() | st.floats(0, 1e6)) if number else None,
        whole=number and draw(st.booleans()),
        values=tuple(draw(st.lists(WORDS, max_size=4, unique=True))) if word else (),
        pattern=draw(st.none() | st.sampled_from(["[A-Z]{3}", r"\d+", "a|b", "true"])) if word else None,
        shortest=draw(st.none() | st.integers(0, 3)) if word else None,
        longest=draw(st.none() | st.integers(3, 9)) if word else None,
        unique=draw(st.booleans()),
        optional=draw(st.booleans()),
        severity=draw(SEVERITIES),
        severities=draw(st.dictionaries(st.sampled_from(["missing", "unique"]), SEVERITIES)),
        at_most=draw(SHARES),
    )


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    names = st.lists(NAMES, min_size=1, max_size=2, unique=True).map(tuple)
    columns = draw(names)
    return Contract(
        columns=tuple(draw(st.lists(column_contracts(), max_size=4, unique_by=lambda each: each.name))),
        rows=draw(st.integers(0, 100)),
        most_rows=draw(st.none() | st.integers(100, 10**6)),
        keys=tuple(draw(st.lists(st.builds(Key, columns=names, severity=SEVERITIES, at_most=SHARES), max_size=1))),
        foreign=(ForeignKey(columns=columns, table=draw(NAMES), key=columns, severity=draw(SEVERITIES)),),
        freshness=tuple(
            draw(
                st.lists(st.builds(Freshness, column=NAMES, within=st.sampled_from(["2d", "90s"])), max_size=1),
            )
        ),
        volume=(Volume(column=draw(NAMES), every="1d", least=draw(st.none() | st.integers(0, 5)), most=9),),
        rules=(
            Rule(id="ends-after", that="b >= a", severity=draw(SEVERITIES), at_most=draw(SHARES)),
            Rule(id="few", sql="SELECT row FROM data WHERE a > 1"),
        ),
    )


@SLOW
@given(contracts())
def test_a_contract_survives_its_text(contract: Contract) -> None:
    assert contract_from_text(contract_to_text(contract)) == contract


ROWS = st.lists(
    st.tuples(
        st.none() | st.floats(-5, 5).map(lambda number: round(number, 1)),
        st.none() | st.sampled_from(["a", "b", "B ", "ß", ""]),
        st.none() | st.integers(0, 4).map(float),
    ),
    min_size=1,
    max_size=40,
)
SOME_RULES = Contract(
    columns=(
        ColumnContract(name="x", kind="numeric", low=-3.0, high=3.0, missing=0.0, severity="critical"),
        ColumnContract(name="w", kind="categorical", values=("a", "b"), pattern="[a-z]", longest=1),
        ColumnContract(name="k", kind="numeric", unique=True, whole=True, at_most=0.25, severities={"unique": "info"}),
    ),
    keys=(Key(columns=("w", "k")),),
    foreign=(ForeignKey(columns=("k",), table="self", key=("k",)),),
    rules=(
        Rule(id="x-below-k", that="x <= k + 2"),
        Rule(id="first-of-w", sql="SELECT row FROM data QUALIFY row_number() OVER (PARTITION BY w ORDER BY row) > 9"),
    ),
)


def frame_of(rows: list[tuple[float | None, str | None, float | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"x": pl.Float64, "w": pl.String, "k": pl.Float64}, orient="row")


@settings(max_examples=25, deadline=None, derandomize=True)
@given(ROWS)
def test_passed_and_quarantined_rows_are_the_input(
    rows: list[tuple[float | None, str | None, float | None]],
) -> None:
    table = frame_of(rows)
    failing = failing_rows(SOME_RULES, table)
    divided = divide(table, failing)
    numbers = divided.quarantined["quarantine_row"].to_list()
    assert divided.passed.height + divided.quarantined.height == table.height
    assert divided.quarantined.select(table.columns).equals(table[numbers])
    assert divided.passed.equals(table[[row for row in range(table.height) if row not in set(numbers)]])
    assert divided.quarantined["quarantine_rules"].list.len().min() != 0
    # Every rule about rows that is told is one of the quarantine, with as many rows, and the other way round.
    told = {
        (f"{each.rule}:{each.column}" if each.column else each.rule): 0
        for each in check_contract(SOME_RULES, table)
        if each.severity != "info" and each.rule != "rows"
    }
    for finding in check_contract(SOME_RULES, table):
        name = f"{finding.rule}:{finding.column}" if finding.column else finding.rule
        if name in told:
            told[name] += finding.rows
    assert told == dict(failing["rule"].value_counts(name="rows").iter_rows())


@settings(max_examples=25, deadline=None, derandomize=True)
@given(ROWS)
def test_what_is_left_outside_of_quarantine_breaks_no_rule_about_single_rows(
    rows: list[tuple[float | None, str | None, float | None]],
) -> None:
    table = frame_of(rows)
    alone = Contract(columns=SOME_RULES.columns[:2], rules=SOME_RULES.rules[:1], rows=0)
    failing = failing_rows(alone, table)
    divided = divide(table, failing)
    assert check_contract(alone, divided.passed) == ()
    told = after_dropping(check_contract(alone, table), divided, failing, at_most=1.0, least=0)
    assert all(finding.severity != "critical" for finding in told)


VALUES = st.lists(
    st.tuples(
        st.none() | st.floats(-1e6, 1e6) | st.sampled_from([0.0, -0.0, 1.0, math.inf, math.nan]),
        st.none() | st.text(max_size=2),
        st.none() | st.booleans(),
        st.none() | st.integers(-(10**15), 10**15),
        st.none() | st.text(max_size=9),
    ),
    min_size=1,
    max_size=60,
)
KINDS: dict[str, Kind] = {"x": "numeric", "c": "categorical", "b": "boolean", "t": "datetime", "w": "text"}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(VALUES, st.integers(1, 20), st.sampled_from([1, 7, 100_000]))
def test_one_pass_in_chunks_says_what_looking_at_the_whole_says(
    rows: list[tuple[object, ...]], chunk: int, most: int
) -> None:
    schema = {"x": pl.Float64, "c": pl.String, "b": pl.Boolean, "t": pl.Int64, "w": pl.String}
    table = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        pl.col("t").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_scan, "CHUNK_ROWS", chunk)
        patch.setattr(tally, "MOST_NUMBERS", most)
        patch.setattr(tally, "MOST_WORDS", most)
        found = table_scan.scan_table(table, kinds=KINDS)
    assert found.state == scan(table, found.shapes)
    numbers = table["x"].filter(table["x"].is_finite()).drop_nulls()
    profile = found.profiles["x"]
    assert (profile.missing, profile.distinct) == (table.height - len(numbers), numbers.n_unique())
    assert sum(count for _, count in profile.histogram) == len(numbers)
    assert not profile.estimated
    if len(numbers):
        assert profile.mean == pytest.approx(cast("float", numbers.mean()), rel=1e-9, abs=1e-6)
        assert profile.quartiles == pytest.approx(np.quantile(numbers.to_numpy(), (0.25, 0.5, 0.75)).tolist())
    if len(numbers) > 1:
        assert profile.deviation == pytest.approx(cast("float", numbers.std()), rel=1e-6, abs=1e-6)
    for name in ("c", "w"):
        assert found.profiles[name].distinct == table[name].drop_nulls().n_unique()


def test_a_file_scanned_in_pieces_keeps_its_contract_as_the_whole_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = 150_000
    table = pl.DataFrame(
        {
            "x": rng.normal(size=rows),
            "n": rng.integers(0, 40_000, rows).astype(float),
            "c": np.char.add("k", rng.integers(0, 300, rows).astype(str)),
        }
    ).with_columns(x=pl.when(pl.int_range(pl.len()) % 11 > 0).then("x"))
    contract = Contract(
        columns=(
            ColumnContract(name="x", kind="numeric", low=-2.0, missing=0.05),
            ColumnContract(name="n", kind="numeric", high=39_000.0, unique=True),
            ColumnContract(name="c", kind="categorical", pattern="k[0-9]{1,2}"),
        ),
        keys=(Key(columns=("n", "c")),),
        rules=(Rule(id="r", that="x < n"),),
    )
    path = tmp_path / "t.parquet"
    table.write_parquet(path)
    found = table_scan.scan_parquet(path, contract=contract)
    assert found.findings == check_contract(contract, table)
    assert found.state == scan(table, found.shapes)
    x, n = found.profiles["x"], found.profiles["n"]
    assert x.estimated
    assert x.distinct == pytest.approx(table["x"].drop_nulls().n_unique(), rel=0.06)
    assert n.distinct == pytest.approx(table["n"].n_unique(), rel=0.06)
    assert x.quartiles == pytest.approx(
        [cast("float", table["x"].quantile(share, "linear")) for share in (0.25, 0.5, 0.75)], abs=0.02
    )
    assert sum(count for _, count in x.histogram) == rows - x.missing
