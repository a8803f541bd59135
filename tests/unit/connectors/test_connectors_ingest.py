"""From sources to one table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from tenfold.connectors.infer import FieldOverride
from tenfold.connectors.ingest import IngestOptions, ingest, ingest_fingerprint
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.errors import DataError


@pytest.fixture
def options(tmp_path: Path) -> IngestOptions:
    (tmp_path / "trips.csv").write_text(
        "id,place,at,zip\n1,A,2026-01-31 08:00,01234\n2,A,2026-01-31 09:00,01235\n3,B,NA,01236\n"
    )
    (tmp_path / "weather.csv").write_text("place;hour;temp\nA;2026-01-31 07:00;1,5\nA;2026-01-31 08:00;2,5\n")
    return IngestOptions(
        sources=(
            SourceRequest(name="trips", location=str(tmp_path / "trips.csv")),
            SourceRequest(
                name="weather", location=str(tmp_path / "weather.csv"), time="hour", available_seconds=3600.0
            ),
        ),
        query="SELECT t.id, t.zip, CAST(t.id AS VARCHAR) AS code, w.temp, hour(t.at) AS hour, t.id > 1 AS late"
        " FROM trips AS t ASOF LEFT JOIN weather AS w ON t.place = w.place AND t.at >= w.available_at ORDER BY t.id",
        timezone="Europe/Berlin",
    )


def test_sources_are_joined_and_their_columns_understood(options: IngestOptions, tmp_path: Path) -> None:
    ingested = ingest(options, workdir=tmp_path / "work")
    rows = pl.read_parquet(ingested.table)
    assert rows.rows() == [
        (1.0, "01234", "1", 1.5, 8.0, False),
        (2.0, "01235", "2", 2.5, 9.0, True),
        (3.0, "01236", "3", None, None, True),
    ]
    assert {field.name: field.kind for field in ingested.fields} == {
        "id": "numeric",
        "zip": "categorical",
        "code": "categorical",
        "temp": "numeric",
        "hour": "numeric",
        "late": "boolean",
    }
    # Rows to predict are written as the source was: with a decimal comma.
    assert next(field for field in ingested.fields if field.name == "temp").decimal_comma
    assert [source.rows for source in ingested.sources] == [3, 2]
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["table.parquet"]


def test_the_fingerprint_is_known_without_reading(options: IngestOptions, tmp_path: Path) -> None:
    assert ingest_fingerprint(options) == ingest(options, workdir=tmp_path / "work").fingerprint


def test_the_fingerprint_changes_with_bytes_query_and_options_but_not_with_the_place(
    options: IngestOptions, tmp_path: Path
) -> None:
    first = ingest_fingerprint(options)
    moved = tmp_path / "elsewhere.csv"
    moved.write_bytes((tmp_path / "trips.csv").read_bytes())
    trips = options.sources[0]
    assert (
        ingest_fingerprint(replace(options, sources=(replace(trips, location=str(moved)), options.sources[1]))) == first
    )
    assert ingest_fingerprint(replace(options, query="SELECT 1 AS a")) != first
    assert ingest_fingerprint(replace(options, timezone="UTC")) != first
    assert ingest_fingerprint(replace(options, overrides={"id": FieldOverride(kind="categorical")})) != first
    (tmp_path / "weather.csv").write_text("place;hour;temp\nA;2026-01-31 07:00;9,5\n")
    assert ingest_fingerprint(options) != first


def test_ingesting_again_gives_the_same_bytes(options: IngestOptions, tmp_path: Path) -> None:
    tables = [ingest(options, workdir=tmp_path / name).table.read_bytes() for name in ("a", "b")]
    assert tables[0] == tables[1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sources": ()}, "no data source"),
        ({"query": None}, "write the `query` that joins them"),
        ({"query": "SELECT id FROM trips WHERE id > 99"}, "the result of the query has no rows"),
        ({"overrides": {"idd": FieldOverride(kind="numeric")}}, "'idd' is declared but is not a column"),
    ],
)
def test_what_cannot_be_ingested_gets_one_sentence(
    options: IngestOptions, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        ingest(replace(options, **change), workdir=tmp_path / "work")  # type: ignore[arg-type]


def test_an_unknown_time_of_a_source_names_the_nearest(options: IngestOptions, tmp_path: Path) -> None:
    trips, weather = options.sources
    wrong = replace(options, sources=(trips, replace(weather, time="huor")))
    with pytest.raises(DataError, match=r"source 'weather' has no column 'huor'. Did you mean 'hour'\?"):
        ingest(wrong, workdir=tmp_path / "work")
