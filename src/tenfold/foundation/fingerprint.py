"""Content hashes: equal content has an equal name, on every machine."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tenfold.foundation.serial import canonical_json

_CHUNK_BYTES = 1 << 20


def hash_bytes(content: bytes) -> str:
    """Return the SHA-256 of ``content`` as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read in chunks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def fingerprint(*parts: object) -> str:
    """Return the hash of records, mappings, strings and numbers, in this order.

    Two calls agree exactly when the canonical JSON of their parts agrees.
    """
    return hash_bytes(canonical_json(list(parts)))
