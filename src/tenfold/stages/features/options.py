"""What the file's ``features`` section says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tenfold.bundle.rolling import Function

Method = Literal["variance", "correlation", "mutual_information", "noise", "recursive", "l1", "boruta"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RollingOptions:
    """Windows over an entity's earlier rows; see ``bundle.rolling.Rolling`` for what is in one."""

    windows: tuple[int | str, ...] = ("30d",)
    functions: tuple[Function, ...] = ("mean",)
    gap: str = "0s"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOptions:
    """How a text becomes numbers; ``terms`` None leaves their number to the method."""

    method: Literal["auto", "length", "tfidf", "hashing"] = "auto"
    components: int = 10
    terms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectOptions:
    """How columns are chosen inside each fold; ``most`` keeps at most so many."""

    method: Method = "noise"
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureOptions:
    """Which features are built.

    Attributes
    ----------
    dates : bool
        Whether times become their parts (hour, weekday, season, days gone by); else they are left out.
    holidays : str or None
        Country, or country and region, whose public holidays times are held against: ``DE``, ``DE-BY``.
    lags : mapping from column to tuple
        How far back, in rows of the entity (1, 2, ...) or in time (``7d``).
    rolling : mapping from column to RollingOptions
        Statistics over earlier rows of the entity.
    interactions : int
        At most so many pairs of columns are combined, chosen inside the folds.
    encode : mapping from column to str or tuple
        How categories become numbers; a tuple of levels from low to high makes a quantity.
    bins, splines : mapping from column to int
        Numbers cut into so many bins; numbers as a curve of so many knots (for linear models).
    pca : int
        So many principal components of the numbers stand beside them.
    text : TextOptions
        For texts that ``texts`` does not speak of.
    select : str
        ``auto`` leaves out columns that cannot tell anything (constant, a copy of another, nearly every value its own);
        ``off`` uses every feature.
    choose : SelectOptions or None
        Which of those that can tell something stay.
    measure : bool
        Whether the gain and the cost of each group of features are measured.
    allow : tuple of str
        Columns that may look like leaks: the user said that they are known in time.
    timezone : str or None
        The project's zone, for times whose source names none; None is UTC.
    """

    dates: bool = True
    holidays: str | None = None
    lags: Mapping[str, tuple[int | str, ...]] = field(default_factory=dict)
    rolling: Mapping[str, RollingOptions] = field(default_factory=dict)
    interactions: int = 0
    encode: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    bins: Mapping[str, int] = field(default_factory=dict)
    splines: Mapping[str, int] = field(default_factory=dict)
    pca: int = 0
    text: TextOptions = TextOptions(method="length")
    texts: Mapping[str, TextOptions] = field(default_factory=dict)
    select: Literal["auto", "off"] = "auto"
    choose: SelectOptions | None = None
    measure: bool = False
    allow: tuple[str, ...] = ()
    timezone: str | None = None
