"""A bundle asked by another interpreter: reads a question as JSON on its input, writes the answer to its output.

Run as ``python -m tenfold.exports.asked``. It imports what a gateway has, and nothing more.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from tenfold.bundle.canonical import Value
from tenfold.bundle.format import load_bundle, verify_probe
from tenfold.bundle.plan.plan import Plan
from tenfold.measures.threshold import decide
from tenfold.records.dataset import Field


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a bundle says of rows by the plan that a gateway serves, in ``scores`` and ``decisions``.

    Parameters
    ----------
    question : mapping
        ``bundle`` (its path), ``name`` (its hash) and ``rows``, as `written_rows` gives them.
    """
    model = load_bundle(Path(question["bundle"]), name=question["name"])
    verify_probe(model)
    rows = _read_rows(model.signature.fields, question["rows"])
    with np.errstate(all="ignore"):
        scores = Plan.of(model).scores(list(zip(*rows, strict=True)), len(rows))
    decided = None
    if model.task != "regression":
        decided = [model.classes[code] for code in decide(scores, model.threshold, model.value).tolist()]
    return {"scores": scores.tolist(), "decisions": decided}


def written_rows(rows: Sequence[tuple[Value, ...]]) -> list[list[Any]]:
    """Return canonical rows as JSON holds them: whole numbers stay whole, moments are ISO 8601."""
    return [[value.isoformat() if isinstance(value, datetime) else value for value in row] for row in rows]


def _read_rows(fields: Sequence[Field], rows: Sequence[Sequence[Any]]) -> list[tuple[Value, ...]]:
    times = {place for place, field in enumerate(fields) if field.kind == "datetime"}
    return [
        tuple(
            datetime.fromisoformat(value) if place in times and value is not None else value
            for place, value in enumerate(row)
        )
        for row in rows
    ]


if __name__ == "__main__":
    json.dump(answer(json.load(sys.stdin)), sys.stdout)
