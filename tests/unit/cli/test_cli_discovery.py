"""What `tenfold init` shows where there is more than one table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Tenfold = Callable[..., Any]


def test_a_folder_without_a_target_is_listed_with_keys_joins_and_a_section(tenfold: Tenfold, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "cities.csv").write_text("code,name\nCGN,Köln\nULM,Ulm\nBON,[b]Bonn[/b]\n")
    (tmp_path / "raw" / "trips.csv").write_text("origin,fare\nCGN,1.5\nULM,2.5\nBON,1.5\nBON,2.5\n")
    (tmp_path / "raw" / "damaged.parquet").write_bytes(b"PAR1")
    finished = tenfold("init", str(tmp_path / "raw"))
    assert finished.code == 0
    text = finished.out
    assert "holds 3 tables" in text
    assert "not read: damaged.parquet is not a Parquet file" in text
    assert "cities: {on: {origin: code}}" in text
    assert "trips.csv --target COLUMN" in " ".join(text.split())
    document = tenfold("init", str(tmp_path / "raw"), "--json").document()
    assert document["schema"] == "tenfold.discovery/1"
    assert document["joins"] == [
        {
            "table": "trips.csv",
            "columns": ["origin"],
            "other": "cities.csv",
            "other_columns": ["code"],
            "share": 1.0,
            "time": None,
        }
    ]
    assert not (tmp_path / "tenfold.yaml").exists()


def test_with_a_target_a_folder_is_read_as_one_table(tenfold: Tenfold, project: Any, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    tenfold("init", str(tmp_path / "raw"), "--target", "label")
    assert project.calls[0][0] == "init_project"
