"""Files behind HTTP and in buckets, from real servers on this machine."""

from __future__ import annotations

import base64
import http.server
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import polars as pl
import pytest

from tenfold.connectors.land import source_fingerprint
from tenfold.connectors.read import read_source
from tenfold.connectors.remote.http import Limits, fetch, is_allowed
from tenfold.connectors.request import SourceRequest, without_secrets
from tenfold.foundation.errors import DataError
from tenfold.foundation.fingerprint import hash_bytes

ORDERS = b"id,city\n1,Bonn\n2,Ulm\n3,Ulm\n"
ALLOW = ("127.0.0.1",)


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        credentials = base64.b64encode(b"ann:s3/cr+t").decode()
        if path == "/closed.csv" and self.headers.get("Authorization") != f"Basic {credentials}":
            self._answer(401, b"")
        elif path == "/page.csv":
            self._answer(200, b"<html></html>", **{"Content-Type": "text/html; charset=utf-8"})
        elif path == "/short.csv":
            self._answer(200, ORDERS, **{"Content-Length": "1000"})
        elif path == "/endless.csv":
            self._answer(200, b"x" * 5000, **{"Content-Length": ""})
        elif path.startswith("/to/"):
            places = {"here": "/orders.csv", "round": "/to/round", "elsewhere": "http://localhost:1/orders.csv"}
            places |= {"file": "file:///etc/hostname", "nowhere": "http://127.0.0.1:notaport/"}
            self._answer(302, b"", Location=places[path.removeprefix("/to/")])
        elif path in {"/orders.csv", "/closed.csv", "/orders"}:
            self._answer(200, ORDERS)
        else:
            self._answer(404, b"")

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        headers = {"Content-Length": str(len(body)), **headers}
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        if headers["Content-Length"] != str(len(body)):
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        # A client that has read enough hangs up.
        with suppress(ConnectionError):
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def refusal(url: str, tmp_path: Path, **more: object) -> str:
    options = {"shown": "orders", "allow": ALLOW, **more}
    with pytest.raises(DataError) as raised:
        fetch(url, into=tmp_path / "fetched", **options)  # type: ignore[arg-type]
    return str(raised.value)


@pytest.mark.parametrize("place", ["orders.csv", "to/here", "orders", "orders.csv?part=1&token=t0ken"])
def test_a_file_behind_http_is_read_and_named_by_the_hash_of_its_bytes(web: str, tmp_path: Path, place: str) -> None:
    request = SourceRequest(name="x", location=f"http://{web}/{place}", allow=ALLOW)
    assert source_fingerprint(request) is None
    table = read_source(request, into=tmp_path / "t.parquet")
    assert pl.read_parquet(table.path)["city"].to_list() == ["Bonn", "Ulm", "Ulm"]
    assert table.source.snapshot == hash_bytes(ORDERS)
    assert read_source(request, into=tmp_path / "u.parquet").source == table.source
    assert "t0ken" not in table.source.location


def test_credentials_are_sent_to_their_own_host_and_never_shown(web: str, tmp_path: Path) -> None:
    request = SourceRequest(name="x", location=f"http://ann:s3%2Fcr+t@{web}/closed.csv", allow=ALLOW)
    assert read_source(request, into=tmp_path / "t.parquet").source.location == f"http://{web}/closed.csv"
    assert "may not be read (HTTP 401)" in refusal(f"http://ann:wrong@{web}/closed.csv", tmp_path)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("absent.csv", "the server answers HTTP 404 Not Found"),
        ("page.csv", "is a web page, not a table"),
        ("short.csv", "broke off after 27 of 1,000 bytes"),
        ("to/round", "is redirected more than 5 times"),
        ("to/elsewhere", "would be fetched from localhost, which data.allow does not list (127.0.0.1)"),
        ("to/file", "leads to a place that is not a web address"),
        ("to/nowhere", "leads to a port that is not a number"),
    ],
)
def test_what_is_no_file_is_refused_in_one_sentence(web: str, tmp_path: Path, place: str, said: str) -> None:
    assert said in refusal(f"http://{web}/{place}", tmp_path)


def test_a_host_that_is_not_allowed_is_not_asked(web: str, tmp_path: Path) -> None:
    assert "which data.allow does not list (data.example.org)" in refusal(
        f"http://{web}/orders.csv", tmp_path, allow=("data.example.org",)
    )
    assert "does not list (no host)" in refusal(f"http://{web}/orders.csv", tmp_path, allow=())


def test_a_redirect_from_a_public_address_to_a_private_one_is_refused(
    web: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    from tenfold.connectors.remote import http as remote

    port = int(web.rpartition(":")[2])
    found = {"public.example.org": "93.184.216.34", "inside.example.org": "127.0.0.1"}

    def known(host: str, port: int, **_: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (found[host], port))]

    monkeypatch.setattr(socket, "getaddrinfo", known)
    first = remote._Stop.at(f"http://public.example.org:{port}/", ("*.example.org",), "orders")
    with pytest.raises(DataError, match=r"to the private address of inside\.example\.org: refused"):
        remote._Stop.after(first, f"http://inside.example.org:{port}/", ("*.example.org",), "orders")
    secure = remote._Stop.at("https://public.example.org/", ("*.example.org",), "orders")
    with pytest.raises(DataError, match="from HTTPS to HTTP"):
        remote._Stop.after(secure, "http://public.example.org/", ("*.example.org",), "orders")


def test_a_file_larger_than_the_limit_is_refused_before_and_while_it_is_fetched(web: str, tmp_path: Path) -> None:
    small = Limits(largest_bytes=20)
    assert "has 27 bytes, more than the 20" in refusal(f"http://{web}/orders.csv", tmp_path, limits=small)
    assert "has more than the 20 bytes" in refusal(f"http://{web}/endless.csv", tmp_path, limits=small)


def test_a_server_that_is_not_there_is_told_without_the_address_of_the_file(tmp_path: Path) -> None:
    message = refusal("http://ann:s3cret@127.0.0.1:1/orders.csv", tmp_path)
    assert "cannot be fetched from 127.0.0.1: connection refused" in message
    assert "s3cret" not in message


def test_a_star_stands_for_subdomains_only() -> None:
    assert is_allowed("Data.Example.org", ("data.example.org",))
    assert is_allowed("a.b.example.org", ("*.example.org",))
    assert not is_allowed("example.org", ("*.example.org",))
    assert not is_allowed("evilexample.org", ("*.example.org", "example.org"))


@pytest.mark.parametrize(
    "url",
    ["s3://KEY:s3cr/et@x@bucket/a.csv", "https://ann:s3cret@host/a?token=s3cret#s3cret", "redis://:s3cret@host/0"],
)
def test_an_address_is_shown_without_its_secrets(url: str) -> None:
    assert "s3cr" not in without_secrets(url)


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    from moto.server import ThreadedMotoServer
    from obstore import put
    from obstore.store import S3Store

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    import urllib.request

    with closing(urllib.request.urlopen(urllib.request.Request(f"{endpoint}/shop", method="PUT"))):
        pass
    store = S3Store(
        "shop",
        endpoint=endpoint,
        access_key_id="KEY",
        secret_access_key="s3/cr+t",  # of a server that lives as long as the test
        region="us-east-1",
        client_options={"allow_http": True},
    )
    put(store, "2026/orders.csv", ORDERS)
    put(store, "2026/a:b@c.csv", ORDERS)
    frame = pl.DataFrame({"n": range(200_000)})
    frame.write_parquet(sink := Path(f"/tmp/tenfold-s3-{port}.parquet"), compression="uncompressed")
    put(store, "large.parquet", sink.read_bytes())
    sink.unlink()
    yield endpoint
    server.stop()


def s3(place: str, endpoint: str, keys: str = "KEY:s3/cr+t@") -> SourceRequest:
    return SourceRequest(name="x", location=f"s3://{keys}shop/{place}", endpoint=endpoint)


@pytest.mark.parametrize("place", ["2026/orders.csv", "2026/a:b@c.csv"])
def test_an_object_of_a_bucket_is_read_and_named_by_the_hash_of_its_bytes(
    bucket: str, tmp_path: Path, place: str
) -> None:
    table = read_source(s3(place, bucket), into=tmp_path / "t.parquet")
    assert pl.read_parquet(table.path)["city"].to_list() == ["Bonn", "Ulm", "Ulm"]
    assert table.source.snapshot == hash_bytes(ORDERS)
    assert "cr+t" not in table.source.location
    assert read_source(s3(place, bucket), into=tmp_path / "u.parquet").source == table.source


def test_an_object_of_many_chunks_comes_whole(bucket: str, tmp_path: Path) -> None:
    table = read_source(s3("large.parquet", bucket), into=tmp_path / "t.parquet")
    assert pl.read_parquet(table.path)["n"].to_list() == [float(at) for at in range(200_000)]


def test_keys_and_endpoint_may_come_from_the_environment(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("ACCESS_KEY_ID", "KEY"), ("SECRET_ACCESS_KEY", "s"), ("ENDPOINT_URL", bucket)):
        monkeypatch.setenv(f"AWS_{name}", value)
    assert read_source(s3("2026/orders.csv", "", keys=""), into=tmp_path / "t.parquet").source.rows == 3


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("s3://K:s3cr@shop/2026/ordres.csv", "there is no object '2026/ordres.csv' in the bucket 'shop'"),
        ("s3://K:s3cr@shop", "names no object; write s3://BUCKET/KEY"),
        ("s3://K:s3cr@nobucket/a.csv", "bucket 'nobucket'"),
    ],
)
def test_an_object_that_cannot_be_read_is_told_in_one_sentence(
    bucket: str, tmp_path: Path, location: str, said: str
) -> None:
    with pytest.raises(DataError) as raised:
        read_source(SourceRequest(name="x", location=location, endpoint=bucket), into=tmp_path / "t.parquet")
    assert said in str(raised.value)
    assert "s3cr" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_bucket_behind_a_server_that_is_not_there_is_told_soon(tmp_path: Path) -> None:
    from tenfold.connectors.remote.s3 import fetch_object

    with pytest.raises(DataError, match="no connection to the server"):
        fetch_object(
            "s3://K:s3cret@shop/a.csv",
            shown="orders",
            endpoint="http://127.0.0.1:1",
            into=tmp_path / "fetched",
            limits=Limits(silence_seconds=1.0),
        )


def test_a_project_that_begins_with_a_web_address_allows_its_host(web: str, tmp_path: Path) -> None:
    from tenfold.project.begin import init_project
    from tenfold.spec.load import load_spec

    init_project(f"http://{web}/orders.csv", "city", folder=tmp_path)
    assert load_spec(tmp_path, {}).data.allow == ALLOW
