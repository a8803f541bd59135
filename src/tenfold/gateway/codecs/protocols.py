"""What a protocol of the data plane does: reads a body as what is asked for, writes what was answered or refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from tenfold.gateway.body import Asked
from tenfold.gateway.limits import Limits
from tenfold.gateway.predicting import Reply
from tenfold.gateway.refused import Refused

SentHeaders = Sequence[tuple[str, str]]
JSON: SentHeaders = [("content-type", "application/json")]


class Headers(Protocol):
    """A request's headers."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return a header's value."""
        ...


class Written(NamedTuple):
    """An answer as it is sent."""

    headers: SentHeaders
    body: bytes


class Codec(Protocol):
    """One protocol's bodies; a codec that keeps what it has read serves one request only."""

    def expect(self, headers: Headers) -> None:
        """Look at the headers before the body comes.

        Raises
        ------
        Refused
            When they declare what is not read.
        """
        ...

    def read(self, body: bytes, limits: Limits) -> Asked:
        """Return what a body asks for.

        Raises
        ------
        Refused
            When the body is not of the protocol, or asks for what is not given.
        """
        ...

    def write(self, reply: Reply) -> Written:
        """Return an answer as the protocol writes it."""
        ...

    def refusal(self, refused: Refused) -> bytes:
        """Return a refusal as the protocol writes it."""
        ...


def facts_of(refused: Refused, pointer: str | None) -> dict[str, Any]:
    """Return what a refusal says in every protocol.

    Parameters
    ----------
    pointer : str or None
        Where in the body it is (RFC 6901); None where it is not in the body.
    """
    return {
        "code": refused.code,
        "message": refused.message,
        "instance": refused.instance,
        "field": refused.field,
        "pointer": pointer,
        "fix": refused.fix,
    }


def in_words(refused: Refused) -> str:
    """Return what is wrong and what to do as one text, for protocols that have only one."""
    between = " " if refused.message.endswith((".", "?")) else ". "
    return f"{refused.message}{between}{refused.fix[:1].upper()}{refused.fix[1:]}"


def require_json(headers: Headers) -> None:
    """Refuse a body that is not declared to be JSON in UTF-8, as it is."""
    media = headers.get("content-type", "")
    if media != "application/json" and not is_media(media, "application/json"):
        raise Refused(
            "unsupported_media_type",
            "the body is not declared to be JSON in UTF-8",
            field="content-type",
            fix="send the header 'content-type: application/json'",
        )
    require_plain(headers)


def require_plain(headers: Headers) -> None:
    """Refuse a body that is compressed."""
    if headers.get("content-encoding") not in (None, "identity"):
        raise Refused(
            "unsupported_media_type",
            "compressed bodies are not read",
            field="content-encoding",
            fix="send the body as it is, without the header 'content-encoding'",
        )


def is_media(declared: str, kind: str) -> bool:
    """Return whether a content type is this kind, in UTF-8 where it names a character set."""
    found, _, rest = declared.partition(";")
    charset = rest.strip().lower().removeprefix("charset=").strip('"')
    return found.strip().lower() == kind and charset in ("", "utf-8", "utf8")
