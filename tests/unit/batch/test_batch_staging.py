"""Files and Delta tables that appear whole: stopped, run twice at once, on a full disk; each row once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from table_scene import START, TickingClock, bundle, model, rows
from tests.disk import largest_file

from tenfold.batch import into_file
from tenfold.batch.flow import in_order
from tenfold.batch.into_file import FileOptions, WrittenToFile, score_into_file
from tenfold.batch.staging import Staging
from tenfold.foundation.errors import DataError, InputError, StoreError

OUTPUTS = ["out.csv", "out.parquet", "out.jsonl", "delta:out"]
MADE = ["row_number", "model_ref", "model_bundle", "predicted_at", "job", "input_hash", "run_id"]


class Stop(Exception):
    """The process ends here."""


def at(folder: Path, output: str) -> str:
    kind, colon, name = output.rpartition(":")
    return f"{kind}{colon}{folder / name}"


def into(folder: Path, output: str, place: Path, *, clock: TickingClock | None = None, **more: Any) -> WrittenToFile:
    options = FileOptions(chunk_rows=more.pop("chunk_rows", 10), keep=("key", "number"), **more)
    return score_into_file(
        place,
        str(folder / "in.parquet"),
        at(folder, output),
        options,
        model_ref="members@1",
        clock=clock or TickingClock(),
    )


def found(folder: Path, output: str) -> pl.DataFrame:
    readers: dict[str, Any] = {"csv": pl.read_csv, "parquet": pl.read_parquet, "jsonl": pl.read_ndjson}
    if output.startswith("delta:"):
        return pl.read_delta(at(folder, output).removeprefix("delta:")).sort("job", "row_number")
    return readers[output.rpartition(".")[2]](folder / output)  # type: ignore[no-any-return]


def content(table: pl.DataFrame) -> pl.DataFrame:
    """All but the moments of prediction and the runs that wrote the rows."""
    return table.drop("predicted_at", "run_id")


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """101 rows to score, in a folder."""
    rows().write_parquet(tmp_path / "in.parquet")
    return tmp_path


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("output", OUTPUTS)
def test_every_row_says_what_it_came_of(given: Path, tmp_path: Path, output: str, workers: int) -> None:
    done = into(given, output, bundle(tmp_path), workers=workers)
    table = found(given, output)
    assert (done.rows, done.added, done.before, done.run_id) == (101, 101, 0, f"{done.job}/1")
    assert list(done.columns) == table.columns
    assert table.columns == ["key", "number", MADE[0], "prediction", "proba_no", "proba_yes", *MADE[1:]]
    assert table["row_number"].to_list() == list(range(1, 102))
    assert table["key"].to_list() == rows()["key"].to_list()
    assert table["prediction"].to_list() == model().predict(rows())["prediction"].to_list()
    origin = table.select("model_ref", "model_bundle", "job", "input_hash", "run_id").unique()
    assert origin.rows() == [("members@1", done.model_bundle, done.job, done.input_hash, done.run_id)]
    assert table["predicted_at"].n_unique() == 11
    if output in {"out.parquet", "delta:out"}:
        assert table["predicted_at"].min() > START


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_job_stopped_at_any_chunk_goes_on_after_it(given: Path, tmp_path: Path, output: str) -> None:
    def stop() -> None:
        raise Stop

    place = bundle(tmp_path)
    into(given, f"{output.replace('out', 'whole')}", place)
    expected = content(found(given, output.replace("out", "whole")))
    for moment in range(1, 12):
        # The clock is asked once for the columns, and once for each chunk.
        with pytest.raises(Stop):
            into(given, output, place, clock=TickingClock(act_at=moment + 1, act=stop))
        rest = into(given, output, place, chunk_rows=10 if moment % 2 else 17)
        assert (rest.before, rest.rows, rest.run_id) == (10 * (moment - 1), 101, f"{rest.job}/2")
        table = found(given, output)
        assert content(table).equals(expected)
        assert dict(table.group_by("run_id").len().rows()) == {
            run: count for run, count in ((f"{rest.job}/1", rest.before), (rest.run_id, rest.added)) if count
        }
        if output.startswith("delta:"):
            assert into(given, output, place).was_finished
            for path in sorted((given / "out").rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
    assert not [path.name for path in given.iterdir() if "unfinished" in path.name]


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("act", ["replace", "commit", "forget"])
def test_a_death_around_the_publishing_leaves_each_row_once(
    given: Path, tmp_path: Path, output: str, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = bundle(tmp_path)
    with monkeypatch.context() as patch:
        if act == "forget":

            def forget(self: Staging) -> None:
                raise Stop

            patch.setattr(Staging, "forget", forget)
        else:

            def whole(*more: Any, **also: Any) -> None:
                raise Stop

            patch.setattr(into_file.DeltaSink, "append", whole)
            patch.setattr(Staging, "publish", whole)
        with pytest.raises(Stop):
            into(given, output, place)
    done = into(given, output, place)
    assert (done.rows, done.added) == (101, 0)
    assert found(given, output)["row_number"].to_list() == list(range(1, 102))
    assert not [path.name for path in given.iterdir() if "unfinished" in path.name]


@pytest.mark.parametrize("output", OUTPUTS)
def test_of_two_at_once_the_second_says_who_works_on_it(given: Path, tmp_path: Path, output: str) -> None:
    place, said = bundle(tmp_path), []

    def second() -> None:
        with pytest.raises(StoreError, match=r"process \d+ works on .*out.* and run the command again"):
            into(given, output, place)
        said.append(1)

    into(given, output, place, clock=TickingClock(act_at=5, act=second))
    assert said == [1]
    assert found(given, output).height == 101


def test_threads_that_begin_at_once_have_one_owner_each_time(given: Path, tmp_path: Path) -> None:
    place, answers, start = bundle(tmp_path), [], threading.Barrier(4)

    def work() -> None:
        start.wait()
        try:
            answers.append(into(given, "out.csv", place).rows)
        except StoreError as error:
            answers.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert 101 in answers
    assert all(answer == 101 or "works on" in answer for answer in answers)
    assert found(given, "out.csv").height == 101


def test_chunks_of_another_job_are_thrown_away_and_that_is_said(given: Path, tmp_path: Path) -> None:
    def stop() -> None:
        raise Stop

    with pytest.raises(Stop):
        into(given, "out.csv", bundle(tmp_path), clock=TickingClock(act_at=5, act=stop))
    done = into(given, "out.csv", bundle(tmp_path, model(slope=0.2)))
    assert (done.before, done.added) == (0, 101)
    assert done.dropped.startswith("the unfinished job")
    assert found(given, "out.csv")["model_bundle"].unique().to_list() == [done.model_bundle]


def test_a_delta_table_keeps_other_jobs_rows_and_refuses_other_columns(given: Path, tmp_path: Path) -> None:
    place = bundle(tmp_path)
    first = into(given, "delta:out", place)
    rows(50, seed=3).write_parquet(given / "in.parquet")
    second = into(given, "delta:out", place)
    assert dict(found(given, "delta:out").group_by("job").len().rows()) == {first.job: 101, second.job: 50}
    with pytest.raises(InputError, match="it lacks the column 'proba_maybe'"):
        into(given, "delta:out", bundle(tmp_path, model(classes=("maybe", "yes"))))
    (given / "foreign").mkdir()
    (given / "foreign" / "file").touch()
    with pytest.raises(InputError, match="is there already, and is not a Delta table"):
        into(given, "delta:foreign", place)
    (given / "out" / "_delta_log" / f"{0:020d}.json").write_bytes(b"")
    with pytest.raises(StoreError, match=r"is damaged: its commit 0+\.json is empty"):
        into(given, "delta:out", place, bare=True)


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_disk_that_takes_no_more_is_one_sentence_and_is_gone_on_with(
    given: Path, tmp_path: Path, output: str
) -> None:
    place = bundle(tmp_path)
    whole = output.replace("out", "whole")
    into(given, whole, place)
    expected = content(found(given, whole))
    refused = 0
    for size in (0, 1, 100, 900, 1500, 2500, 3500, 5000, 9000, 15_000, 20_000):
        said = ""
        with largest_file(size):
            try:
                into(given, output, place)
            except StoreError as error:
                said = str(error)
        refused += said != ""
        assert not said or "cannot be written" in said, said
    assert refused >= 3
    into(given, output, place)
    assert content(found(given, output)).equals(expected)
    assert not [path.name for path in given.iterdir() if "unfinished" in path.name]


def test_what_is_wrong_with_a_chunk_is_told_when_its_turn_comes() -> None:
    def numbers() -> Iterator[int]:
        yield from range(5)
        raise DataError("wrong")

    seen = []
    with pytest.raises(DataError, match="wrong"):
        seen.extend(each for each in _noted(in_order(numbers(), lambda n: n * n, workers=3), seen))
    assert seen == [0, 1, 4, 9, 16]


def _noted(each: Iterator[int], seen: list[int]) -> Iterator[int]:
    for number in each:
        seen.append(number)
        if number < 0:
            yield number


def test_no_more_chunks_are_held_than_are_worked_on() -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(50):
            taken.append(number)
            yield number

    for number in in_order(numbers(), lambda n: n, workers=3):
        assert len(taken) <= number + 4
