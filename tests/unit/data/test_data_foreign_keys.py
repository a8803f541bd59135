"""Keys that a contract looks up in files beside the project's file, and the setting of the quarantine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.foundation.errors import SpecError
from tenfold.project.wiring import options_of
from tenfold.spec.load import parse_spec
from tenfold.spec.schema import Spec

CONTRACT = "contract: 1\ncolumns: {}\nforeign: [{columns: [shop], in: shops.csv, key: [id]}]\n"


def spec_of(folder: Path, more: str = "") -> Spec:
    text = f"problem: {{target: y}}\ndata: {{path: rows.csv, contract: c.yaml{more}}}\n"
    (folder / "c.yaml").write_text(CONTRACT)
    return parse_spec(text.encode(), path=str(folder / "tenfold.yaml"), folder=folder, environ={})


def test_keys_are_read_from_the_file_beside(tmp_path: Path) -> None:
    (tmp_path / "shops.csv").write_text("id,name\nS2,b\nS1,a\nS1,c\n")
    data = options_of(spec_of(tmp_path)).data
    assert data.foreign["foreign:shop"].keys == ("S1", "S2")
    assert (data.quarantine, data.quarantine_at_most) == ("keep", 0.1)


def test_a_key_that_is_not_there_is_told_with_the_line_of_the_contract(tmp_path: Path) -> None:
    (tmp_path / "shops.csv").write_text("idd,name\nS2,b\nS1,a\n")
    with pytest.raises(SpecError) as raised:
        options_of(spec_of(tmp_path))
    assert "looks foreign:shop up in 'shops.csv': it has no column 'id'" in str(raised.value)
    assert raised.value.line == 2


@pytest.mark.parametrize(
    ("written", "found"),
    [(", quarantine: drop", ("drop", 0.1)), (", quarantine: {rows: drop, at_most: 0.5}", ("drop", 0.5))],
)
def test_the_quarantine_is_one_word_or_says_how_many(written: str, found: tuple[str, float], tmp_path: Path) -> None:
    (tmp_path / "shops.csv").write_text("id,name\nS2,b\nS1,a\n")
    data = options_of(spec_of(tmp_path, written)).data
    assert (data.quarantine, data.quarantine_at_most) == found
