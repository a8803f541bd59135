"""Tenfold's own bodies: instances by column name in, predictions with ids and the version out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from tenfold.gateway.body import Asked, read_body
from tenfold.gateway.codecs.protocols import JSON, Headers, Written, facts_of, require_json
from tenfold.gateway.explaining import shown_reasons
from tenfold.gateway.limits import Limits
from tenfold.gateway.predicting import Reply
from tenfold.gateway.refused import OUTSIDE, Refused, pointer_to


@dataclass(frozen=True, slots=True)
class Native:
    """The rows of POST /predict/{endpoint}."""

    def expect(self, headers: Headers) -> None:
        require_json(headers)

    def read(self, body: bytes, limits: Limits) -> Asked:
        return read_body(body, limits)

    def write(self, reply: Reply) -> Written:
        return Written(JSON, orjson.dumps(native_answer(reply)))

    def refusal(self, refused: Refused) -> bytes:
        return orjson.dumps({"error": facts_of(refused, _pointer(refused))})


@dataclass(frozen=True, slots=True)
class NativeExplained(Native):
    """The rows of POST /explain/{endpoint}: as those of predictions, with reasons in the answer."""

    def write(self, reply: Reply) -> Written:
        names = tuple(reply.version.origin.kinds)
        reasons = [shown_reasons(each, names) for each in reply.reasons or ()]
        return Written(JSON, orjson.dumps({**native_answer(reply), "reasons": reasons}))


def native_answer(reply: Reply) -> dict[str, Any]:
    """Return an answer as a document."""
    predictions = reply.version.predictions(reply.scored)
    document = {"predictions": predictions, "ids": reply.ids, "version": reply.version.ref}
    if reply.versions is not None:
        document["versions"] = reply.versions
    return document


def _pointer(refused: Refused) -> str | None:
    if refused.pointer is not None:
        return refused.pointer
    if refused.code in OUTSIDE:
        return None
    if refused.field == "body":
        return ""
    if refused.instance is None:
        return pointer_to(refused.field)
    if refused.field in ("instances", "ids") and refused.code not in COLUMN_CODES:
        return pointer_to(refused.field, refused.instance)
    return pointer_to("instances", refused.instance, refused.field)


COLUMN_CODES = ("missing_field", "missing_value", "unknown_field", "unseen_value", "wrong_type")
"""The refusals whose field is a column."""
