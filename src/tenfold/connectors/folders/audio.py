"""What the header of a WAV file says: rate, channels, length (RIFF WAVE, Microsoft and IBM 1991)."""

from __future__ import annotations

import struct

ENDINGS = (".wav", ".wave")
_FORMATS = {1: "pcm", 3: "float", 6: "a-law", 7: "mu-law", 0xFFFE: "extensible"}


def describe_audio(content: bytes) -> dict[str, object] | None:
    """Return rate (samples a second), channels, bits a sample, length in seconds and format; None when it is no WAV.

    The length is that of the samples which are there, also when the header announces more.
    """
    if len(content) < 12 or content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return None
    at, known = 12, None
    while at + 8 <= len(content):
        name, size = content[at : at + 4], struct.unpack_from("<I", content, at + 4)[0]
        body = at + 8
        if name == b"fmt " and body + 16 <= len(content):
            known = struct.unpack_from("<HHIIHH", content, body)
        elif name == b"data" and known is not None:
            kind, channels, rate, bytes_a_second, _, bits = known
            if not (channels and rate and bytes_a_second):
                return None
            seconds = min(size, len(content) - body) / bytes_a_second
            format_ = _FORMATS.get(kind, f"0x{kind:04x}")
            return {"rate": rate, "channels": channels, "bits": bits, "seconds": seconds, "format": format_}
        # Chunks begin at even places.
        at = body + size + size % 2
    return None
