"""Streams of a Redis server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tenfold.connectors.streams.protocols import Entry
from tenfold.foundation.errors import DataError
from tenfold.foundation.optional import require

_AT_ONCE = 5_000
_SILENCE_SECONDS = 30.0
_ID = re.compile(r"\d+(?:-\d+)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RedisStream:
    """One stream of a Redis server; obeys `Stream`.

    The id of an entry begins with the milliseconds at which the server took it, unless its writer chose another id.
    """

    def __init__(self, url: str, key: str, *, shown: str):
        redis = require("redis", extra="redis", purpose="Reading Redis streams")
        self._failure = redis.RedisError
        self._key, self._shown = key, shown
        try:
            self._client: Any = redis.Redis.from_url(
                url, socket_timeout=_SILENCE_SECONDS, socket_connect_timeout=_SILENCE_SECONDS
            )
            kind = self._client.type(key).decode()
        except (redis.RedisError, ValueError) as error:
            # The client's message may quote the address with its password: only its kind is passed on.
            raise DataError(f"{shown} cannot be read: {_reason(error)}") from None
        if kind == "none":
            self.close()
            raise DataError(f"{shown} has no stream '{key}'")
        if kind != "stream":
            self.close()
            raise DataError(f"'{key}' of {shown} is a {kind}, not a stream")

    def last(self) -> str | None:
        newest = self._ask("xrevrange", self._key, count=1)
        return newest[0][0].decode() if newest else None

    def read(self, *, since: str | None, until: str) -> Iterator[Sequence[Entry]]:
        first, last = "-" if since is None else _bound(since, since=True), _bound(until, since=False)
        while page := self._ask("xrange", self._key, min=first, max=last, count=_AT_ONCE):
            yield tuple(self._entry(id_, values) for id_, values in page)
            first = f"({page[-1][0].decode()}"

    def close(self) -> None:
        self._client.close()

    def _ask(self, command: str, *arguments: object, **options: object) -> Any:
        try:
            return getattr(self._client, command)(*arguments, **options)
        except self._failure as error:
            raise DataError(f"{self._shown} cannot be read: {_reason(error)}") from None

    def _entry(self, id_: bytes, values: dict[bytes, bytes]) -> Entry:
        text = id_.decode()
        try:
            decoded = {name.decode(): value.decode() for name, value in values.items()}
        except UnicodeDecodeError:
            raise DataError(f"the entry {text} of stream '{self._key}' holds bytes that are not UTF-8 text") from None
        moment = int(text.partition("-")[0])
        try:
            return Entry(id=text, time=_EPOCH + timedelta(milliseconds=moment), values=decoded)
        except OverflowError:
            raise DataError(f"the id {text} of stream '{self._key}' is no time in milliseconds") from None


def _bound(written: str, *, since: bool) -> str:
    """Return an id, or the first or last id of a moment, as the server compares them."""
    if _ID.fullmatch(written):
        return written
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        word = "since" if since else "until"
        raise DataError(f"`{word}: {written}` is neither the id of an entry nor a time such as 2026-01-31") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return str((moment - _EPOCH) // timedelta(milliseconds=1))


def _reason(error: Exception) -> str:
    name = type(error).__name__
    reasons = {
        "AuthenticationError": "user or password is wrong or missing",
        "AuthenticationWrongNumberOfArgsError": "user or password is wrong or missing",
        "ConnectionError": "no connection to the server",
        "TimeoutError": "no answer in time",
        "ResponseError": "the server refuses the command",
        "NoPermissionError": "the user may not read it",
        "ValueError": "its address is not understood",
    }
    return reasons.get(name, name)
