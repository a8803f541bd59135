"""JSON as Python's own encoder writes it: with NaN where a number is missing."""

from __future__ import annotations

import json
from typing import Any

import orjson

from tenfold.gateway.refused import Refused

_FIX = "send JSON in UTF-8; a missing value is null"


def decoded(body: bytes) -> Any:
    """Return a document; NaN, which JSON does not have, is null in it: clients of pandas write it for missing values.

    Raises
    ------
    Refused
        When it is not JSON, or holds a number that is not finite.
    """
    if not body:
        raise Refused("not_json", "the body is empty", field="body", fix=_FIX)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if b"NaN" in body:
            try:
                return json.loads(body.decode("utf-8"), parse_constant=_constant, parse_float=_finite)
            except (ValueError, RecursionError):
                # What else is wrong is said as it would be without NaN.
                pass
        raise Refused(
            "not_json",
            f"the body is not JSON: {error.msg} at character {error.pos}",
            field="body",
            fix=f"{_FIX}, for Infinity there is no number",
        ) from error


def _constant(name: str) -> None:
    if name != "NaN":
        raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(text)
    return number
