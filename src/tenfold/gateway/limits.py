"""How much one request may ask for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on requests.

    Attributes
    ----------
    body_bytes : int
        A body of this size may take some twenty times as much memory once it is decoded.
    dropped_bytes : int
        How much of a body that is too large is taken and dropped, so that the client hears why.
    rows : int
        Instances of one request.
    id_characters : int
        Of one id.
    body_seconds : float
        How long a body may take to arrive.
    aside_bytes : int
        Larger bodies are answered beside the event loop, so that small requests need not wait for them.
    """

    body_bytes: int = 8 << 20
    dropped_bytes: int = 64 << 20
    rows: int = 10_000
    id_characters: int = 200
    body_seconds: float = 30.0
    aside_bytes: int = 64 << 10
