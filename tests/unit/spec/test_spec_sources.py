"""Where rows may come from, and what a join may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.foundation.errors import SpecError
from tenfold.project.tables import ingest_options
from tenfold.spec.load import parse_spec
from tenfold.spec.schema import Spec

ENVIRONMENT = {
    "KEY": "AKIA",
    "SECRET": "s3/cr+t",
    "STORE": "http://127.0.0.1:9000",
    "WEB": "https://inside.example.org/a",
}
TRIPS = "trips: {path: a.csv}, weather: {path: b.csv, time: at}"


def parse(data: str, problem: str = "target: y, time: at") -> Spec:
    text = f"problem: {{{problem}}}\ndata: {data}\n"
    return parse_spec(text.encode(), path="tenfold.yaml", folder=Path("/p"), environ=ENVIRONMENT)


@pytest.mark.parametrize(
    "data",
    [
        "{path: book.xlsx, table: orders}",
        "{path: photos, format: images}",
        "{path: 'features.py:load'}",
        "{path: x.duckdb, table: t}",
        "{url: 'mysql://h/d', table: t}",
        "{url: 'https://data.example.org/a.csv', allow: [data.example.org]}",
        "{url: 'https://a.b.example.org/a.csv', allow: ['*.example.org']}",
        "{url: 's3://${env:KEY}:${env:SECRET}@bucket/a.csv', endpoint: '${env:STORE}'}",
        "{url: 'redis://h/0', table: orders, since: '2026-01-01', until: 1767225600000-0}",
    ],
)
def test_every_kind_of_source_can_be_said(data: str) -> None:
    (source,) = ingest_options(parse(data)).sources
    assert source.name == "data"


def test_endpoint_and_keys_come_from_the_environment_and_are_not_shown() -> None:
    spec = parse("{url: 's3://${env:KEY}:${env:SECRET}@bucket/a.csv', endpoint: '${env:STORE}'}")
    (source,) = ingest_options(spec).sources
    assert source.location == "s3://AKIA:s3/cr+t@bucket/a.csv"
    assert source.endpoint == "http://127.0.0.1:9000"
    assert source.label == "s3://${env:KEY}:${env:SECRET}@bucket/a.csv"
    assert "s3/cr" not in repr(spec)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("{url: 'https://data.example.org/a.csv'}", "allow data.example.org with `data: {allow: [HOST]}`"),
        ("{url: 'https://example.org/a.csv', allow: ['*.example.org']}", "allow example.org with"),
        ("{url: '${env:WEB}'}", "allow its host with"),
        ("{path: a, allow: ['https://x.org']}", "must be the name of a host"),
        ("{url: 's3://KEY:secret@bucket/a.csv'}", "a password stands here in plain text"),
        ("{url: 'mysql://h/d'}", "is a database: say which `table:` or `query:`"),
        ("{url: 'redis://h/0'}", "is a server of streams: say which with `table:`"),
        ("{sources: {a: {url: 'redis://h/0', table: s, query: SELECT 1}}}", "has a table and a query"),
        ("{path: a.csv, since: '2026-01-01'}", "`since` and `until` of 'data' are for streams"),
        ("{path: a.csv, endpoint: 'http://h'}", "`endpoint` of 'data' is for s3://"),
        ("{path: a.csv, time: t, available: 1h, available_at: u}", "with `available` and with `available_at`"),
        ("{path: a.csv, valid_to: t}", "`valid_to` of 'data' ends what begins with `valid_from:`"),
        ("{path: a.csv, time: t, valid_from: u}", "has a `time` and a `valid_from`"),
        ("{path: a.xlsx, format: excel, delimiter: ';'}", "are for delimited text"),
        (
            f"{{sources: {{{TRIPS}}}, query: SELECT 1, join: {{base: trips, sources: {{weather: {{on: c}}}}}}}}",
            "keep one",
        ),
        (f"{{sources: {{{TRIPS}}}, join: {{base: trip, sources: {{weather: {{on: c}}}}}}}}", "Did you mean 'trips'"),
        (f"{{sources: {{{TRIPS}}}, join: {{base: trips, sources: {{wether: {{on: c}}}}}}}}", "Did you mean 'weather'"),
        (f"{{sources: {{{TRIPS}}}, join: {{base: trips, sources: {{trips: {{on: c}}}}}}}}", "cannot join itself"),
        (
            f"{{sources: {{{TRIPS}, c: {{path: c}}}}, join: {{base: trips, sources: {{weather: {{on: c}}}}}}}}",
            "the join leaves out the source 'c'",
        ),
        (
            "{sources: {a: {path: a}, b: {path: b}}, join: {base: a, sources: {b: {on: c, oldest: 1h}}}}",
            "`oldest` and `age` of 'b' need the source's `time:`",
        ),
        (f"{{sources: {{{TRIPS}}}, join: {{base: trips, sources: {{weather: {{on: []}}}}}}}}", "weather.on"),
    ],
)
def test_sources_and_joins_that_cannot_be_meant_are_refused(data: str, said: str) -> None:
    with pytest.raises(SpecError) as raised:
        parse(data)
    assert said in str(raised.value)


def test_a_join_in_time_needs_a_moment() -> None:
    data = f"{{sources: {{{TRIPS}}}, join: {{base: trips, sources: {{weather: {{on: c}}}}}}}}"
    with pytest.raises(SpecError, match=r"say with `at:`, or with problem\.time"):
        parse(data, "target: y")
    join = ingest_options(parse(data)).join
    assert join is not None
    assert join.at == "at"
    assert join.sources["weather"].on == {"c": "c"}
