"""A request that is not answered with predictions, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from tenfold.foundation.errors import TenfoldError
from tenfold.foundation.personal import mask_personal

Code = Literal[
    "bad_ids",
    "bad_time",
    "bad_timeout",
    "busy",
    "deadline_exceeded",
    "incomplete_body",
    "log_unavailable",
    "method_not_allowed",
    "missing_field",
    "missing_value",
    "model_failed",
    "no_finite_prediction",
    "not_found",
    "not_json",
    "not_live",
    "overloaded",
    "replay_off",
    "timeout",
    "too_large",
    "too_many_instances",
    "unknown_endpoint",
    "unknown_field",
    "unknown_key",
    "unknown_output",
    "unknown_version",
    "unsupported",
    "unsupported_media_type",
    "unseen_value",
    "wrong_shape",
    "wrong_type",
]

STATUS: Mapping[Code, int] = {
    "bad_ids": 422,
    "bad_time": 400,
    "bad_timeout": 400,
    "busy": 503,
    "deadline_exceeded": 504,
    "incomplete_body": 400,
    "log_unavailable": 503,
    "method_not_allowed": 405,
    "missing_field": 422,
    "missing_value": 422,
    "model_failed": 500,
    "no_finite_prediction": 422,
    "not_found": 404,
    "not_json": 400,
    "not_live": 503,
    "overloaded": 429,
    "replay_off": 400,
    "timeout": 408,
    "too_large": 413,
    "too_many_instances": 413,
    "unknown_endpoint": 404,
    "unknown_field": 422,
    "unknown_key": 422,
    "unknown_output": 422,
    "unknown_version": 404,
    "unsupported": 422,
    "unsupported_media_type": 415,
    "unseen_value": 422,
    "wrong_shape": 422,
    "wrong_type": 422,
}
"""The status of HTTP that goes with each code."""

_LONGEST_NAME = 80
_LONGEST_LOOKED_AT = 1_000


class Refused(TenfoldError):
    """What is wrong, where, and what to do; the values sent are never repeated.

    Parameters
    ----------
    code : str
        For programs.
    message, fix : str
        For people: what is wrong, and what to send instead.
    field : str
        What it is about: a column, ``instances``, ``ids``, ``body``, or a header.
    instance : int or None
        The place of the instance, counted from 0.
    pointer : str or None
        Where in the body it is, as RFC 6901 writes it, where the protocol's codec cannot tell by the others.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        field: str,
        fix: str,
        instance: int | None = None,
        pointer: str | None = None,
    ):
        super().__init__(message)
        self.code: Code = code
        self.message = message
        self.field = shown(field)
        self.fix = fix
        self.instance = instance
        self.pointer = pointer


def shown(name: str) -> str:
    """Return a name that a caller sent, short and printable; personal data in it are masked."""
    name = mask_personal(name[:_LONGEST_LOOKED_AT])
    plain = "".join(sign if sign.isprintable() else "?" for sign in name[:_LONGEST_NAME])
    return plain + "..." if len(name) > _LONGEST_NAME else plain


def kind_of(value: object) -> str:
    """Return what a decoded JSON value is, in words."""
    return _KINDS[type(value)]


_KINDS: Mapping[type, str] = {
    type(None): "null",
    bool: "a truth value",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}


def pointer_to(*steps: str | int) -> str:
    """Return where in a body something is: a JSON pointer (RFC 6901)."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


OUTSIDE: frozenset[Code] = frozenset(
    {
        "bad_time",
        "log_unavailable",
        "method_not_allowed",
        "model_failed",
        "not_found",
        "not_live",
        "replay_off",
        "unknown_endpoint",
        "unknown_version",
        "unsupported_media_type",
    }
)
"""What is not said of the body."""


def not_live(endpoint: str) -> Refused:
    """Return the refusal of an endpoint that serves nothing."""
    return Refused(
        "not_live",
        f"the endpoint '{endpoint}' has no version that can answer",
        field="endpoint",
        fix="ask its operator: /readyz says why",
    )


def unknown_version(endpoint: str, asked: str, served: str) -> Refused:
    """Return the refusal of a version that the endpoint does not serve."""
    return Refused(
        "unknown_version",
        f"the endpoint '{endpoint}' serves version {version_number(served)}, not '{shown(asked)}'",
        field="version",
        fix="name no version, or that one",
    )


def version_number(ref: str) -> str:
    """Return the number of a version, such as ``3`` of ``flights@3``."""
    return ref.rpartition("@")[2]
