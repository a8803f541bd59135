"""Names for predictions that nobody named."""

from __future__ import annotations

import os
from datetime import datetime


def make_ids(count: int, now: datetime) -> list[str]:
    """Return ids that no other process makes: a UUID of version 7 (RFC 9562) for each row, in the order of time."""
    stamp = f"{int(now.timestamp() * 1000):012x}"
    chance = os.urandom(10 * count).hex()
    return [_id(stamp, chance[place : place + 20]) for place in range(0, 20 * count, 20)]


def _id(stamp: str, chance: str) -> str:
    variant = "89ab"[int(chance[3], 16) & 3]
    return f"{stamp[:8]}-{stamp[8:]}-7{chance[:3]}-{variant}{chance[4:7]}-{chance[7:19]}"
