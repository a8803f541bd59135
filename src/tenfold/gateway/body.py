"""The body of a prediction request, decoded and checked for its shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from tenfold.foundation.errors import did_you_mean
from tenfold.gateway.ids import checked_ids
from tenfold.gateway.limits import Limits
from tenfold.gateway.refused import Refused, kind_of, shown

_KEYS = ("instances", "ids")
_SHAPE = 'send {"instances": [{"column": value, ...}, ...]}'


class Asked(NamedTuple):
    """What a request asks for: instances, and the ids that the caller gave them, if any."""

    instances: Sequence[dict[str, Any]]
    ids: Sequence[str] | None


def read_body(body: bytes, limits: Limits) -> Asked:
    """Return what a body asks for.

    Raises
    ------
    Refused
        When it is not JSON, or not of the shape that is documented.
    """
    document = _decoded(body)
    if type(document) is not dict:
        raise Refused("wrong_shape", f"the body is {kind_of(document)}, not an object", field="body", fix=_SHAPE)
    for key in document:
        if key not in _KEYS:
            raise Refused(
                "unknown_key",
                f"the body has the key '{shown(key)}', which means nothing here.{did_you_mean(shown(key), _KEYS)}",
                field=key,
                fix="send 'instances' and, if you wish, 'ids'; nothing else",
            )
    if "instances" not in document:
        raise Refused("wrong_shape", "the body has no 'instances'", field="instances", fix=_SHAPE)
    instances = _instances(document["instances"], limits)
    ids = document.get("ids")
    return Asked(instances=instances, ids=None if ids is None else checked_ids(ids, len(instances), limits))


def _decoded(body: bytes) -> Any:
    if not body:
        raise Refused("not_json", "the body is empty", field="body", fix=_SHAPE)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # The decoder's own words say what and where, and repeat nothing of the body.
        raise Refused(
            "not_json",
            f"the body is not JSON: {error.msg} at character {error.pos}",
            field="body",
            fix="send JSON in UTF-8; a missing value is null, for NaN and Infinity there is no number",
        ) from error


def _instances(found: Any, limits: Limits) -> list[dict[str, Any]]:
    if type(found) is not list:
        raise Refused("wrong_shape", f"'instances' is {kind_of(found)}, not a list", field="instances", fix=_SHAPE)
    if not found:
        raise Refused("wrong_shape", "'instances' is empty", field="instances", fix="send at least one instance")
    if len(found) > limits.rows:
        raise Refused(
            "too_many_instances",
            f"'instances' has {len(found)} entries; {limits.rows} are answered at a time",
            field="instances",
            fix=f"send at most {limits.rows} instances in one request",
        )
    for place, instance in enumerate(found):
        if type(instance) is not dict:
            raise Refused(
                "wrong_shape",
                f"instance {place} is {kind_of(instance)}, not an object",
                field="instances",
                fix=_SHAPE,
                instance=place,
            )
    return found
