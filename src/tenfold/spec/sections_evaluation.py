"""The section ``evaluation``: what is measured of the model, and what it says beside its predictions."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tenfold.spec.section import Section, Text


class EvaluationSection(Section):
    """What is measured beside the main metric and the requirements.

    ``calibration`` mends probabilities where that helps out of fold. ``intervals`` is the share of rows whose truth the
    interval, or the set of classes, given with a prediction is to hold.
    """

    metrics: tuple[Text, ...] = ()
    robustness: bool = True
    weak_slices: bool = True
    calibration: Literal["auto", "off"] = "auto"
    intervals: float | None = Field(default=None, ge=0.5, le=0.99)
