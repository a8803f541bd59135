"""The transforms there are, by the name that a step gives."""

from __future__ import annotations

from collections.abc import Mapping

from tenfold.bundle.transforms.boolean import BOOLEAN
from tenfold.bundle.transforms.codes import CODES
from tenfold.bundle.transforms.dates import DATES
from tenfold.bundle.transforms.impute import IMPUTE
from tenfold.bundle.transforms.onehot import ONEHOT
from tenfold.bundle.transforms.passthrough import PASSTHROUGH
from tenfold.bundle.transforms.protocols import Transform
from tenfold.bundle.transforms.scale import SCALE
from tenfold.bundle.transforms.target_encoding import TARGET_ENCODING
from tenfold.bundle.transforms.text_size import TEXT_SIZE
from tenfold.foundation.errors import InputError, did_you_mean


def transform_called(kind: str) -> Transform:
    """Return the transform of this name.

    Raises
    ------
    InputError
        When there is none.
    """
    if kind not in TRANSFORMS:
        raise InputError(f"'{kind}' is not a transform of this version of Tenfold.{did_you_mean(kind, TRANSFORMS)}")
    return TRANSFORMS[kind]


TRANSFORMS: Mapping[str, Transform] = {
    "passthrough": PASSTHROUGH,
    "impute": IMPUTE,
    "scale": SCALE,
    "boolean": BOOLEAN,
    "codes": CODES,
    "onehot": ONEHOT,
    "target_encoding": TARGET_ENCODING,
    "dates": DATES,
    "text_size": TEXT_SIZE,
}
