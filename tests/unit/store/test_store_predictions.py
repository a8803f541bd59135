"""The log of predictions: what was written is read, whatever happened to the writer."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tenfold.foundation.errors import StoreError
from tenfold.foundation.serial import from_json, to_json
from tenfold.store.predictions.log import Answered, Origin, PredictionLog
from tenfold.store.predictions.reader import Damage, Position, endpoints_logged, read_predictions
from tenfold.store.predictions.segment import HEADER, framed, frames
from tenfold.testing.faults import FailAtWrite

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KINDS = {"age": "numeric", "town": "categorical", "member": "boolean", "joined": "datetime", "note": "text"}


def origin(version: int = 1, *, endpoint: str = "members", kinds: dict[str, str] | None = None) -> Origin:
    return Origin(
        endpoint=endpoint,
        ref=f"members@{version}",
        bundle=f"{version}" * 64,
        kinds=KINDS if kinds is None else kinds,
        outputs=("proba_no", "proba_yes"),
    )


def answered(*ids: str, minute: int = 0, **changes: object) -> Answered:
    rows = len(ids)
    facts: dict[str, object] = {
        "at": NOON + timedelta(days=-minute),
        "recorded": NOON + timedelta(minutes=minute, microseconds=minute),
        "replay": False,
        "ids": ids,
        "columns": {
            "age": [None if place % 2 else place + 0.1 for place in range(rows)],
            "town": ["Tówn ✨", *[None] * (rows - 1)],
            "member": [True] * rows,
            "joined": [NOON + timedelta(microseconds=place) for place in range(rows)],
            "note": [""] * rows,
        },
        "scores": [[0.1, 0.9]] * rows,
        "decisions": ["yes"] * rows,
        **changes,
    }
    return Answered(**facts)  # type: ignore[arg-type]  # the facts are an answer's


def segments(store: Path, endpoint: str = "members") -> list[Path]:
    return sorted((store / "log" / endpoint).iterdir())


def test_rows_come_back_as_they_were_answered(tmp_path: Path):
    log = PredictionLog(tmp_path)
    log.append(origin(), answered("a", "b", "c"))
    log.append(origin(), answered("d", minute=1, replay=True))
    log.close()
    rows = read_predictions(tmp_path, "members").rows
    assert rows.columns == [
        "id", "at", "recorded", "ref", "bundle", "replay", "decision", "proba_no", "proba_yes", *KINDS,
    ]  # fmt: skip
    assert rows["id"].to_list() == ["a", "b", "c", "d"]
    assert rows["age"].to_list() == [0.1, None, 2.1, 0.1]
    assert rows["town"].to_list() == ["Tówn ✨", None, None, "Tówn ✨"]
    assert rows["joined"].to_list()[1] == NOON + timedelta(microseconds=1)
    assert rows["recorded"].to_list()[3] == NOON + timedelta(minutes=1, microseconds=1)
    assert rows["at"].to_list()[3] == NOON - timedelta(days=1)
    assert rows["replay"].to_list() == [False, False, False, True]
    assert rows["proba_yes"].to_list() == [0.9] * 4
    assert rows["ref"].unique().to_list() == ["members@1"]
    assert rows.schema["at"] == pl.Datetime("us", "UTC")
    assert rows.schema["age"] == pl.Float64()


def test_nothing_logged_reads_as_no_rows(tmp_path: Path):
    found = read_predictions(tmp_path, "members")
    assert found.rows.height == 0
    assert {"id", "at", "recorded"} <= set(found.rows.columns)
    assert endpoints_logged(tmp_path) == ()


def test_a_consumer_goes_on_where_it_stopped(tmp_path: Path):
    log = PredictionLog(tmp_path, segment_bytes=2000)
    position: Position | None = None
    seen: list[str] = []
    for number in range(40):
        log.append(origin(), answered(f"{number}", minute=number))
        if number % 7 == 0:
            found = read_predictions(tmp_path, "members", position)
            position = from_json(Position, to_json(found.position))
            seen += found.rows["id"].to_list()
    log.close()
    seen += read_predictions(tmp_path, "members", position).rows["id"].to_list()
    assert seen == [f"{number}" for number in range(40)]
    assert len(segments(tmp_path)) > 3


def test_a_consumer_may_take_a_few_rows_at_a_time(tmp_path: Path):
    log = PredictionLog(tmp_path, segment_bytes=2000)
    for number in range(20):
        log.append(origin(), answered(f"{number}a", f"{number}b", minute=number))
    log.close()
    position, counts = None, []
    while (found := read_predictions(tmp_path, "members", position, most_rows=6)).rows.height:
        counts.append(found.rows.height)
        position = found.position
    assert sum(counts) == 40
    assert max(counts) <= 7


def test_a_record_cut_at_any_byte_is_left_alone_and_read_once_it_is_whole(tmp_path: Path):
    log = PredictionLog(tmp_path)
    log.append(origin(), answered("a"))
    log.append(origin(), answered("b"))
    log.close()
    (path,) = segments(tmp_path)
    whole = path.read_bytes()
    (first, _) = frames(whole, len(HEADER))
    for end in range(first.end, len(whole)):
        path.write_bytes(whole[:end])
        found = read_predictions(tmp_path, "members")
        assert found.rows["id"].to_list() == ["a"]
        assert found.damaged == ()
        path.write_bytes(whole)
        assert read_predictions(tmp_path, "members", found.position).rows["id"].to_list() == ["b"]
    for end in range(first.end):
        path.write_bytes(whole[:end])
        assert read_predictions(tmp_path, "members").rows.height == 0


def test_an_end_that_the_disk_filled_with_zeros_is_a_torn_end(tmp_path: Path):
    log = PredictionLog(tmp_path)
    log.append(origin(), answered("a"))
    log.close()
    (path,) = segments(tmp_path)
    path.write_bytes(path.read_bytes() + bytes(500))
    found = read_predictions(tmp_path, "members")
    assert found.rows["id"].to_list() == ["a"]
    assert found.damaged == ()


@pytest.mark.parametrize("place", [0.0, 0.3, 0.6, 0.9])
def test_an_altered_record_among_others_is_told_and_the_others_are_read(tmp_path: Path, place: float):
    log = PredictionLog(tmp_path)
    for name in "abc":
        log.append(origin(), answered(name))
    log.close()
    (path,) = segments(tmp_path)
    content = bytearray(path.read_bytes())
    _, second, _ = frames(bytes(content), len(HEADER))
    content[second.start + int(place * (second.end - second.start))] ^= 0x40
    path.write_bytes(content)
    found = read_predictions(tmp_path, "members")
    assert found.rows["id"].to_list() == ["a", "c"]
    assert found.damaged == (Damage(segment=path.name, start=second.start, end=second.end),)
    assert read_predictions(tmp_path, "members", found.position).damaged == ()


def test_a_payload_that_looks_like_a_frame_is_none(tmp_path: Path):
    inner = framed(b"x")
    content = HEADER + framed(inner + b"y" + inner)
    assert [frame.payload for frame in frames(content, len(HEADER))] == [inner + b"y" + inner]


def test_another_format_is_refused_by_name(tmp_path: Path):
    folder = tmp_path / "log" / "members"
    folder.mkdir(parents=True)
    (folder / "0-1-000001.log").write_bytes(b"tenfold-log/9\nwhat follows")
    with pytest.raises(StoreError, match="0-1-000001"):
        read_predictions(tmp_path, "members")


def test_versions_with_other_columns_stand_in_one_table(tmp_path: Path):
    log = PredictionLog(tmp_path)
    log.append(origin(1), answered("a"))
    other = {"age": "categorical", "new": "numeric"}
    log.append(origin(2, kinds=other), answered("b", minute=1, columns={"age": ["old"], "new": [7.5]}))
    log.append(origin(1), answered("c", minute=2))
    log.close()
    rows = read_predictions(tmp_path, "members").rows
    assert rows["id"].to_list() == ["a", "b", "c"]
    assert rows["new"].to_list() == [None, 7.5, None]
    assert rows["age"].to_list() == ["0.1", "old", "0.1"]
    assert rows["ref"].to_list() == ["members@1", "members@2", "members@1"]


def test_an_input_called_as_one_of_the_logs_columns_is_renamed(tmp_path: Path):
    log = PredictionLog(tmp_path)
    kinds = {"id": "categorical", "proba_no": "numeric"}
    log.append(origin(kinds=kinds), answered("a", columns={"id": ["x"], "proba_no": [3.0]}))
    log.close()
    rows = read_predictions(tmp_path, "members").rows
    assert rows.select("id", "input_id", "proba_no", "input_proba_no").rows() == [("a", "x", 0.1, 3.0)]


def test_workers_and_endpoints_have_segments_of_their_own(tmp_path: Path):
    logs = [PredictionLog(tmp_path, worker=number) for number in range(3)]
    for number, log in enumerate(logs):
        log.append(origin(), answered(f"{number}", minute=2 - number))
        log.append(origin(endpoint="others"), answered("x"))
    for log in logs:
        log.close()
    assert len(segments(tmp_path)) == 3
    assert endpoints_logged(tmp_path) == ("members", "others")
    assert read_predictions(tmp_path, "members").rows["id"].to_list() == ["2", "1", "0"]


def test_a_writer_that_writes_nothing_leaves_nothing(tmp_path: Path):
    PredictionLog(tmp_path).close()
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize("act", range(1, 8))
def test_a_disk_that_fills_up_at_any_act_loses_nothing_that_was_acknowledged(tmp_path: Path, act: int):
    faults = FailAtWrite(act)
    log = PredictionLog(tmp_path, segment_bytes=600, before_write=faults)
    kept = []
    for number in range(30):
        if number % 5 == 4:
            faults.recover()
        if number % 5 == 0 and number:
            faults.strike(act)
        try:
            log.append(origin(), answered(f"{number}", minute=number))
        except StoreError:
            continue
        else:
            kept.append(f"{number}")
    faults.recover()
    log.close()
    assert len(kept) < 30 or act > 4
    found = read_predictions(tmp_path, "members")
    assert found.rows["id"].to_list() == kept
    assert found.damaged == ()


def test_half_a_record_that_was_written_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    log = PredictionLog(tmp_path)
    log.append(origin(), answered("a"))
    write = os.write

    def short(descriptor: int, content: bytes) -> int:
        monkeypatch.setattr(os, "write", refuse)
        return write(descriptor, bytes(content)[:50])

    def refuse(descriptor: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(StoreError):
        log.append(origin(), answered("half"))
    monkeypatch.setattr(os, "write", write)
    log.append(origin(), answered("b"))
    log.close()
    found = read_predictions(tmp_path, "members")
    assert found.rows["id"].to_list() == ["a", "b"]
    assert found.damaged == ()


def test_a_flush_reaches_every_record_before_it(tmp_path: Path):
    acts: list[str] = []
    log = PredictionLog(tmp_path, before_write=lambda act, path: acts.append(act))
    number = log.append(origin(), answered("a"))
    log.flush(number)
    assert "fsync" in acts[acts.index("write") :]
    assert log.lag_seconds() == 0.0
    count = acts.count("fsync")
    log.flush(number)
    assert acts.count("fsync") == count
    log.close()
