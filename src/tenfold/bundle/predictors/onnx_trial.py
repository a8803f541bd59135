"""A model in the ONNX format tries itself out in a closed process before its runtime meets it in this one.

The runtime's parser and kernels are native code that trusts what it reads: bytes that pass `check_onnx` may still crash
it, or keep it busy. A model that survives one row there is opened here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

import numpy as np

from tenfold.bundle.confined import Parsed, confined
from tenfold.bundle.predictors.onnx import Layout, ask, open_session
from tenfold.foundation.errors import InputError, StoreError
from tenfold.foundation.fingerprint import hash_bytes
from tenfold.foundation.serial import canonical_json

_TRIED: set[str] = set()
"""What answered already, by its hash."""


def try_onnx(content: bytes, layout: Layout) -> None:
    """Refuse a model that does not answer a row of zeros in a closed process; each model is tried once.

    Without onnxruntime nothing is tried: nothing could be run either.

    Raises
    ------
    StoreError
        When it fails, crashes, or takes more than the limits.
    """
    known = hash_bytes(canonical_json(layout) + content)
    if known in _TRIED or find_spec("onnxruntime") is None:
        return
    facts = asdict(layout)
    try:
        confined(answer_zeros, content, what="'model.onnx'", facts=facts, preload=("onnxruntime",), extra="onnx")
    except InputError as error:
        raise StoreError(str(error)) from error
    _TRIED.add(known)


def answer_zeros(content: bytes, facts: Mapping[str, Any]) -> Parsed:
    """Ask a model for a row of zeros; what it says does not matter, and whole numbers may have no answer."""
    # Put together by hand: what reads records from JSON imports more when it is first used, and nothing can be by now.
    layout = Layout(
        inputs=tuple((name, kind) for name, kind in facts["inputs"]),
        columns=facts["columns"],
        output=facts["output"],
        scores=facts["scores"],
        order=tuple(facts["order"]),
    )
    found = ask(open_session(content), layout, np.zeros((1, layout.columns)))
    if len(found) != layout.scores:
        raise StoreError(f"the ONNX model gives {len(found)} numbers for a row, and says {layout.scores}")
    return Parsed(facts={"scores": len(found)})
