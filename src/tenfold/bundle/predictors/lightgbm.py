"""Boosted trees of LightGBM: one model, or the average of the fold models.

Few rows are walked down the trees by LightGBM's own library, many are answered in bit planes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from tenfold.bundle.matrix import Floats
from tenfold.bundle.predictors.bit_planes import ROWS_FOR_PLANES, BitPlanes
from tenfold.bundle.predictors.lightgbm_library import TreeLibrary
from tenfold.bundle.predictors.lightgbm_text import merge, parse
from tenfold.bundle.predictors.link import Link, linked
from tenfold.foundation.errors import StoreError
from tenfold.foundation.serial import canonical_json, from_json

_UNTRIED: Literal["untried"] = "untried"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    link: Link
    divisor: int


class LightGBMPredictor:
    """``link(raw score / divisor)``.

    Parameters
    ----------
    text : str
        A model in LightGBM's text format; only its trees are kept, in one canonical form, so that equal trees have
        equal bytes.
    link : str
        ``identity`` for regression, ``exp`` for the losses that model the logarithm (poisson, gamma, tweedie),
        ``logistic`` for binary, ``softmax`` for multiclass.
    divisor : int
        How many models were merged into this one.

    Raises
    ------
    StoreError
        When the text is not a model that can be walked safely.
    """

    kind: ClassVar[str] = "lightgbm"
    __slots__ = ("_library", "_model", "_planes", "divisor", "link")

    def __init__(self, text: str, *, link: Link, divisor: int = 1):
        self._model = parse(text)
        self.link: Link = link
        self.divisor = divisor
        self._library: TreeLibrary | None = None
        # None where the trees are better walked.
        self._planes: BitPlanes | Literal["untried"] | None = _UNTRIED

    @classmethod
    def average(cls, texts: Sequence[str], *, link: Link) -> LightGBMPredictor:
        """Return the predictor whose raw score is the mean of several models' raw scores."""
        return cls(merge(texts), link=link, divisor=len(texts))

    @property
    def text(self) -> str:
        """The model as LightGBM reads it, in canonical form."""
        return self._model.text()

    @property
    def trees(self) -> int:
        """How many trees are walked for one row."""
        return len(self._model.trees)

    def predict(self, values: Floats) -> Floats:
        if values.shape[1] != self._model.columns:
            raise ValueError(f"the model reads {self._model.columns} columns, not {values.shape[1]}")
        raw = self._raw(values)
        return linked(raw if self.divisor == 1 else raw / self.divisor, self.link)

    def _raw(self, values: Floats) -> Floats:
        """Return the raw scores, the same to the last bit however many rows are asked for."""
        if len(values) >= ROWS_FOR_PLANES:
            if self._planes == _UNTRIED:
                self._planes = BitPlanes.of(self._model)
            if self._planes is not None:
                return self._planes.raw(values)
        library = self._library
        if library is None:
            library = TreeLibrary(self.text, columns=self._model.columns, scores=self._model.scores)
            self._library = library
        return library.raw_row(values) if len(values) == 1 else library.raw(values)

    def files(self) -> dict[str, bytes]:
        return {
            "lightgbm.json": canonical_json(_Facts(link=self.link, divisor=self.divisor)),
            "lightgbm.txt": self.text.encode(),
        }

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> LightGBMPredictor:
        """Build it again from its files."""
        facts = from_json(_Facts, files["lightgbm.json"])
        try:
            text = files["lightgbm.txt"].decode("ascii")
        except UnicodeDecodeError as error:
            raise StoreError("'lightgbm.txt' is not plain text") from error
        return cls(text, link=facts.link, divisor=facts.divisor)

    def __reduce__(self) -> tuple[object, tuple[str, Link, int]]:
        # What the library holds stays in its process; another one loads the text again.
        return _rebuilt, (self.text, self.link, self.divisor)


def _rebuilt(text: str, link: Link, divisor: int) -> LightGBMPredictor:
    return LightGBMPredictor(text, link=link, divisor=divisor)
