"""The setting ``data.outliers``: how values far from all others are found, and what is done about them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from tenfold.spec.section import Filled, Section


class OutliersSection(Section):
    """``flag`` names outliers, ``clip`` moves them to the bound and ``drop`` leaves their rows out, in training alone.

    ``limit`` is in quartile distances (``iqr``), robust deviations (``robust_z``), or a share of the rows.
    """

    method: Literal["iqr", "robust_z", "isolation_forest", "lof"] = "iqr"
    action: Literal["flag", "clip", "drop"] = "flag"
    limit: float | None = Field(default=None, gt=0.0)
    columns: tuple[Filled, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> OutliersSection:
        by_row = self.method in {"isolation_forest", "lof"}
        if by_row and self.action == "clip":
            raise PydanticCustomError(
                "outliers",
                "cannot clip by {method}, which looks at whole rows; use iqr or robust_z",
                {"method": self.method},
            )
        if by_row and self.limit is not None and self.limit > 0.5:
            raise PydanticCustomError(
                "outliers", "limit is a share of the rows with {method}, at most 0.5", {"method": self.method}
            )
        return self


def _outliers(written: object) -> object:
    """Read ``outliers: clip`` as ``outliers: {action: clip}``."""
    return {"action": written} if isinstance(written, str) else written


WrittenOutliers: TypeAlias = Annotated[OutliersSection, BeforeValidator(_outliers)]
