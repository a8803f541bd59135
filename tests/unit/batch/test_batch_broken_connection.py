"""Connections that really break, between the job and a real server: each row once, and one sentence when it ends."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from table_scene import Database, bundle, into
from tests.proxy import Break, Proxy

from tenfold.connectors.sinks import again
from tenfold.connectors.sinks import mysql as mysql_sink
from tenfold.connectors.sinks import postgresql as postgresql_sink
from tenfold.connectors.sinks.protocols import ConnectionLost

FULL = os.environ.get("TENFOLD_FAULTS") == "full"
# Around the claim, of a chunk, and one of the last: PostgreSQL sees 17 of them, MySQL 16.
COMMITS = range(1, 18) if FULL else (5, 16)
KINDS = ["postgresql", pytest.param("mysql", marks=pytest.mark.slow)]


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Database:
    return Database(address=request.getfixturevalue(request.param), table="broken").another()


@contextmanager
def through_proxy(database: Database, breaks: Callable[[int], Break | None]) -> Iterator[tuple[Database, Proxy]]:
    """Yield the database as it is reached over connections that break."""
    parts = urlsplit(database.address)
    if database.is_mysql:
        socket, user = parse_qs(parts.query)["unix_socket"][0], "mysql://root"
    else:
        socket, user = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432", "postgresql://postgres"
    with Proxy(socket, breaks) as proxy:
        yield Database(address=f"{user}@127.0.0.1:{proxy.port}{parts.path}", table=database.table), proxy


@pytest.mark.parametrize("how", ["before", "after"])
def test_a_connection_cut_at_a_commit_leaves_each_row_once(
    server: Database, given: Path, tmp_path: Path, how: Break
) -> None:
    place = bundle(tmp_path)
    whole = server.another()
    into(whole, place, given)
    ended = 0
    for number in COMMITS:
        broken = server.another()
        with through_proxy(broken, lambda n, at=number: how if n == at else None) as (reached, proxy):  # type: ignore[misc]
            try:
                assert into(reached, place, given).rows == 101
                assert proxy.broken == (number <= proxy.commits)
            except ConnectionLost:
                # Before the job is this process's there is nothing to lose: the user is asked to try again.
                ended += 1
                assert proxy.commits == number
        into(broken, place, given)
        assert broken.checksum() == whole.checksum()
        assert broken.ask(f"SELECT count(*) FROM tenfold_chunks WHERE target = '{broken.table}'") == [(11,)]
    before_the_claim = 4 if server.is_mysql else 5
    assert ended == sum(number <= before_the_claim for number in COMMITS)


def test_a_connection_that_breaks_again_and_again_ends_in_time_or_in_one_sentence(
    server: Database, given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(again, "_PAUSES_SECONDS", (0.0, 0.0))
    place = bundle(tmp_path)
    whole = server.another()
    into(whole, place, given)
    # To connect again, to say so and to write again take three of them: every fourth breaks.
    with through_proxy(server, lambda n: "after" if n > 5 and n % 4 == 0 else None) as (reached, proxy):
        assert into(reached, place, given).rows == 101
        assert proxy.broken >= 5
    assert server.checksum() == whole.checksum()
    always = server.another()
    with (
        through_proxy(always, lambda n: "before" if n > 8 else None) as (reached, proxy),
        pytest.raises(ConnectionLost, match=r"^the scores cannot be reached: .*; run the command again to go on$"),
    ):
        into(reached, place, given)
    assert 0 < always.count() < 101
    assert into(always, place, given).rows == 101
    assert always.checksum() == whole.checksum()


def test_a_session_whose_end_the_server_has_not_seen_is_ended_for_the_job(
    server: Database, given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_sink, "_SETTINGS", ("SET lock_timeout = '100ms'",))
    settings = [*mysql_sink._SETTINGS, "SET SESSION innodb_lock_wait_timeout = 1"]
    monkeypatch.setattr(mysql_sink, "_SETTINGS", settings)
    place = bundle(tmp_path)
    whole = server.another()
    into(whole, place, given)
    with through_proxy(server, lambda n: "unnoticed" if n == 8 else None) as (reached, proxy):
        assert into(reached, place, given).rows == 101
        assert proxy.broken == 1
    assert server.checksum() == whole.checksum()
