"""A pyfunc folder asked by another interpreter, without MLflow: run as a file, with Tenfold from the folder's wheel."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from importlib import import_module
from pathlib import Path

question = json.load(sys.stdin)
folder = Path(question["folder"])
sys.path.insert(0, str(folder / "code"))

# Only what lies in the folder may be found, and it is found by its name once the folder is on the path. The name of
# the function is the one that MLflow calls.
loaded = getattr(import_module("tenfold_pyfunc"), "_load_pyfunc")(str(folder / "data"))  # noqa: B009 - not ours
np, pl = import_module("numpy"), import_module("polars")
written, signature = import_module("tenfold.bundle.model"), import_module("tenfold.bundle.signature")

fields = loaded.model.signature.fields
columns = []
for place, field in enumerate(fields):
    values = [row[place] for row in question["rows"]]
    if field.kind == "datetime":
        values = [None if value is None else datetime.fromisoformat(value) for value in values]
    elif field.kind == "numeric":
        values = [None if value is None else float(value) for value in values]
    columns.append(pl.Series(field.name, values, dtype=signature.canonical_type(field.kind)))
with np.errstate(all="ignore"):
    found = loaded.predict(pl.DataFrame(columns))
names = [f"{written.PROBABILITY}{name}" for name in loaded.model.classes] or [written.PREDICTION]
decisions = found[written.PREDICTION].to_list() if loaded.model.classes else None
json.dump({"scores": found.select(names).to_numpy().tolist(), "decisions": decisions}, sys.stdout)
