"""What the header of an image file says: size, colours, format."""

from __future__ import annotations

import io
import warnings

from tenfold.foundation.optional import require

ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")


def describe_image(content: bytes) -> dict[str, object] | None:
    """Return width and height (pixels), mode (``RGB``, ``L``, …) and format; None when it is no image.

    Only the header is looked at, so that an image made to fill the memory does not.
    """
    image = require("PIL.Image", extra="images", purpose="Reading images")
    try:
        with warnings.catch_warnings():
            # The library warns of images that would be large once unpacked; none is unpacked here.
            warnings.simplefilter("ignore")
            with image.open(io.BytesIO(content)) as opened:
                return {
                    "width": opened.width,
                    "height": opened.height,
                    "mode": opened.mode,
                    "format": str(opened.format or "").lower(),
                }
    except (OSError, ValueError, SyntaxError, image.DecompressionBombError):
        # The library's ways to say that the bytes are no image that it knows.
        return None
