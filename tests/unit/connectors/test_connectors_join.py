"""Sources beside the rows of one of them: what joins, what is called how, what is refused."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tenfold.connectors.ingest import IngestOptions, ingest, ingest_fingerprint
from tenfold.connectors.request import SourceRequest
from tenfold.connectors.timed import Joined, PointInTimeJoin
from tenfold.foundation.errors import DataError

FILES = {
    "trips": "id,at,origin,goal\n1,2026-01-01 10:00,CGN,ULM\n2,2026-01-01 09:00,CGN,\n3,2026-01-01 11:00,ULM,XXX\n",
    "weather": "origin,at,temperature\nCGN,2026-01-01 09:00,1\nCGN,2026-01-01 10:00,2\nULM,2026-01-01 08:00,3\n",
    "cities": "code,name,lift\nCGN,Köln,1\nULM,Ulm,0\n",
    "fares": "goal,begins,ends,fare\nULM,2025-12-01,2026-01-01 10:00,5\nULM,2026-01-01 10:00,,7\n",
}


def joined(
    tmp_path: Path, sources: dict[str, Joined], *, at: str | None = "at", **requests: dict[str, object]
) -> pl.DataFrame:
    used = ["trips", *dict.fromkeys(each.source or name for name, each in sources.items())]
    for name in used:
        (tmp_path / f"{name}.csv").write_text(FILES[name])
    options = IngestOptions(
        sources=tuple(
            SourceRequest(name=name, location=str(tmp_path / f"{name}.csv"), **requests.get(name, {}))  # type: ignore[arg-type]
            for name in used
        ),
        join=PointInTimeJoin(base="trips", at=at, sources=sources),
    )
    ingested = ingest(options, workdir=tmp_path / "work")
    assert ingest_fingerprint(options) == ingested.fingerprint
    return pl.read_parquet(ingested.table)


def test_every_row_of_the_base_stays_with_what_was_known_before_its_moment(tmp_path: Path) -> None:
    weather = Joined(on={"origin": "origin"}, age=True)
    rows = joined(tmp_path, {"weather": weather}, weather={"time": "at"})
    assert rows.columns == ["id", "at", "origin", "goal", "temperature", "weather_age_seconds"]
    assert rows.select("id", "temperature", "weather_age_seconds").rows() == [
        (1.0, 1.0, 3600.0),
        (2.0, None, None),
        (3.0, 3.0, 10_800.0),
    ]


def test_what_becomes_known_later_or_happened_too_long_ago_does_not_join(tmp_path: Path) -> None:
    weather = Joined(on={"origin": "origin"}, oldest_seconds=7200.0)
    rows = joined(tmp_path, {"weather": weather}, weather={"time": "at", "available_seconds": 3600.0})
    assert rows["temperature"].to_list() == [None, None, None]


def test_a_source_without_times_holds_for_ever_and_may_join_twice(tmp_path: Path) -> None:
    sources = {
        "cities": Joined(on={"origin": "code"}),
        "goals": Joined(on={"goal": "code"}, source="cities", columns=("name",)),
    }
    rows = joined(tmp_path, sources, at=None)
    assert rows["name"].to_list() == ["Köln", "Köln", "Ulm"]
    assert rows["goals_name"].to_list() == ["Ulm", None, None]


def test_a_row_that_ends_counts_until_its_end(tmp_path: Path) -> None:
    fares = Joined(on={"goal": "goal"})
    rows = joined(tmp_path, {"fares": fares}, fares={"valid_from": "begins", "valid_to": "ends"})
    assert rows["fare"].to_list() == [5.0, None, None]


@pytest.mark.parametrize(
    ("sources", "requests", "said"),
    [
        ({"weather": Joined(on={"origin": "origin"})}, {}, "holds a key more than once (rows 1 and 2)"),
        ({"cities": Joined(on={"orgin": "code"})}, {}, "'trips' has no column 'orgin'. Did you mean 'origin'"),
        ({"cities": Joined(on={"origin": "cod"})}, {}, "'cities' has no column 'cod'. Did you mean 'code'"),
        ({"cities": Joined(on={"origin": "code"}, columns=("nam",))}, {}, "no column 'nam'. Did you mean 'name'"),
        ({"cities": Joined(on={"origin": "code"})}, {"cities": {"available_at": "name"}}, "holds no times"),
        ({"weather": Joined(on={"origin": "origin"})}, {"weather": {"time": "when"}}, "has no column 'when'"),
    ],
)
def test_what_cannot_join_is_told_in_one_sentence(
    tmp_path: Path, sources: dict[str, Joined], requests: dict[str, dict[str, object]], said: str
) -> None:
    with pytest.raises(DataError) as raised:
        joined(tmp_path, sources, **requests)
    assert said in str(raised.value)
