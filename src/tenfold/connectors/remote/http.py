"""A file behind HTTP: fetched whole, from allowed hosts only, hashed as it is written."""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import socket
import ssl
from base64 import b64encode
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from tenfold.foundation.clock import Deadline
from tenfold.foundation.errors import DataError

_CHUNK_BYTES = 1 << 20
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one file may cost: its size, the time in all, the silence of a server, the redirects followed."""

    largest_bytes: int = 64 << 30
    seconds: float = 3600.0
    silence_seconds: float = 30.0
    redirects: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A remote file as it lies here now; ``hash`` is that of the bytes written."""

    path: Path
    hash: str


def fetch(url: str, *, shown: str, allow: Sequence[str] | None, into: Path, limits: Limits | None = None) -> Fetched:
    """Write what a URL answers to a file.

    The address that was looked up is the one that is connected to, so that a name cannot change in between. Redirects
    lead to allowed hosts only, never from a public address to a private one, and never from HTTPS to HTTP. User and
    password in the URL are sent to its own host alone.

    Parameters
    ----------
    allow : sequence of str or None
        Hosts that may be asked; None allows the one of ``url``.

    Raises
    ------
    DataError
        When a host is not allowed, cannot be reached, answers anything but a file, or sends too much or too little.
    """
    limits = limits or Limits()
    deadline = Deadline.after(limits.seconds)
    allowed = (urlsplit(url).hostname or "",) if allow is None else tuple(allow)
    target, first = url, _Stop.at(url, allowed, shown)
    stop = first
    for _ in range(limits.redirects + 1):
        try:
            with closing(stop.connect(limits.silence_seconds)) as connection:
                connection.request("GET", stop.target, headers=stop.headers(like=first))
                with connection.getresponse() as answer:
                    place = answer.getheader("Location") if answer.status in _REDIRECTS else None
                    if place is None:
                        _refuse_failure(answer, shown)
                        return _write(answer, into, shown, limits, deadline)
            target = urljoin(target, place)
            stop = _Stop.after(stop, target, allowed, shown)
        except (OSError, http.client.HTTPException) as error:
            raise DataError(f"{shown} cannot be fetched from {stop.host}: {_reason(error)}") from None
    raise DataError(f"{shown} is redirected more than {limits.redirects} times; name the place where the file lies")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stop:
    """One address on the way to the file."""

    scheme: str
    host: str
    port: int
    address: str
    target: str
    credentials: str

    @classmethod
    def at(cls, url: str, allowed: Sequence[str], shown: str) -> _Stop:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        if parts.scheme not in {"http", "https"} or not host:
            raise DataError(f"{shown} leads to a place that is not a web address")
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            raise DataError(f"{shown} leads to a port that is not a number") from None
        if not is_allowed(host, allowed):
            listed = ", ".join(allowed) or "no host"
            raise DataError(f"{shown} would be fetched from {host}, which data.allow does not list ({listed})")
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise DataError(f"{shown}: the host {host} is not known ({_reason(error)})") from None
        path = parts.path or "/"
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
        return cls(
            scheme=parts.scheme,
            host=host,
            port=port,
            address=str(found[0][4][0]),
            target=f"{path}?{parts.query}" if parts.query else path,
            credentials=credentials,
        )

    @classmethod
    def after(cls, before: _Stop, url: str, allowed: Sequence[str], shown: str) -> _Stop:
        """Return the next address, when a redirect may lead there."""
        stop = cls.at(url, allowed, shown)
        if stop.is_private and not before.is_private:
            raise DataError(f"{shown} is redirected from {before.host} to the private address of {stop.host}: refused")
        if before.scheme == "https" and stop.scheme == "http":
            raise DataError(f"{shown} is redirected from HTTPS to HTTP at {stop.host}: refused")
        return stop

    @property
    def is_private(self) -> bool:
        """Whether the address is of this machine or of a private network."""
        return not ipaddress.ip_address(self.address.partition("%")[0]).is_global

    def connect(self, silence_seconds: float) -> http.client.HTTPConnection:
        """Return a connection to the address, under the name of the host."""
        if self.scheme == "http":
            return _Pinned(self.host, self.port, self.address, silence_seconds, None)
        return _Pinned(self.host, self.port, self.address, silence_seconds, ssl.create_default_context())

    def headers(self, *, like: _Stop) -> dict[str, str]:
        """Return what is sent along: credentials only to the host that they were written for."""
        headers = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "tenfold"}
        if like.credentials and (self.scheme, self.host, self.port) == (like.scheme, like.host, like.port):
            headers["Authorization"] = "Basic " + b64encode(like.credentials.encode()).decode()
        return headers


class _Pinned(http.client.HTTPConnection):
    """A connection to one address, whatever the host's name means by then."""

    def __init__(self, host: str, port: int, address: str, silence_seconds: float, context: ssl.SSLContext | None):
        super().__init__(host, port, timeout=silence_seconds)
        if context is not None:
            self.default_port = http.client.HTTPS_PORT
        self._address = address
        self._context = context

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = plain if self._context is None else self._context.wrap_socket(plain, server_hostname=self.host)


def is_allowed(host: str, allowed: Sequence[str]) -> bool:
    """Whether a host stands on a list; ``*.example.org`` stands for the subdomains of example.org."""
    name = host.casefold()
    return any(
        name.endswith(entry[1:].casefold()) if entry.startswith("*.") else name == entry.casefold() for entry in allowed
    )


def _refuse_failure(answer: http.client.HTTPResponse, shown: str) -> None:
    if answer.status in {401, 403}:
        raise DataError(
            f"{shown} may not be read (HTTP {answer.status}); write user and password as ${{env:…}} into the url"
        )
    if answer.status != 200:
        raise DataError(f"{shown} cannot be fetched: the server answers HTTP {answer.status} {answer.reason}".rstrip())
    if (answer.getheader("Content-Type") or "").partition(";")[0].strip().casefold() == "text/html":
        raise DataError(f"{shown} is a web page, not a table; name the address of the file itself")


def _write(answer: http.client.HTTPResponse, into: Path, shown: str, limits: Limits, deadline: Deadline) -> Fetched:
    announced = answer.length
    if announced is not None and announced > limits.largest_bytes:
        raise DataError(f"{shown} has {announced:,} bytes, more than the {limits.largest_bytes:,} that are fetched")
    digest, written = hashlib.sha256(), 0
    with into.open("wb") as sink:
        while chunk := answer.read1(_CHUNK_BYTES):
            written += len(chunk)
            if written > limits.largest_bytes:
                raise DataError(f"{shown} has more than the {limits.largest_bytes:,} bytes that are fetched")
            if deadline.expired:
                raise DataError(f"{shown} was not fetched within {limits.seconds:.0f} s; fetch it by other means")
            digest.update(chunk)
            sink.write(chunk)
    if announced is not None and written != announced:
        raise DataError(f"{shown} broke off after {written:,} of {announced:,} bytes; try again")
    return Fetched(path=into, hash=digest.hexdigest())


def _reason(error: BaseException) -> str:
    """Return what went wrong in a few words, without the address."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLError):
        return f"its certificate is not trusted ({error.reason or 'TLS fails'})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return type(error).__name__
