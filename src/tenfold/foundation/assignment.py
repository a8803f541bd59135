"""Which part of a whole an id belongs to: the same wherever, whenever and however often it is asked."""

from __future__ import annotations

from hashlib import blake2b


def place_of(salt: bytes, unit: str) -> float:
    """Return where an id lies between 0 (included) and 1 (left out).

    Ids are spread evenly and, for another salt, independently anew. Whoever takes the places below a share keeps, when
    the share rises, all the ids that were below it before.

    Parameters
    ----------
    salt : bytes
        At most 64; the key of the hash (BLAKE2b).
    unit : str
        The id.
    """
    digest = blake2b(unit.encode("utf-8", "surrogatepass"), digest_size=8, key=salt).digest()
    # The greatest of 2**64 values would round to 1.0.
    return (int.from_bytes(digest, "big") >> 11) * 2.0**-53
