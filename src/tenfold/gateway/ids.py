"""Names of predictions: those that callers give, and others for what nobody named."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

from tenfold.gateway.limits import Limits
from tenfold.gateway.refused import Refused, kind_of

_ROOM = 1 << 40


def make_ids(count: int, now: datetime) -> list[str]:
    """Return ids that no other process makes: a UUID of version 7 for each row, in the order of time and of rows.

    The first is 74 random bits after the milliseconds; each of the others is the one before it plus one (RFC 9562,
    section 6.2, method 2).
    """
    stamp = f"{int(now.timestamp() * 1000):012x}"
    chance = os.urandom(10).hex()
    variant = "89ab"[int(chance[3], 16) & 3]
    head = f"{stamp[:8]}-{stamp[8:]}-7{chance[:3]}-{variant}{chance[4:7]}-"
    # The last 48 bits count on; those of them that would overflow are drawn a little lower.
    first = int(chance[7:19], 16) % ((1 << 48) - _ROOM)
    return [f"{head}{number:012x}" for number in range(first, first + count)]


def checked_ids(found: Any, rows: int, limits: Limits) -> list[str]:
    """Return the ids that a caller gave to rows.

    Raises
    ------
    Refused
        When they are not as many different, printable texts as there are rows.
    """
    fix = f"leave 'ids' out, or send a list of {rows} different texts"
    if type(found) is not list:
        raise Refused("bad_ids", f"'ids' is {kind_of(found)}, not a list", field="ids", fix=fix)
    if len(found) != rows:
        raise Refused("bad_ids", f"'ids' has {len(found)} entries for {rows} instances", field="ids", fix=fix)
    for place, one in enumerate(found):
        if type(one) is not str:
            raise Refused("bad_ids", f"id {place} is {kind_of(one)}, not a text", field="ids", fix=fix, instance=place)
        if not 0 < len(one) <= limits.id_characters or not one.isprintable():
            raise Refused(
                "bad_ids",
                f"id {place} is empty, longer than {limits.id_characters} characters or not printable",
                field="ids",
                fix=fix,
                instance=place,
            )
    if len(set(found)) < rows:
        raise Refused("bad_ids", "an id stands in 'ids' twice", field="ids", fix=fix)
    return found
