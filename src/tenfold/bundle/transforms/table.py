"""The transforms there are, by the name that a step gives."""

from __future__ import annotations

from collections.abc import Mapping

from tenfold.bundle.transforms.bins import BINS
from tenfold.bundle.transforms.boolean import BOOLEAN
from tenfold.bundle.transforms.codes import CODES
from tenfold.bundle.transforms.dates import DATES
from tenfold.bundle.transforms.first_present import FIRST_PRESENT
from tenfold.bundle.transforms.frequency import FREQUENCY
from tenfold.bundle.transforms.group_impute import GROUP_IMPUTE
from tenfold.bundle.transforms.hashing import HASH
from tenfold.bundle.transforms.holidays import HOLIDAYS
from tenfold.bundle.transforms.impute import IMPUTE
from tenfold.bundle.transforms.interactions import INTERACTIONS
from tenfold.bundle.transforms.iterative import ITERATIVE
from tenfold.bundle.transforms.neighbours import NEIGHBOURS_IMPUTE
from tenfold.bundle.transforms.onehot import ONEHOT
from tenfold.bundle.transforms.ordinal import ORDINAL
from tenfold.bundle.transforms.passthrough import PASSTHROUGH
from tenfold.bundle.transforms.pca import PCA
from tenfold.bundle.transforms.power import POWER
from tenfold.bundle.transforms.protocols import Transform
from tenfold.bundle.transforms.quantile import QUANTILE
from tenfold.bundle.transforms.scale import SCALE
from tenfold.bundle.transforms.spline import SPLINE
from tenfold.bundle.transforms.target_encoding import TARGET_ENCODING
from tenfold.bundle.transforms.text_size import TEXT_SIZE
from tenfold.bundle.transforms.text_topics import TEXT_TOPICS
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
    "frequency": FREQUENCY,
    "ordinal": ORDINAL,
    "hash": HASH,
    "power": POWER,
    "quantile": QUANTILE,
    "bins": BINS,
    "spline": SPLINE,
    "pca": PCA,
    "neighbours_impute": NEIGHBOURS_IMPUTE,
    "iterative_impute": ITERATIVE,
    "group_impute": GROUP_IMPUTE,
    "first_present": FIRST_PRESENT,
    "holidays": HOLIDAYS,
    "text_topics": TEXT_TOPICS,
    "interactions": INTERACTIONS,
}
