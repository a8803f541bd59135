"""One source as it was declared: where it lies, and what was said of how it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

POSTGRESQL = ("postgresql://", "postgres://")
MYSQL = ("mysql://", "mariadb://")
HTTP = ("http://", "https://")
S3 = ("s3://",)
REDIS = ("redis://", "rediss://")

_FUNCTION = re.compile(r"^(?P<module>.+\.py):(?P<function>[A-Za-z_]\w*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    """One source as the user declared it.

    Attributes
    ----------
    name : str
        How the query names it.
    location : str
        A path, ``module.py:function``, or a URL with its secrets resolved.
    shown : str
        How messages and records name it; never holds a secret. Empty: the location, when that is a file.
    format : str or None
        One of the formats of `files`; None is told by the name's ending and the first bytes.
    table, query : str or None
        What to read of it: a table of a database, a sheet of a workbook, a stream of a server.
    time, available_seconds : str or None, float or None
        The source's time column, and how long after it a row is known: the query then sees ``available_at``.
    available_at : str or None
        The column that says when a row became known, where no fixed delay says it.
    valid_from, valid_to : str or None
        The columns between which a row holds: from (exclusive) to (inclusive) the moment that is looked at.
    since, until : str or None
        Of a stream: the first and the last entry, each an id of the server or a time (ISO 8601), both included.
    allow : tuple of str or None
        Hosts that may be asked over HTTP, ``*.example.org`` being its subdomains; None: the one of the location,
        which a person typed.
    endpoint : str
        The address of the server that speaks S3, where it is not Amazon's; may hold a secret.
    delimiter, quote, header, encoding : optional
        What the user said about a text; None is found.
    header_rows, names, skip, footer, comment : optional
        The rows that name the columns, or their names; lines above the table, rows below it, and the sign of lines that
        are no rows (empty for none); None is found.
    nested : bool
        Objects within JSON records stay one text each, instead of columns of their own.
    """

    name: str
    location: str
    shown: str = ""
    format: str | None = None
    table: str | None = None
    query: str | None = None
    time: str | None = None
    available_seconds: float | None = None
    available_at: str | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    since: str | None = None
    until: str | None = None
    allow: tuple[str, ...] | None = None
    endpoint: str = ""
    delimiter: str | None = None
    quote: bool | None = None
    header: bool | None = None
    encoding: str | None = None
    header_rows: int | None = None
    names: tuple[str, ...] | None = None
    skip: int | None = None
    footer: int | None = None
    comment: str | None = None
    nested: bool = False

    @property
    def scheme(self) -> str:
        """Return the kind of place: ``postgresql``, ``mysql``, ``http``, ``s3``, ``redis``, ``function``, ``file``."""
        for prefixes, scheme in _SCHEMES:
            if self.location.startswith(prefixes):
                return scheme
        return "function" if _FUNCTION.match(self.location) else "file"

    @property
    def label(self) -> str:
        """How messages name the source."""
        if self.shown:
            return self.shown
        if self.scheme in {"postgresql", "mysql"}:
            return "the database"
        return without_secrets(self.location) if "://" in self.location else self.location


def without_secrets(location: str) -> str:
    """Return a URL without its user, password, query and fragment.

    Nothing before the last ``@`` is kept: a password may hold what seems to end it.
    """
    scheme, _, rest = location.partition("://")
    parts = urlsplit(f"{scheme}://{rest.rpartition('@')[2]}")
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def function_of(location: str) -> tuple[str, str]:
    """Return the file and the function that ``module.py:function`` names.

    Raises
    ------
    ValueError
        When ``location`` is not written so.
    """
    match = _FUNCTION.match(location)
    if match is None:
        raise ValueError(location)
    return match["module"], match["function"]


_SCHEMES = ((POSTGRESQL, "postgresql"), (MYSQL, "mysql"), (HTTP, "http"), (S3, "s3"), (REDIS, "redis"))
