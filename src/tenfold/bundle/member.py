"""One member of an ensemble: a view fitted on the development rows, a predictor over it, and its weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.predictors.protocols import Predictor
from tenfold.bundle.predictors.table import predictor_from_files
from tenfold.bundle.transforms.protocols import Row
from tenfold.bundle.view import FittedView
from tenfold.foundation.errors import StoreError
from tenfold.foundation.serial import canonical_json, from_json
from tenfold.records.features import View

_VIEW_FILES = ("view.json", "view.safetensors")
_PREDICTOR_FOLDER = "predictor/"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    key: str
    weight: float
    view_name: View
    predictor: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Member:
    """A view and the predictor that reads it; ``weight`` is its part in the ensemble."""

    key: str
    weight: float
    view_name: View
    view: FittedView
    predictor: Predictor

    def scores(self, table: pl.DataFrame) -> Floats:
        """Return predictions of shape (n_rows, outputs) for the rows of a canonical table."""
        return self.predictor.predict(self.view.apply(table).values)

    def scores_row(self, row: Row) -> Floats:
        """Return predictions of shape (1, outputs) for one canonical row."""
        return self.predictor.predict(self.view.apply_row(row))

    def files(self) -> dict[str, bytes]:
        """Return its state by relative path."""
        facts = _Facts(key=self.key, weight=self.weight, view_name=self.view_name, predictor=self.predictor.kind)
        return {
            "member.json": canonical_json(facts),
            **self.view.files(),
            **{_PREDICTOR_FOLDER + name: content for name, content in self.predictor.files().items()},
        }

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Member:
        """Build it again from its files.

        Raises
        ------
        StoreError
            When a file is missing.
        """
        for name in ("member.json", *_VIEW_FILES):
            if name not in files:
                raise StoreError(f"the member lacks its file '{name}'")
        facts = from_json(_Facts, files["member.json"])
        own = {
            name.removeprefix(_PREDICTOR_FOLDER): content
            for name, content in files.items()
            if name.startswith(_PREDICTOR_FOLDER)
        }
        return cls(
            key=facts.key,
            weight=facts.weight,
            view_name=facts.view_name,
            view=FittedView.from_files({name: files[name] for name in _VIEW_FILES}),
            predictor=predictor_from_files(facts.predictor, own),
        )
