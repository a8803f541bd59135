"""Tenfold's own bodies: instances by column name in, predictions with ids and the version out."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from tenfold.gateway.body import Asked, read_body
from tenfold.gateway.codecs.protocols import JSON, Written
from tenfold.gateway.limits import Limits
from tenfold.gateway.predicting import Reply


@dataclass(frozen=True, slots=True)
class Native:
    """The rows of POST /predict/{endpoint}."""

    def read(self, body: bytes, limits: Limits) -> Asked:
        return read_body(body, limits)

    def write(self, reply: Reply) -> Written:
        predictions = reply.version.predictions(reply.scored)
        return Written(JSON, orjson.dumps({"predictions": predictions, "ids": reply.ids, "version": reply.version.ref}))
