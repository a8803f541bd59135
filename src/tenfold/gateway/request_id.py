"""Names of requests: the caller's own where it is sane, so that one name follows a request through all systems."""

from __future__ import annotations

import itertools
import re
import secrets

# What gateways and traces write: UUIDs, hexadecimal numbers, base64 and dotted names; nothing that could forge a line
# of a log.
_SANE = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}").fullmatch
_PROCESS = secrets.token_hex(6)
_NUMBERS = itertools.count(1)


def request_id(sent: str | None) -> str:
    """Return the id that a caller sent, or a new one where there is none or none that may be repeated."""
    if sent is not None and _SANE(sent):
        return sent
    return f"{_PROCESS}-{next(_NUMBERS):08x}"
