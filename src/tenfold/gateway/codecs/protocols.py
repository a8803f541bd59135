"""What a protocol of the data plane does: reads a body as what is asked for, writes what was answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from tenfold.gateway.body import Asked
from tenfold.gateway.limits import Limits
from tenfold.gateway.predicting import Reply

Headers = Sequence[tuple[str, str]]
JSON: Headers = [("content-type", "application/json")]


class Written(NamedTuple):
    """An answer as it is sent."""

    headers: Headers
    body: bytes


class Codec(Protocol):
    """One protocol's bodies. A codec is made with what a request says besides its body: headers."""

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
