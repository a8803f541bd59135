"""``${env:NAME}``, the only substitution: what stands in the file is kept, what it stands for is hidden."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import parse_qsl, urlsplit

from tenfold.foundation.errors import InputError, did_you_mean

_PLACEHOLDER = re.compile(r"(\$?)\$\{env:([^{}]*)\}")
_OPENING = re.compile(r"(\$?)\$\{(?:([^{}]*)\})?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEYWORD_PASSWORD = re.compile(r"(?i)\b(password|passwd|pwd)\s*=\s*(?!\s*['\"]?\$\{env:)[^\s&]")
_SECRET_PARAMETERS = frozenset({"password", "passwd", "pwd", "sslpassword", "token", "secret", "access_token"})


class Secret:
    """A value that prints as ``***``, cannot be compared, hashed or pickled, and is shown only by ``reveal``."""

    __slots__ = ("_value",)

    def __init__(self, value: str):
        self._value = value

    def reveal(self) -> str:
        """Return the value: for the call that needs it, never for a message or a record."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __format__(self, specification: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = None  # type: ignore[assignment]  # a hash in a log could be tried against guesses

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where a source lies: ``shown`` as the file says it, ``secret`` with the environment put in.

    ``database`` tells a URL of a database from the path of a file.
    """

    shown: str
    secret: Secret
    database: bool = False


def variables_in(text: str) -> tuple[str, ...]:
    """Return the names of the environment variables that ``text`` asks for."""
    return tuple(match[2] for match in _PLACEHOLDER.finditer(text) if not match[1])


def literal(text: str) -> str:
    """Return ``text`` with ``$${`` read as ``${``: for values in which nothing is substituted."""
    return text.replace("$${", "${")


def escape(text: str) -> str:
    """Return ``text`` so that no part of it is substituted: the inverse of ``literal``."""
    return text.replace("${", "$${")


def substitute(text: str, environ: Mapping[str, str]) -> str:
    """Return ``text`` with each ``${env:NAME}`` replaced, and each ``$${`` read as ``${``.

    Raises
    ------
    InputError
        When a variable is not set, or another kind of substitution is asked for. The message holds no value.
    """

    def value(match: re.Match[str]) -> str:
        doubled, content = match[1], match[2]
        if doubled:
            return match[0][1:]
        if content is None or not content.startswith("env:"):
            raise InputError(
                f"'{match[0]}' is not understood: the only substitution is ${{env:NAME}}; write $${{ for a plain ${{"
            )
        name = content.removeprefix("env:")
        if not _VARIABLE.fullmatch(name):
            raise InputError(f"'{name}' is not the name of an environment variable: write ${{env:NAME}}")
        if name not in environ:
            raise InputError(f"the environment variable '{name}' is not set.{did_you_mean(name, environ)}")
        return environ[name]

    return _OPENING.sub(value, text)


def plain_password(text: str) -> str | None:
    """Return how to write ``text`` instead, when it names a database with a password in plain text; else None."""
    if "://" not in text:
        return "password=${env:DATABASE_PASSWORD}" if _KEYWORD_PASSWORD.match(text) or _is_dsn(text) else None
    scheme, rest = text.split("://", 1)
    user_part, at, host = rest.rpartition("@")
    # The colon inside of ${env:NAME} parts no user from a password.
    masked = _PLACEHOLDER.sub(lambda match: match[0].replace(":", "\0"), user_part)
    user, colon, password = (part.replace("\0", ":") for part in masked.partition(":"))
    if at and colon and password and not _only_variables(password):
        return f"{scheme}://{user}:${{env:DATABASE_PASSWORD}}@{_without_query(host)}"
    for name, content in _parameters(text):
        if name.casefold() in _SECRET_PARAMETERS and content and not _only_variables(content):
            return f"{_without_query(scheme + '://' + rest)}?{name}=${{env:DATABASE_PASSWORD}}"
    return None


def _is_dsn(text: str) -> bool:
    """Whether ``text`` is a list such as ``host=db password=…``."""
    return bool(re.match(r"\s*\w+\s*=\s*\S", text)) and bool(_KEYWORD_PASSWORD.search(text))


def _parameters(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(urlsplit(text).query)
    except ValueError:
        # Not a URL that can be taken apart: then the driver will refuse it too.
        return []


def _only_variables(text: str) -> bool:
    return _PLACEHOLDER.sub("", text) == "" and bool(variables_in(text))


def _without_query(text: str) -> str:
    return text.split("?", 1)[0]
