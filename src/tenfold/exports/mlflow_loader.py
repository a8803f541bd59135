"""Opens a Tenfold bundle for ``mlflow.pyfunc.load_model``; laid beside the model as ``code/tenfold_pyfunc.py``.

Where Tenfold is not installed it is imported from the wheel beside the bundle. Nothing of the model is code: the bundle
is held against its name and, where keys lie beside this file, against its signature, and what it gives its own probe
rows against what they got when it was written.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any


class TenfoldModel:
    """What pyfunc wraps; ``unwrap_python_model`` does not apply, `model` is Tenfold's own."""

    def __init__(self, model: Any):
        self.model = model

    def predict(self, model_input: Any, params: Any = None) -> Any:
        """Return one row for each: ``prediction`` and, for classes, ``proba_<class>``.

        A pandas table gets one, with its index; any other input gets a polars table.
        """
        found = self.model.predict(model_input)
        if not type(model_input).__module__.startswith("pandas"):
            return found
        columns = {name: found[name].to_list() for name in found.columns}
        return type(model_input)(columns, index=model_input.index)


def _load_pyfunc(path: str) -> TenfoldModel:
    folder = Path(path)
    if importlib.util.find_spec("tenfold") is None:
        sys.path.append(str(next(folder.glob("*.whl"))))
    from tenfold.bundle.format import load_bundle, verify_probe
    from tenfold.bundle.signing import Trust, guard, public_key

    # The keys lie beside this loader, not beside what they vouch for.
    keys = folder.parent / "code" / "trusted"
    if keys.is_dir():
        trusted = tuple(public_key(path) for path in sorted(keys.glob("*.pem")))
        guard(folder, Trust(keys=trusted, said_by=f"'{keys}'"))
    named = json.loads((folder / "named.json").read_text(encoding="utf-8"))
    model = load_bundle(folder / "bundle.zip", name=named["bundle"])
    verify_probe(model)
    return TenfoldModel(model)
