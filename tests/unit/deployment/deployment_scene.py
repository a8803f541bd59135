"""A project whose versions are the smallest models there are, each with a threshold and shares of its own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from tenfold.bundle.format import Packed, pack_bundle
from tenfold.bundle.member import Member
from tenfold.bundle.model import Model
from tenfold.bundle.predictors.constant import ConstantPredictor
from tenfold.bundle.signature import Signature
from tenfold.bundle.view import fit_view
from tenfold.foundation.clock import Clock
from tenfold.project.open import Project, open_project
from tenfold.records.dataset import Field
from tenfold.records.evidence import Verdict, VerdictName
from tenfold.records.features import Step
from tenfold.records.problem import MetricChoice, Problem

FILE = """
name: late
problem:
  target: y
  requirements: {requirements}
data: {{path: t.csv, timezone: Europe/Vienna}}
deployment: {{endpoint: gate}}
"""
THREE = (
    "[{id: ranks, that: roc_auc >= 0.6}, {id: small, that: size_mb <= 5}, {id: nice, that: f1 >= 0.5, level: should}]"
)
_TEXTS = {"ranks": "roc_auc >= 0.6", "small": "size_mb <= 5", "nice": "f1 >= 0.5"}


def opened(folder: Path, *, requirements: str = "[]", clock: Clock | None = None) -> Project:
    """Open the project in ``folder``, which is written first."""
    folder.mkdir(exist_ok=True)
    (folder / "tenfold.yaml").write_text(FILE.format(requirements=requirements), encoding="utf-8")
    return open_project(folder, environ={}, clock=clock)


def model_of(number: int) -> Model:
    """Return a model of two classes that answers the same for every row."""
    step = Step(kind="passthrough", columns=("x",))
    rows = pl.DataFrame({"x": [1.0, 2.0]})
    view, _ = fit_view([step], rows, None, np.random.default_rng(0))
    predictor = ConstantPredictor(values=(1 - number / 1000, number / 1000))
    problem = Problem(
        name="late", task="binary", target="y", classes=("no", "yes"), metric=MetricChoice(metric="roc_auc", reason="")
    )
    member = Member(key="same", weight=1.0, view_name="native", view=view, predictor=predictor)
    return Model.assembled([member], problem=problem, signature=Signature(fields=(Field(name="x", kind="numeric"),)))


@cache
def packed_model(number: int) -> Packed:
    """Return the model as a bundle."""
    return pack_bundle(model_of(number), pl.DataFrame({"x": [1.0, None]}))


def registered(project: Project, number: int, verdicts: Mapping[str, VerdictName] | None = None) -> str:
    """Register a version and say how it was judged; return its reference."""
    packed = packed_model(number)
    version = project.store.registry.register(
        "late",
        bundle=packed.name,
        blob=project.store.blobs.put(packed.zipped()),
        run="r1",
        facts={"threshold": number / 100},
    )
    found = tuple(_verdict(name, word) for name, word in (verdicts or {}).items())
    if found:
        project.store.evidence.append(found, subject=packed.name, run="r1", inputs={})
    return version.ref


def _verdict(name: str, word: VerdictName) -> Verdict:
    return Verdict(
        requirement=name,
        verdict=word,
        place="test",
        level="must",
        metric="roc_auc",
        direction=">=",
        text=_TEXTS[name],
    )
