"""A model from elsewhere is proven as an import does it, on fewer rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl

from tenfold.bundle.foreign import Foreign, view_for
from tenfold.bundle.foreign_proof import ForeignProof, prove_foreign
from tenfold.bundle.model import Model, Part, Probe
from tenfold.bundle.signature import Signature
from tenfold.exports.hard_rows import hard_rows
from tenfold.exports.proof import model_scores
from tenfold.records.dataset import Field
from tenfold.records.problem import Task


def proven(
    foreign: Foreign, frame: pd.DataFrame, task: Task, classes: tuple[str, ...], order: tuple[int, ...] = ()
) -> ForeignProof:
    """Hold a model against its original on 1,500 hard rows made of ``frame``."""
    order = order or tuple(range(len(classes)))
    inputs = foreign.inputs
    fields = tuple(
        Field(name=name, kind="categorical", levels=inputs.levels[at])
        if at in inputs.levels
        else Field(name=name, kind="categorical" if at in inputs.words else "numeric")
        for at, name in enumerate(inputs.names)
    )
    signature = Signature(fields=fields)
    part = Part(key="k", view="v", weight=1.0, predictor=foreign.predictor(task, order))
    model = Model(
        name="m", task=task, target="y", classes=classes, signature=signature,
        views={"v": view_for(inputs, signature)}, parts=(part,),
    )  # fmt: skip
    known = signature.conform(pl.from_pandas(frame))
    scores = np.zeros((known.height, model.outputs))
    hard = hard_rows(replace(model, probe=Probe(rows=known, scores=scores)), count=1500)
    return prove_foreign(
        foreign, fields=fields, rows=hard.rows, why=hard.why, scores=model_scores(model, hard), order=order, what="it"
    )
