"""Tables in SQLite and in a real PostgreSQL: each row once, whoever is stopped, paused or wrong."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from table_scene import START, Database, TickingClock, bundle, into, model, rows

from tenfold.batch import job as jobs
from tenfold.batch.job import TakenOver
from tenfold.connectors.sinks import again
from tenfold.connectors.sinks import postgresql as postgresql_sink
from tenfold.connectors.sinks import sqlite as sqlite_sink
from tenfold.connectors.sinks.protocols import ConnectionLost, Locked, Transaction
from tenfold.connectors.sinks.sqlite import SqliteConnection
from tenfold.connectors.sinks.table import holds, quoted
from tenfold.foundation.errors import DataError, InputError, StoreError


class Stop(Exception):
    """The process ends here."""


def at(moment: int, act: Any) -> TickingClock:
    return TickingClock(act_at=moment, act=act)


def stop() -> None:
    raise Stop


def test_every_row_is_there_with_what_it_came_from(database: Database, given: Path, tmp_path: Path) -> None:
    place = bundle(tmp_path)
    done = into(database, place, given, keep=("key", "number", "day"))
    assert (done.rows, done.added, done.before, done.was_finished) == (101, 101, 0, False)
    expected = [
        "key", "number", "day", "row_number", "prediction", "proba_no", "proba_yes",
        "model_ref", "model_bundle", "predicted_at", "job", "input_hash", "run_id",
    ]  # fmt: skip
    assert list(done.columns) == database.columns() == expected
    found = database.ask(f"SELECT * FROM {quoted(database.table)} ORDER BY {quoted('row_number')}")
    predicted = model().predict(rows())
    assert [row[0] for row in found] == rows()["key"].to_list()
    assert [row[1] for row in found] == rows()["number"].to_list()
    assert [str(row[2]) for row in found] == [str(day) for day in rows()["day"]]
    assert [row[3] for row in found] == list(range(1, 102))
    assert [row[4] for row in found] == predicted["prediction"].to_list()
    np.testing.assert_allclose([row[5:7] for row in found], predicted[:, 1:].to_numpy(), rtol=0, atol=1e-12)
    assert {(row[7], row[8], *row[10:]) for row in found} == {
        ("members@1", done.model_bundle, done.job, done.input_hash, f"{done.job}/1")
    }
    assert done.run_id == f"{done.job}/1"
    moments = [datetime.fromisoformat(str(row[9])) for row in found]
    if database.is_mysql:
        # Its times are UTC and say no zone.
        moments = [moment.replace(tzinfo=UTC) for moment in moments]
    assert all(moment > START and moment.utcoffset() == UTC.utcoffset(None) for moment in moments)
    assert moments == sorted(moments)
    assert len(set(moments)) == 11


def test_a_finished_job_run_again_adds_nothing(database: Database, given: Path, tmp_path: Path) -> None:
    place = bundle(tmp_path)
    first = into(database, place, given)
    before = database.checksum()
    again = into(database, place, given)
    assert (again.rows, again.added, again.was_finished, again.job) == (101, 0, True, first.job)
    assert database.checksum() == before


def test_another_model_or_input_is_another_job(database: Database, given: Path, tmp_path: Path) -> None:
    place = bundle(tmp_path)
    first = into(database, place, given)
    other_model = into(database, bundle(tmp_path, model(slope=0.2)), given)
    rows(50, seed=3).write_parquet(given)
    other_input = into(database, place, given)
    assert len({first.job, other_model.job, other_input.job}) == 3
    assert [each.added for each in (first, other_model, other_input)] == [101, 101, 50]
    assert database.count() == 252


def test_a_named_job_asks_before_it_goes_on_with_something_else(
    database: Database, given: Path, tmp_path: Path
) -> None:
    place = bundle(tmp_path)
    into(database, place, given, job="nightly")
    rows(130).write_parquet(given)
    with pytest.raises(InputError, match=r"'nightly' was begun with an input with the hash .* --accept-change"):
        into(database, place, given, job="nightly")
    with pytest.raises(InputError, match=r"was begun with the model members@1 .* and an input"):
        into(database, bundle(tmp_path, model(slope=0.2)), given, job="nightly")
    assert database.count() == 101
    longer = into(database, place, given, job="nightly", accept_change=True)
    assert (longer.before, longer.added, longer.rows) == (101, 29, 130)
    hashes = database.ask(f"SELECT DISTINCT input_hash FROM {quoted(database.table)}")
    assert len(hashes) == 2
    rows(20).write_parquet(given)
    with pytest.raises(DataError, match="110 rows fewer than were written"):
        into(database, place, given, job="nightly", accept_change=True)


@pytest.mark.parametrize("chunk_rows", [10, 33])
def test_a_job_stopped_at_any_moment_goes_on_where_it_was(
    database: Database, given: Path, tmp_path: Path, chunk_rows: int
) -> None:
    place = bundle(tmp_path)
    whole = database.another()
    clock = TickingClock()
    into(whole, place, given, clock=clock)
    for moment in range(2, clock.asked + 1, 5 if database.is_sqlite else 11):
        broken = database.another()
        with pytest.raises(Stop):
            into(broken, place, given, clock=at(moment, stop))
        rest = into(broken, place, given, chunk_rows=chunk_rows)
        assert rest.before + rest.added == rest.rows == broken.count() == 101
        assert broken.checksum() == whole.checksum()
        assert into(broken, place, given).added == 0


def lose(monkeypatch: pytest.MonkeyPatch, connection: type, number: int, *, after_commit: bool) -> list[int]:
    """Let the ``number``-th transaction of a kind of connection break, before or after it is committed."""
    kept, seen = connection.writing, [0]  # type: ignore[attr-defined]  # both kinds of connection have it

    @contextmanager
    def writing(self: Any, *, alone: bool = False) -> Iterator[Transaction]:
        seen[0] += 1
        mine = seen[0]
        with kept(self, alone=alone) as transaction:
            yield transaction
            if mine == number and not after_commit:
                raise ConnectionLost("gone before the commit")
        if mine == number:
            raise ConnectionLost("gone after the commit")

    monkeypatch.setattr(connection, "writing", writing)
    return seen


@pytest.mark.parametrize("after_commit", [False, True])
def test_a_connection_lost_around_any_commit_leaves_each_row_once(
    tmp_path: Path, given: Path, after_commit: bool
) -> None:
    place = bundle(tmp_path)
    whole = Database(address=f"sqlite:{tmp_path / 'whole.db'}", table="t")
    with pytest.MonkeyPatch.context() as patch:
        count = lose(patch, SqliteConnection, 0, after_commit=False)
        into(whole, place, given)
    unfinished = 0
    for number in range(1, count[0] + 1):
        broken = Database(address=f"sqlite:{tmp_path / f'broken{number}.db'}", table="t")
        with pytest.MonkeyPatch.context() as patch:
            lose(patch, SqliteConnection, number, after_commit=after_commit)
            try:
                assert into(broken, place, given).rows == 101
            except ConnectionLost:
                unfinished += 1
        # What was lost before the job was claimed is for the user to try again; the claim itself may stand.
        into(broken, place, given, take_over=True)
        assert broken.checksum() == whole.checksum()
        assert broken.ask("SELECT sum(rows), count(*) FROM tenfold_chunks") == [(101, 11)]
    assert unfinished == 4


def test_a_server_that_ends_the_session_is_connected_to_again(postgresql: str, given: Path, tmp_path: Path) -> None:
    place = bundle(tmp_path)
    database = Database(address=postgresql, table="ended")
    ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'batch'"
    kept = postgresql_sink.PostgresqlTransaction.append
    calls = []

    def append(self: Any, table: Any, frame: pl.DataFrame) -> None:
        kept(self, table, frame)
        calls.append(frame.height)
        if len(calls) in {2, 5}:
            assert database.ask(ended) == [(True,)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgresql_sink.PostgresqlTransaction, "append", append)
        done = into(Database(address=f"{postgresql}&application_name=batch", table="ended"), place, given)
    assert len(calls) == 13
    assert done.rows == database.count() == 101
    assert database.ask("SELECT sum(rows)::bigint FROM tenfold_chunks WHERE target = 'ended'") == [(101,)]


def test_a_server_that_stays_away_is_told_of_without_the_password(
    given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(again, "_PAUSES_SECONDS", (0.0,))
    for address in (
        "postgresql://me:s%40crets3cret@127.0.0.1:1/x",
        "postgresql://127.0.0.1:1/x?user=me&password=s%40crets3cret",
        "postgresql://me:s%40crets3cret@127.0.0.1:1/x?nonsense=1",
    ):
        with pytest.raises(StoreError, match="the scores cannot be") as caught:
            into(Database(address=address, table="t"), bundle(tmp_path), given)
        assert "s3cret" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_a_paused_writer_cannot_write_after_another_took_over(database: Database, given: Path, tmp_path: Path) -> None:
    place = bundle(tmp_path)
    whole = database.another()
    into(whole, place, given)
    second = []
    # The first one pauses between two chunks; meanwhile the second does the rest.
    clock = at(8, lambda: second.append(into(database, place, given, take_over=True)))
    with pytest.raises(TakenOver, match="further rows are refused"):
        into(database, place, given, clock=clock)
    assert second[0].added == 71
    assert database.checksum() == whole.checksum()
    assert database.ask(
        f"SELECT epoch, count(*) FROM tenfold_chunks WHERE target = '{database.table}' GROUP BY epoch ORDER BY epoch"
    ) == [(1, 3), (2, 8)]


def test_a_writer_paused_after_half_of_the_others_rows_is_refused(
    database: Database, given: Path, tmp_path: Path
) -> None:
    place = bundle(tmp_path)

    def half() -> None:
        with pytest.raises(Stop):
            into(database, place, given, clock=at(8, stop), take_over=True)

    with pytest.raises(TakenOver, match="somebody has taken the job"):
        into(database, place, given, clock=at(8, half))
    assert database.count() == 60
    assert into(database, place, given).added == 41


def test_the_second_of_two_says_who_works_on_the_job(database: Database, given: Path, tmp_path: Path) -> None:
    place = bundle(tmp_path)
    said = []

    def second() -> None:
        with pytest.raises(StoreError) as caught:
            into(database, place, given)
        said.append(str(caught.value))

    into(database, place, given, clock=at(8, second))
    assert "of this machine works on the job" in said[0]
    assert "has written 30 rows; wait until it ends, or take the job from it with --take-over" in said[0]
    assert database.count() == 101


def own(database: Database, owner: str, *, session: str = "") -> None:
    there = f"target = '{database.table}'"
    database.do(f"UPDATE tenfold_jobs SET owner = '{owner}', session = '{session}' WHERE {there}")


def test_a_dead_owner_is_not_waited_for(database: Database, given: Path, tmp_path: Path) -> None:
    place = bundle(tmp_path)
    with pytest.raises(Stop):
        into(database, place, given, clock=at(8, stop))
    own(database, f"4000000:abc-1:{socket.gethostname()}")
    assert into(database, place, given).before == 30


def test_an_owner_on_another_machine_is_believed_while_its_session_lives(
    database: Database, given: Path, tmp_path: Path
) -> None:
    place = bundle(tmp_path)
    with pytest.raises(Stop):
        into(database, place, given, clock=at(8, stop))
    if database.is_sqlite:
        own(database, "77:abc-1:elsewhere")
        with pytest.raises(StoreError, match="process 77 on 'elsewhere' works on the job"):
            into(database, place, given)
        assert into(database, place, given, take_over=True).before == 30
    else:
        # The session's number is that of a session, but not its start.
        own(database, "77:abc-1:elsewhere", session="nobody" if database.is_mysql else "1 2.5")
        assert into(database, place, given).before == 30


def test_a_writer_paused_inside_its_transaction_holds_the_job_until_its_session_is_ended(
    postgresql: str, given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = bundle(tmp_path)
    database = Database(address=postgresql, table="inside")
    monkeypatch.setattr(postgresql_sink, "_SETTINGS", ("SET lock_timeout = '100ms'",))
    kept, calls, second = postgresql_sink.PostgresqlTransaction.append, [], []

    def append(self: Any, table: Any, frame: pl.DataFrame) -> None:
        kept(self, table, frame)
        calls.append(1)
        if len(calls) == 3:
            with pytest.raises(StoreError, match="works on the job"):
                into(database, place, given)
            second.append(into(database, place, given, take_over=True))

    monkeypatch.setattr(postgresql_sink.PostgresqlTransaction, "append", append)
    with pytest.raises(TakenOver):
        into(database, place, given)
    assert second[0].before == 20
    assert database.count() == 101


def test_a_writer_paused_inside_sqlites_transaction_is_told_of(
    tmp_path: Path, given: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_sink, "_BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(tmp_path / "busy.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Locked, match="the scores did not become free for 0 s: another program"):
            into(Database(address=f"sqlite:{tmp_path / 'busy.db'}", table="t"), bundle(tmp_path), given)


SHAPE = (
    "row_number BIGINT NOT NULL, prediction TEXT NOT NULL, proba_no DOUBLE PRECISION NOT NULL, "
    "proba_yes DOUBLE PRECISION NOT NULL, model_ref TEXT NOT NULL, model_bundle TEXT NOT NULL, "
    "predicted_at TIMESTAMPTZ NOT NULL, job TEXT NOT NULL, input_hash TEXT NOT NULL, run_id TEXT NOT NULL"
)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("id INTEGER PRIMARY KEY, name TEXT", "it lacks the column 'row_number'"),
        (SHAPE, r"its primary key is \(none\), not \(row_number, job\)"),
        (f"{SHAPE}, PRIMARY KEY (job)", r"its primary key is \(job\)"),
        (f"{SHAPE}, note TEXT, PRIMARY KEY (job, row_number)", "it has the column 'note', which nothing would fill"),
        (SHAPE.replace("prediction TEXT", "prediction DATE"), "its column 'prediction' is date, where text is needed"),
        (SHAPE.replace("prediction TEXT", "prediction BIGINT"), "'prediction' is bigint, where text is needed"),
    ],
)
def test_a_foreign_table_is_refused_and_left_alone(
    database: Database, given: Path, tmp_path: Path, columns: str, said: str
) -> None:
    if database.is_sqlite:
        for ours, theirs in {"BIGINT": "INTEGER", "DOUBLE PRECISION": "REAL", "TIMESTAMPTZ": "TEXT"}.items():
            columns = columns.replace(ours, theirs)
        said = said.replace("is date, where text", "is DATE, where TEXT").replace(
            "bigint, where text", "INTEGER, where TEXT"
        )
    if database.is_mysql:
        words = "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        for ours, theirs in {"TIMESTAMPTZ": "DATETIME(6)", "TEXT": words}.items():
            columns = columns.replace(ours, theirs)
        columns = columns.replace("row_number", quoted("row_number"))
        for name in ("job", "id"):
            columns = columns.replace(f" {name} {words}", f" {name} {words.replace('LONGTEXT', 'VARCHAR(191)')}")
        said = said.replace("where text", "where longtext.*")
    database.do(f"CREATE TABLE {quoted(database.table)} ({columns})")
    with pytest.raises(InputError, match=f"is there already.*{said}"):
        into(database, bundle(tmp_path), given)
    assert database.count() == 0


def test_a_table_of_an_earlier_release_is_refused_with_the_statement_that_mends_it(
    database: Database, given: Path, tmp_path: Path
) -> None:
    place = bundle(tmp_path)
    into(database, place, given)
    database.do(f"ALTER TABLE {quoted(database.table)} DROP COLUMN run_id")
    other = bundle(tmp_path, model(slope=0.3))
    with pytest.raises(InputError, match="lacks the column 'run_id': add it with ALTER TABLE") as caught:
        into(database, other, given)
    assert database.count() == 101
    statement = str(caught.value).split("add it with ")[1].split(" (empty in")[0]
    # MySQL's own quotes are understood whatever the session's mode is.
    database.do(statement)
    assert into(database, other, given).added == 101
    runs = database.ask(f"SELECT DISTINCT run_id FROM {quoted(database.table)}")
    assert len(runs) == 2
    assert ("",) in runs


def test_a_foreign_table_of_chunks_is_refused_before_any_table_is_made(
    database: Database, given: Path, tmp_path: Path
) -> None:
    into(database.another(), bundle(tmp_path), given)
    database.do("ALTER TABLE tenfold_chunks ADD COLUMN note INTEGER")
    try:
        with pytest.raises(InputError, match=r"tenfold_chunks' is there already.*it has the column 'note'"):
            into(database, bundle(tmp_path), given)
        assert database.columns() == []
    finally:
        database.do("ALTER TABLE tenfold_chunks DROP COLUMN note")


def test_a_table_of_the_right_shape_is_filled(database: Database, given: Path, tmp_path: Path) -> None:
    into(database, bundle(tmp_path), given)
    assert into(database, bundle(tmp_path, model(slope=0.3)), given).added == 101
    with pytest.raises(InputError, match="it lacks the column 'proba_maybe'"):
        into(database, bundle(tmp_path, model(classes=("maybe", "yes"))), given)
    with pytest.raises(InputError, match="it lacks the column 'key'"):
        into(database, bundle(tmp_path), given, keep=("key",))


def test_a_table_that_is_gone_is_not_silently_begun_anew(database: Database, given: Path, tmp_path: Path) -> None:
    place = bundle(tmp_path)
    done = into(database, place, given)
    database.do(f"DROP TABLE {quoted(database.table)}")
    with pytest.raises(InputError, match=f"'{done.job}' wrote 101 rows to the table .* which is gone"):
        into(database, place, given)
    assert into(database, place, given, job="anew").added == 101


def test_a_view_and_tenfolds_own_tables_are_refused(tmp_path: Path, given: Path) -> None:
    place = bundle(tmp_path)
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.execute("CREATE VIEW v AS SELECT 1 AS one")
    for name, said in (("v", "is a view"), ("tenfold_jobs", "keeps how far jobs are"), ("sqlite_x", "for itself")):
        with pytest.raises(InputError, match=said):
            into(Database(address=f"sqlite:{tmp_path / 's.db'}", table=name), place, given)


def test_foreign_tables_under_tenfolds_names_are_refused(tmp_path: Path, given: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.execute("CREATE TABLE tenfold_jobs (job TEXT)")
    with pytest.raises(InputError, match="the table 'tenfold_jobs' is there already"):
        into(Database(address=f"sqlite:{tmp_path / 's.db'}", table="t"), bundle(tmp_path), given)


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        (("kay",), "'kay' to keep is not in the input.*Did you mean 'key'"),
        (("Job",), "'Job' to keep is called as another column"),
        (("key", "key"), "'key' to keep is named twice"),
        (("KEY", "key"), "SQLite takes the columns 'KEY' and 'key' for the same one"),
    ],
)
def test_columns_that_cannot_be_kept_are_refused(tmp_path: Path, keep: tuple[str, ...], said: str) -> None:
    table = rows().with_columns(Job=pl.lit(1), KEY=pl.lit(1))
    table.write_parquet(tmp_path / "in.parquet")
    with pytest.raises(InputError, match=said):
        into(
            Database(address=f"sqlite:{tmp_path / 's.db'}", table="t"),
            bundle(tmp_path),
            tmp_path / "in.parquet",
            keep=keep,
        )


def test_what_no_column_can_hold_is_refused() -> None:
    with pytest.raises(InputError, match=r"'tags' holds List\(Int64\), which a table cannot keep"):
        holds("tags", pl.List(pl.Int64))


def test_names_that_postgresql_would_cut_off_are_refused(postgresql: str, given: Path, tmp_path: Path) -> None:
    place = bundle(tmp_path, model(classes=("no", "y" * 60)))
    with pytest.raises(InputError, match=r"would cut the column 'proba_yyy.* after 63 bytes"):
        into(Database(address=postgresql, table="cut"), place, given)
    with pytest.raises(InputError, match="would cut the table"):
        into(Database(address=postgresql, table="t" * 64), bundle(tmp_path), given)


def test_a_schema_of_postgresql_has_jobs_of_its_own(postgresql: str, given: Path, tmp_path: Path) -> None:
    public = Database(address=postgresql, table="twice")
    public.do("CREATE SCHEMA lab")
    place = bundle(tmp_path)
    assert into(public, place, given).table == "public.twice"
    done = into(Database(address=postgresql, table="lab.twice"), place, given)
    assert (done.table, done.added) == ("lab.twice", 101)
    assert public.ask("SELECT rows FROM lab.tenfold_jobs") == [(101,)]
    with pytest.raises(InputError, match="cannot name a table"):
        into(Database(address=postgresql, table="a.b.c"), place, given)


def test_sqlite_knows_a_table_in_any_case(tmp_path: Path, given: Path) -> None:
    place = bundle(tmp_path)
    address = f"sqlite:{tmp_path / 's.db'}"
    into(Database(address=address, table="Scores"), place, given)
    again = into(Database(address=address, table="SCORES"), place, given)
    assert (again.added, again.table) == (0, "Scores")


def test_odd_values_are_kept_as_they_are(database: Database, tmp_path: Path) -> None:
    odd = rows(4).with_columns(
        word=pl.Series(["a'b", "", None, "ß\n→"]),
        share=pl.Series([1.5, float("nan"), None, float("inf")]),
        flag=pl.Series([True, False, None, True]),
        at=pl.Series([START, None, START, START], dtype=pl.Datetime("ns", "UTC")).dt.convert_time_zone("Asia/Tokyo"),
        local=pl.Series([START.replace(tzinfo=None)] * 4, dtype=pl.Datetime("ms")),
        cents=pl.Series(["1.10", None, "2.20", "3.30"]).cast(pl.Decimal(10, 2)),
        large=pl.Series([2**63 - 1, None, 0, 1], dtype=pl.UInt64),
    )
    if database.is_mysql:
        odd.write_parquet(tmp_path / "odd.parquet")
        with pytest.raises(DataError, match="row 4 of a chunk has an infinite 'share', which MySQL cannot keep"):
            into(database.another(), bundle(tmp_path), tmp_path / "odd.parquet", keep=("share",))
        odd = odd.with_columns(share=pl.Series([1.5, float("nan"), None, 2.5]))
    odd.write_parquet(tmp_path / "odd.parquet")
    names = ("word", "share", "flag", "at", "local", "cents", "large")
    into(database, bundle(tmp_path), tmp_path / "odd.parquet", keep=names)
    listed = ", ".join(quoted(name) for name in names)
    found = database.ask(f"SELECT {listed} FROM {quoted(database.table)} ORDER BY {quoted('row_number')}")
    assert [row[0] for row in found] == ["a'b", "", None, "ß\n→"]
    assert [row[1] for row in found] == [1.5, None, None, odd["share"][3]]
    assert [row[2] for row in found] == [True, False, None, True]
    zone = None if database.is_mysql else UTC
    moments = [row[3] and datetime.fromisoformat(str(row[3])) for row in found]
    assert moments == [each and each.replace(tzinfo=zone) for each in (START, None, START, START)]
    assert {datetime.fromisoformat(str(row[4])) for row in found} == {START.replace(tzinfo=None)}
    assert [row[5] for row in found] == ["1.10", None, "2.20", "3.30"]
    assert [row[6] for row in found] == [2**63 - 1, None, 0, 1]
    larger = odd.with_columns(large=pl.Series([2**63] * 4, dtype=pl.UInt64))
    larger.write_parquet(tmp_path / "odd.parquet")
    with pytest.raises(DataError, match="'large' holds whole numbers beyond 64 bits"):
        into(database, bundle(tmp_path), tmp_path / "odd.parquet", keep=names)


def test_a_regression_writes_numbers(database: Database, given: Path, tmp_path: Path) -> None:
    into(database, bundle(tmp_path, model(task="regression")), given)
    found = database.ask(f"SELECT prediction FROM {quoted(database.table)} ORDER BY {quoted('row_number')}")
    expected = model(task="regression").predict(rows())["prediction"]
    np.testing.assert_allclose([row[0] for row in found], expected, rtol=0, atol=1e-12)


def test_no_rows_finish_a_job_and_make_no_table(database: Database, given: Path, tmp_path: Path) -> None:
    rows().clear().write_parquet(given)
    place = bundle(tmp_path)
    assert into(database, place, given, keep=("number",)).rows == 0
    assert database.columns() == []
    assert into(database, place, given, keep=("number",)).was_finished
    rows().write_parquet(given)
    assert into(database, place, given, keep=("number",)).added == 101


def test_a_bad_value_in_a_late_chunk_says_how_to_go_on(database: Database, tmp_path: Path) -> None:
    bad = rows().with_columns(pl.col("age").cast(pl.String)).to_dicts()
    bad[90]["age"] = "old"
    path = tmp_path / "in.csv"
    pl.DataFrame(bad).write_csv(path)
    place = bundle(tmp_path)
    with pytest.raises(
        DataError, match=r"row 91 holds 'old'; the 90 rows before are in the table: .*--job (\w+)"
    ) as caught:
        into(database, place, path)
    name = str(caught.value).split("--job ")[1].split()[0]
    rows().write_csv(path)
    assert into(database, place, path, job=name, accept_change=True).before == 90
    assert database.count() == 101


def test_input_that_is_written_to_meanwhile_is_refused(database: Database, given: Path, tmp_path: Path) -> None:
    def change() -> None:
        with given.open("ab") as stream:
            stream.write(b"more")

    with pytest.raises(DataError, match=r"was changed while it was read.*the 20 rows before"):
        into(database, bundle(tmp_path), given, clock=at(5, change))
    assert database.count() == 20


def test_rows_come_from_a_database_too_even_the_same(tmp_path: Path) -> None:
    path = tmp_path / "both.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE people (id INTEGER, age REAL, colour TEXT)")
        connection.executemany("INSERT INTO people VALUES (?, ?, 'red')", [(n, n % 70) for n in range(33)])
        connection.commit()
    database = Database(address=f"sqlite:{path}", table="scores")
    place = bundle(tmp_path)
    with pytest.raises(InputError, match="is a database: say with --input-table"):
        into(database, place, path)
    with pytest.raises(Stop):
        into(database, place, path, input_table="people", keep=("id",), clock=at(6, stop))
    done = into(database, place, path, input_table="people", keep=("id",))
    assert (done.before, done.rows) == (20, 33)
    assert database.ask(f"SELECT id FROM scores ORDER BY {quoted('row_number')}") == [(n,) for n in range(33)]
    assert into(database, place, path, input_table="people", keep=("id",)).added == 0


def test_what_cannot_be_a_database_is_refused(tmp_path: Path, given: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database, however long it may become" * 50)
    place = bundle(tmp_path)
    for address, said in (
        (f"sqlite:{tmp_path}", "is a folder"),
        (f"sqlite:{tmp_path}/no/x.db", "does not exist: make it first"),
        (f"sqlite:{tmp_path}/text.db", "is not an SQLite database"),
        ("sqlite:", "names no file"),
        ("sqlite://x.db", "names no file"),
        ("redis://x", "write sqlite:PATH, postgresql:"),
    ):
        with pytest.raises(InputError, match=said):
            into(Database(address=address, table="t"), place, given)


def test_a_table_with_another_progress_than_its_rows_is_not_added_to(tmp_path: Path, given: Path) -> None:
    place = bundle(tmp_path)
    database = Database(address=f"sqlite:{tmp_path / 's.db'}", table="t")

    def meddle() -> None:
        database.ask("UPDATE tenfold_jobs SET rows = 5")

    with pytest.raises(StoreError, match=r"at row 5, not 30: .*the progress was changed by hand"):
        into(database, place, given, clock=at(8, meddle))
    assert database.count() == 30
    database.ask("UPDATE tenfold_jobs SET rows = 10, chunks = 3")
    with pytest.raises(StoreError, match="UNIQUE constraint failed"):
        into(database, place, given)
    assert database.count() == 30


def test_the_jobs_row_tells_its_story(tmp_path: Path, given: Path) -> None:
    database = Database(address=f"sqlite:{tmp_path / 's.db'}", table="t")
    done = into(database, bundle(tmp_path), given, job="nightly")
    columns = [row[1] for row in database.ask("PRAGMA table_info(tenfold_jobs)")]
    told = dict(zip(columns, database.ask("SELECT * FROM tenfold_jobs")[0], strict=True))
    assert told["state"] == jobs.FINISHED
    assert (told["target"], told["job"], told["format"], told["epoch"]) == ("t", "nightly", 1, 1)
    assert (told["rows"], told["chunks"], told["owner"]) == (101, 11, "")
    assert (told["model_ref"], told["input_hash"]) == ("members@1", done.input_hash)
    assert told["input"] == str(given)
    assert told["began_at"] < told["written_at"] < told["finished_at"]
