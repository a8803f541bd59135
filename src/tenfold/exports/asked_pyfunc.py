"""A pyfunc folder asked by another interpreter, without MLflow: run as a file, with Tenfold from the folder's wheel."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path

question = json.load(sys.stdin)
folder = Path(question["folder"])
sys.path.insert(0, str(folder / "code"))

import tenfold_pyfunc  # type: ignore[import-not-found]  # noqa: E402 - it lies in the folder

loaded = tenfold_pyfunc._load_pyfunc(str(folder / "data"))  # noqa: SLF001 - the name that MLflow calls

import numpy as np  # noqa: E402 - after the folder's own packages are found
import polars as pl  # noqa: E402

from tenfold.bundle.model import PREDICTION, PROBABILITY  # noqa: E402
from tenfold.bundle.signature import canonical_type  # noqa: E402

fields = loaded.model.signature.fields
columns = []
for place, field in enumerate(fields):
    values = [row[place] for row in question["rows"]]
    if field.kind == "datetime":
        values = [None if value is None else datetime.fromisoformat(value) for value in values]
    elif field.kind == "numeric":
        values = [None if value is None else float(value) for value in values]
    columns.append(pl.Series(field.name, values, dtype=canonical_type(field.kind)))
with np.errstate(all="ignore"):
    found = loaded.predict(pl.DataFrame(columns))
names = [f"{PROBABILITY}{name}" for name in loaded.model.classes] or [PREDICTION]
decisions = found[PREDICTION].to_list() if loaded.model.classes else None
json.dump({"scores": found.select(names).to_numpy().tolist(), "decisions": decisions}, sys.stdout)
