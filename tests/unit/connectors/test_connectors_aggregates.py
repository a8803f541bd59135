"""Aggregates of related tables: what they are called, what is refused, and what a file may say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tenfold.connectors.aggregates import related
from tenfold.connectors.ingest import Ingested, ingest, ingest_fingerprint
from tenfold.foundation.errors import DataError, SpecError
from tenfold.project.tables import ingest_options
from tenfold.spec.load import parse_spec

FILES = {
    "loans": "id,customer,applied,rank\n1,a,2026-03-01 12:00,x\n2,b,2026-03-02,y\n3,z,2026-03-02,x\n4,,2026-03-02,y\n"
    "5,a,,x\n",
    "payments": "client,day,amount,status,order,paid\na,2026-02-01,10,late,1,true\na,2026-02-25,20,paid,2,false\n"
    "a,2026-02-27,30,paid,3,true\na,2026-03-01 12:00,99,late,4,true\nb,2025-01-01,5,,5,\n",
    "lines": "order,price,sku\n1,1,x\n1,2,y\n2,4,x\n3,8,y\n5,7,y\n",
    "goods": "sku,group\nx,toy\ny,food\n",
}
SOURCES = "loans: {path: loans.csv}, payments: {path: payments.csv, time: day}"


def read(folder: Path, payments: str, *, sources: str = SOURCES, joins: str = "") -> Ingested:
    """Return the loans with what an entry of the join says of the payments."""
    for name, text in FILES.items():
        (folder / f"{name}.csv").write_text(text)
    text = (
        f"problem: {{target: rank}}\ndata:\n  sources: {{{sources}}}\n  join:\n    base: loans\n    at: applied\n"
        f"    sources:\n      payments: {{on: {{customer: client}}, {payments}}}\n{joins}"
    )
    options = ingest_options(parse_spec(text.encode(), path="tenfold.yaml", folder=folder, environ={}))
    ingested = ingest(options, workdir=folder / "work")
    assert ingest_fingerprint(options) == ingested.fingerprint
    return ingested


def test_columns_are_named_for_source_column_function_and_window(tmp_path: Path) -> None:
    asked = "aggregate: {columns: {amount: [mean, sum], status: [mode, share of late]}, windows: [7d, all], gap: 1d}"
    rows = pl.read_parquet(read(tmp_path, asked).table)
    assert rows.columns[4:] == [
        "payments_count_7d", "payments_count_all", "payments_amount_mean_7d", "payments_amount_mean_all",
        "payments_amount_sum_7d", "payments_amount_sum_all", "payments_status_mode_7d", "payments_status_mode_all",
        "payments_status_share_late_7d", "payments_status_share_late_all",
    ]  # fmt: skip
    # Unseen: counts are 0. Without a key, or without a moment: nothing can be asked.
    assert rows["payments_count_all"].to_list() == [3.0, 1.0, 0.0, None, None]
    assert rows["payments_amount_sum_7d"].to_list() == [50.0, None, None, None, None]
    assert rows["payments_status_mode_all"].to_list() == ["paid", None, None, None, None]
    assert rows["payments_status_share_late_all"].to_list() == [pytest.approx(1 / 3), None, None, None, None]


def test_tables_two_deep_are_aggregated_or_looked_up_before(tmp_path: Path) -> None:
    sources = f"{SOURCES}, lines: {{path: lines.csv}}"
    asked = (
        "sources: {lines: {on: order, aggregate: {columns: {price: sum}, rows: []}}},"
        " aggregate: {columns: {lines_price_sum_all: [max, mean]}}"
    )
    rows = pl.read_parquet(read(tmp_path, asked, sources=sources).table)
    assert rows["payments_lines_price_sum_all_max_all"].to_list() == [8.0, 7.0, None, None, None]
    assert rows["payments_lines_price_sum_all_mean_all"][0] == pytest.approx((3 + 4 + 8) / 3)
    sources = "loans: {path: loans.csv}, payments: {path: lines.csv}, goods: {path: goods.csv}"
    asked = "sources: {goods: {on: sku}}, aggregate: {columns: {group: [nunique, mode]}}"
    text = asked.replace("on: {customer: client}", "")
    spec = (
        f"problem: {{target: rank}}\ndata:\n  sources: {{{sources}}}\n  join:\n    base: loans\n    sources:\n"
        f"      payments: {{on: {{id: order}}, {text}}}\n"
    )
    options = ingest_options(parse_spec(spec.encode(), path="tenfold.yaml", folder=tmp_path, environ={}))
    rows = pl.read_parquet(ingest(options, workdir=tmp_path / "goods").table)
    assert rows["payments_group_nunique_all"].to_list() == [2.0, 1.0, 1.0, 0.0, 1.0]
    assert rows["payments_group_mode_all"].to_list() == ["food", "toy", "food", None, "food"]


def test_without_names_every_column_is_aggregated_and_what_is_left_out_is_told(tmp_path: Path) -> None:
    ingested = read(tmp_path, "aggregate: {windows: [7d, all], most: 7}")
    rows = pl.read_parquet(ingested.table)
    assert rows.columns[4:] == [
        "payments_count_7d", "payments_count_all", "payments_amount_mean_7d", "payments_amount_mean_all",
        "payments_order_mean_7d", "payments_order_mean_all", "payments_amount_sum_7d",
    ]  # fmt: skip
    (told,) = [note for note in ingested.notes if "leaves out" in note]
    assert "'payments' makes 7 columns and leaves out" in told
    assert "payments_amount_sum_all" in told


@pytest.mark.parametrize(
    ("payments", "said"),
    [
        ("aggregate: {columns: {amont: mean}}", "no column 'amont' to aggregate. Did you mean 'amount'?"),
        ("aggregate: {columns: {status: mean}}", "`mean` does not fit column 'status' of the source 'payments'"),
        ("aggregate: {columns: {amount: share of 3}}", "which is numeric"),
        ("aggregate: {columns: {amount: mean}, id: ordr}", "no column 'ordr'. Did you mean 'order'"),
        ("aggregate: {columns: {status: [share of a b, share of a-b]}}", "would be called 'payments_status_share_a_b"),
    ],
)
def test_what_cannot_be_aggregated_is_told_in_one_sentence(tmp_path: Path, payments: str, said: str) -> None:
    with pytest.raises(DataError) as raised:
        read(tmp_path, payments)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("payments", "sources", "said"),
    [
        ("aggregate: {columns: {amount: meen}}", SOURCES, "meen"),
        ("aggregate: {windows: [7]}", SOURCES, "needs a unit"),
        ("aggregate: {windows: [7d, 7d]}", SOURCES, "a window of 'payments' is written twice"),
        ("aggregate: {windows: [0s]}", SOURCES, "is empty"),
        ("columns: [amount], aggregate: {}", SOURCES, "`columns` of 'payments' is for the last row"),
        ("aggregate: {windows: 7d}", SOURCES.replace(", time: day", ""), "need the source's `time:`"),
        ("aggregate: {columns: {amount: [mean, sum]}, most: 2}", SOURCES, "would make 3 columns"),
        ("sources: {loans: {on: order}}", SOURCES, "is the base of the join"),
        ("sources: {lines: {on: order}}", f"{SOURCES}, lines: {{path: lines.csv}}", "say how with `aggregate:`"),
        (
            "sources: {lines: {on: order}}, aggregate: {}",
            f"{SOURCES}, lines: {{path: lines.csv, time: sku}}",
            "'lines' changes in time",
        ),
        ("aggregate: {}", f"{SOURCES}, lines: {{path: lines.csv}}", "the join leaves out the source 'lines'"),
    ],
)
def test_what_a_file_cannot_mean_is_told_before_anything_is_read(
    tmp_path: Path, payments: str, sources: str, said: str
) -> None:
    with pytest.raises(SpecError) as raised:
        read(tmp_path, payments, sources=sources)
    assert said in str(raised.value)


def test_pairs_are_gone_through_in_parts_that_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = "aggregate: {columns: {amount: [sum, std, last, median]}, windows: [20d, all]}"
    whole = pl.read_parquet(read(tmp_path, asked).table)
    monkeypatch.setattr(related, "_PAIRS_AT_ONCE", 2)
    assert pl.read_parquet(read(tmp_path, asked).table).equals(whole)
    monkeypatch.setattr(related, "_MOST_PAIRS", 3)
    with pytest.raises(DataError, match="would look at 4 pairs of rows"):
        read(tmp_path, asked)


def test_a_long_past_is_summed_to_the_last_digits(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    amounts = rng.normal(1e6, 1.0, 4000)
    pl.DataFrame({"client": ["a"] * 4000, "amount": amounts}).with_columns(
        day=pl.datetime(2025, 1, 1) + pl.duration(minutes=pl.int_range(4000))
    ).write_parquet(tmp_path / "long.parquet")
    sources = SOURCES.replace("payments.csv", "long.parquet")
    asked = "aggregate: {columns: {amount: [mean, std, median]}, rows: since_first}"
    row = pl.read_parquet(read(tmp_path, asked, sources=sources).table).row(0, named=True)
    assert row["payments_amount_mean_all"] == pytest.approx(amounts.mean(), rel=1e-12)
    assert row["payments_amount_std_all"] == pytest.approx(amounts.std(ddof=1), rel=1e-9)
    assert row["payments_amount_median_all"] == pytest.approx(np.median(amounts), rel=1e-15)


def test_what_is_declared_of_the_moment_is_believed_where_the_base_is_read(tmp_path: Path) -> None:
    (tmp_path / "odd.csv").write_text("id,customer,applied,rank\n1,a,20260226,x\n2,a,20260301,y\n")
    sources = SOURCES.replace("loans.csv", "odd.csv")
    with pytest.raises(DataError, match=r"'applied' of the source 'loans' holds no times \(numeric\)"):
        read(tmp_path, "aggregate: {}", sources=sources)
    columns = '  columns: {applied: {kind: datetime, datetime_format: "%Y%m%d"}}\n'
    rows = pl.read_parquet(read(tmp_path, "aggregate: {}", sources=sources, joins=columns).table)
    assert rows["payments_count_all"].to_list() == [2.0, 3.0]
