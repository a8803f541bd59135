"""Tenfold: a machine-learning model's whole life, judged by the same requirements at every stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tenfold.bundle.model import Model
    from tenfold.estimators import Classifier, Regressor
    from tenfold.project.open import Project
    from tenfold.project.open import open_project as open  # noqa: A004 - the name people expect: tenfold.open
    from tenfold.project.score import load

__all__ = ["Classifier", "Model", "Project", "Regressor", "load", "open"]

_HOMES = {
    "Classifier": ("tenfold.estimators", "Classifier"),
    "Model": ("tenfold.bundle.model", "Model"),
    "Project": ("tenfold.project.open", "Project"),
    "Regressor": ("tenfold.estimators", "Regressor"),
    "load": ("tenfold.project.score", "load"),
    "open": ("tenfold.project.open", "open_project"),
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: the command line's help must not wait for it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'tenfold' has no attribute '{name}'")
    import importlib

    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(module), attribute)
