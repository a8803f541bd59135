"""A pipeline of scikit-learn that skops wrote: its preprocessing as steps of ours, its model as a predictor of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tenfold.bundle.foreign import Inputs, Original
from tenfold.bundle.foreign_skops_columns import Columns
from tenfold.bundle.foreign_skops_file import Thing, open_skops
from tenfold.bundle.foreign_skops_models import Lowered, lowered
from tenfold.bundle.predictors.protocols import Predictor
from tenfold.foundation.errors import InputError
from tenfold.records.problem import Task

TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignSkops:
    """A pipeline, lowered."""

    model: Lowered
    inputs: Inputs
    original: Original
    classes: tuple[str, ...]
    findings: tuple[str, ...]
    kind: str = "skops"

    def predictor(self, task: Task, order: Sequence[int]) -> Predictor:
        """Return the model as a predictor; see `tenfold.bundle.foreign.Foreign`."""
        own = self.model.task
        if task != own:
            raise InputError(f"the model was trained for a {own} task, and the project's is {task}")
        if task == "regression":
            return self.model.make(())
        if sorted(order) != list(range(len(self.classes))):
            raise InputError(f"the model tells {len(self.classes)} classes apart, and the project has {len(order)}")
        return self.model.make(tuple(order))


def read_skops(content: bytes, what: str) -> ForeignSkops:
    """Return the pipeline in the bytes of a skops file.

    It is read as a tree of values: nothing of it is built, imported or called.

    Raises
    ------
    InputError
        When it holds a type that is not on our list, or cannot be carried over.
    """
    file = open_skops(content, what)
    found = file.read(file.root)
    if not isinstance(found, Thing):
        raise InputError(f"{what} holds no model")
    try:
        *before, last = _steps(found)
        names, count = _read_columns(before[0] if before else last)
        columns = Columns.of(count)
        for step in before:
            columns.through(step, names)
        prepared = columns.prepared(fills=not _reads_missing(last))
        model = lowered(last, prepared)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(f"{what} lacks what it needs ({type(error).__name__}: {error})") from error
    return ForeignSkops(
        model=model,
        inputs=Inputs(
            names=names,
            count=count,
            steps=prepared.steps,
            words=prepared.words,
            numbers_as_words=prepared.numbers_as_words,
        ),
        classes=_classes(last) if model.task != "regression" else (),
        findings=prepared.findings,
        original=Original(
            content=content,
            scorer="skops_scores",
            preload=(
                "skops.io",
                "pandas",
                "tenfold.bundle.foreign_skops_ready",
                *sorted({name.rpartition(".")[0] for name in file.types if "sklearn" in name}),
            ),
            extra="skops",
            tolerance=TOLERANCE,
            facts={"probabilities": model.task != "regression", "named": bool(names)},
        ),
    )


def _reads_missing(last: Thing) -> bool:
    """Whether a model reads missing numbers: sums cannot, most trees can."""
    return any(word in last.name for word in ("Tree", "Forest", "HistGradient"))


def _steps(found: Thing) -> list[Thing]:
    """Return the steps of a pipeline, those of pipelines inside it too; the last is the model."""
    if found.name != "Pipeline":
        return [found]
    result: list[Thing] = []
    for _, step in found["steps"]:
        if isinstance(step, Thing):
            result += _steps(step)
        elif step not in (None, "passthrough"):
            raise InputError(f"the pipeline has a step {step!r}")
    if not result:
        raise InputError("the pipeline is empty")
    return result


def _read_columns(first: Thing) -> tuple[tuple[str, ...], int]:
    """Return the names of the columns that the pipeline reads, where it knows them, and how many there are."""
    named = first.get("feature_names_in_")
    names = () if named is None else tuple(str(name) for name in np.asarray(named).ravel().tolist())
    count = int(first["n_features_in_"])
    if names and len(names) != count:
        raise InputError(f"the pipeline reads {count} columns and names {len(names)}")
    return names, count


def _classes(last: Thing) -> tuple[str, ...]:
    """Return the names of the classes as the project's table writes them."""
    return tuple(
        str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        for value in np.asarray(last["classes_"]).tolist()
    )
