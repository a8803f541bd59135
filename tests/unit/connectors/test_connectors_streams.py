"""Redis streams, from a real server."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tenfold.connectors.read import SourceTable, read_source
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.errors import DataError

# The server is installed by `make test`, not by `make check`.
pytestmark = pytest.mark.slow

PASSWORD = "s3cret-w0rd"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Return the address of a running server, which asks for a password."""
    program = shutil.which("redis-server")
    assert program is not None, "the stream tests need redis-server; `make test` installs it, see scripts/servers"
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="tenfold-redis-") as folder:
        options = ["--bind", "127.0.0.1", "--port", str(port), "--requirepass", PASSWORD, "--save", "", "--dir", folder]
        with subprocess.Popen([program, *options], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert any("eady to accept connections" in line for line in process.stdout), "redis-server did not start"
            yield f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
            process.terminate()
            process.stdout.read()


@pytest.fixture
def client(server: str) -> Iterator[Any]:
    import redis

    with redis.Redis.from_url(server) as connected:
        connected.flushall()
        yield connected


def add(client: Any, moment: str, **values: str) -> None:
    milliseconds = int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() * 1000)
    client.xadd("orders", values, id=f"{milliseconds}-*")


def read(server: str, tmp_path: Path, **more: object) -> tuple[SourceTable, pl.DataFrame]:
    request = SourceRequest(name="x", location=server, **{"table": "orders", **more})  # type: ignore[arg-type]
    table = read_source(request, into=tmp_path / "t.parquet")
    return table, pl.read_parquet(table.path)


def refusal(server: str, tmp_path: Path, **more: object) -> str:
    with pytest.raises(DataError) as raised:
        read(server, tmp_path, **more)
    message = str(raised.value)
    assert PASSWORD not in message
    assert "\n" not in message
    return message


def test_entries_become_rows_in_their_order_with_id_and_time(server: str, client: Any, tmp_path: Path) -> None:
    add(client, "2026-01-01T10:00", city="Köln", amount="2.5")
    add(client, "2026-01-01T10:00", city="Ulm", code="007")
    add(client, "2026-01-02", city="Bonn", amount="4")
    table, rows = read(server, tmp_path)
    assert rows.columns == ["entry_id", "entry_time", "city", "amount", "code"]
    assert rows["city"].to_list() == ["Köln", "Ulm", "Bonn"]
    assert rows["amount"].to_list() == [2.5, None, 4.0]
    assert rows["code"].to_list() == [None, "007", None]
    assert rows["entry_time"][2] == datetime(2026, 1, 2, tzinfo=UTC)
    assert table.source.format == "redis"
    assert table.source.location == server.replace(f":{PASSWORD}@", "")
    assert table.source.dialect["last"] == rows["entry_id"][2]


def test_reading_again_up_to_the_recorded_id_gives_the_same_snapshot(server: str, client: Any, tmp_path: Path) -> None:
    for day in range(1, 8):
        add(client, f"2026-01-0{day}", n=str(day))
    first, _ = read(server, tmp_path)
    add(client, "2026-01-09", n="9")
    later, rows = read(server, tmp_path)
    assert rows["n"].to_list()[-1] == 9.0
    assert later.source.snapshot != first.source.snapshot
    again, _ = read(server, tmp_path, until=first.source.dialect["last"])
    assert again.source == first.source


def test_a_part_of_a_stream_is_named_by_ids_or_times_both_included(server: str, client: Any, tmp_path: Path) -> None:
    for day in range(1, 8):
        add(client, f"2026-01-0{day}", n=str(day))
    assert read(server, tmp_path, since="2026-01-03", until="2026-01-05")[1]["n"].to_list() == [3.0, 4.0, 5.0]
    id_ = read(server, tmp_path)[1]["entry_id"][2]
    assert read(server, tmp_path, since=id_, until=id_)[1]["n"].to_list() == [3.0]
    assert "holds no entry between `since` and `until`" in refusal(server, tmp_path, since="2027-01-01")
    assert "`until: tomorrow` is neither the id" in refusal(server, tmp_path, until="tomorrow")


def test_a_stream_of_many_pages_comes_whole_and_without_what_is_added_meanwhile(
    server: str, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tenfold.connectors.streams import redis as streams
    from tenfold.connectors.streams import snapshot

    monkeypatch.setattr(streams, "_AT_ONCE", 100)
    monkeypatch.setattr(snapshot, "_ROWS_AT_ONCE", 250)
    with client.pipeline() as batch:
        for number in range(1, 1001):
            batch.xadd("orders", {"n": str(number)}, id=f"{number}-0")
        batch.execute()
    ask = streams.RedisStream._ask

    def busy(self: Any, command: str, *arguments: object, **options: object) -> Any:
        answer = ask(self, command, *arguments, **options)
        client.xadd("orders", {"n": "later"})
        return answer

    monkeypatch.setattr(streams.RedisStream, "_ask", busy)
    assert read(server, tmp_path)[1]["n"].to_list() == [float(number) for number in range(1, 1001)]


def test_what_is_no_stream_is_told_in_one_sentence(server: str, client: Any, tmp_path: Path) -> None:
    client.set("word", "x")
    assert "has no stream 'absent'" in refusal(server, tmp_path, table="absent")
    assert "'word' of" in refusal(server, tmp_path, table="word")
    assert "name one of them with `table`" in refusal(server, tmp_path, table=None)
    assert "user or password is wrong" in refusal(server.replace(PASSWORD, "wrong"), tmp_path)
    assert "no connection to the server" in refusal("redis://:wrong@127.0.0.1:1/0", tmp_path)
    client.xadd("orders", {"n": b"\xff\xfe"})
    assert "holds bytes that are not UTF-8" in refusal(server, tmp_path)
    client.delete("orders")
    client.xadd("orders", {"entry_id": "1"})
    assert "is the name of the entry's own" in refusal(server, tmp_path)
    client.xtrim("orders", maxlen=0)
    assert "is empty" in refusal(server, tmp_path)
