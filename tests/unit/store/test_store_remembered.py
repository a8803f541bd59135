"""What is remembered of the log: row for row what a reading from the beginning gives, without parsing it again."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal
from tests.unit.store.test_store_predictions import KINDS, answered, origin, segments

from tenfold.store.predictions import reader, remembered
from tenfold.store.predictions.log import PredictionLog
from tenfold.store.predictions.reader import Position, end_of, read_predictions
from tenfold.store.predictions.remembered import FOLDER, read_remembered

OTHER = {**KINDS, "age": "categorical"}
REASON = {"of": "proba_yes", "base": 0.25, "effects": [0.1, 0.0, -0.1, 0.0, 0.5]}


def same(store: Path, since: Position | None = None) -> None:
    whole, known = read_predictions(store, "members", since), read_remembered(store, "members", since)
    assert_frame_equal(known.rows, whole.rows)
    assert known.position == whole.position
    assert known.damaged == whole.damaged


def some(log: PredictionLog, chance: random.Random, place: int) -> None:
    """Let one of several versions answer, with what a row may have beside."""
    names = [f"{place}-{each}" for each in range(chance.randint(1, 4))]
    beside: dict[str, object] = {}
    if chance.random() < 0.3:
        beside["assigned"] = [f"customer {chance.randint(1, 5)}" for _ in names]
    if chance.random() < 0.2:
        beside["reasons"] = [REASON for _ in names]
    if chance.random() < 0.2:
        beside["imputed"] = [["age"], *[[] for _ in names[1:]]]
    version = chance.randint(1, 3)
    kinds = OTHER if version == 3 else KINDS
    answer = answered(*names, minute=chance.randint(0, 50), **beside)
    if kinds is OTHER:
        answer = answered(*names, **{**beside, "columns": {**answer.columns, "age": ["old"] * len(names)}})
    log.append(origin(version, kinds=kinds), answer)


@pytest.mark.parametrize("seed", range(4))
def test_each_look_sees_what_a_reading_from_the_beginning_sees(tmp_path: Path, seed: int):
    chance = random.Random(seed)
    logs = [PredictionLog(tmp_path, worker=worker, segment_bytes=chance.randint(600, 6000)) for worker in range(2)]
    since: Position | None = None
    for place in range(60):
        some(chance.choice(logs), chance, place)
        if place == chance.randint(0, 30):
            since = end_of(tmp_path, "members")
        if chance.random() < 0.4:
            same(tmp_path)
            same(tmp_path, since)
    for log in logs:
        log.close()
    same(tmp_path)
    same(tmp_path, since)


def test_a_look_parses_only_what_came_since(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    log = PredictionLog(tmp_path)
    for place in range(400):
        log.append(origin(), answered(f"{place}"))
    read_remembered(tmp_path, "members")
    parsed = 0

    def frames(content: bytes, start: int) -> object:
        nonlocal parsed
        parsed += len(content)
        return original(content, start)

    original = reader.frames
    monkeypatch.setattr(reader, "frames", frames)
    log.append(origin(), answered("new"))
    assert read_remembered(tmp_path, "members").rows.height == 401
    log.close()
    assert 0 < parsed < 2 * segments(tmp_path)[0].stat().st_size / 400


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def altered(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(content)


def another_format(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"/1\n", b"/9\n", 1))


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def half_a_head(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:30])


@pytest.mark.parametrize("spoil", [cut_short, altered, another_format, emptied, half_a_head])
def test_a_memory_that_is_spoilt_is_made_anew(tmp_path: Path, spoil: Callable[[Path], None]):
    log = PredictionLog(tmp_path)
    log.append(origin(), answered("a", "b"))
    read_remembered(tmp_path, "members")
    (memory,) = (tmp_path / FOLDER / "members").iterdir()
    spoil(memory)
    log.append(origin(), answered("c"))
    log.close()
    same(tmp_path)


def test_nothing_is_remembered_of_a_segment_that_is_gone_or_was_replaced(tmp_path: Path):
    log = PredictionLog(tmp_path)
    log.append(origin(), answered("a", "b"))
    log.close()
    (segment,) = segments(tmp_path)
    read_remembered(tmp_path, "members")
    other = tmp_path / "other"
    second = PredictionLog(other)
    second.append(origin(), answered("x", "y", "z"))
    second.close()
    shutil.copy(segments(other)[0], tmp_path / "copy")
    (tmp_path / "copy").replace(segment)
    assert read_remembered(tmp_path, "members").rows["id"].to_list() == ["x", "y", "z"]
    segment.unlink()
    assert read_remembered(tmp_path, "members").rows.height == 0
    assert list((tmp_path / FOLDER / "members").iterdir()) == []


def test_reasons_and_imputed_columns_stand_beside_the_rows_that_have_them(tmp_path: Path):
    log = PredictionLog(tmp_path)
    log.append(origin(), answered("a"))
    assert not {"reasons", "imputed", "assigned"} & set(read_predictions(tmp_path, "members").rows.columns)
    log.append(origin(), answered("b", minute=1, reasons=[REASON], imputed=[["age", "town"]]))
    log.close()
    rows = read_predictions(tmp_path, "members").rows
    assert rows["imputed"].to_list() == [None, ["age", "town"]]
    assert rows["reasons"].to_list() == [
        None,
        '{"of":"proba_yes","base":0.25,"effects":{"age":0.1,"town":0.0,"member":-0.1,"joined":0.0,"note":0.5}}',
    ]
    assert remembered.read_remembered(tmp_path, "members").rows.equals(rows)
