"""Steps that make further columns of those there are: words of texts, bins, curves, components, pairs."""

from __future__ import annotations

from collections.abc import Sequence

from tenfold.bundle.transforms.interactions import interaction_names
from tenfold.bundle.transforms.text_topics import topic_names
from tenfold.records.features import Step
from tenfold.stages.features.candidates import Candidate
from tenfold.stages.features.filling import filled_by_median, scaled
from tenfold.stages.features.ground import Ground

_KNOTS_NEEDED = 3


def sized(texts: Sequence[Candidate]) -> list[Step]:
    """Return the steps that measure how long texts are."""
    reason = "the length of the text in characters and in words"
    return [Step(kind="text_size", columns=(found.name,), reason=reason) for found in texts]


def topics(ground: Ground) -> list[Step]:
    """Return the steps that read the words of texts."""
    steps = []
    for name, asked in ground.texts.items():
        settings: dict[str, object] = {"method": asked.method, "components": asked.components}
        if asked.terms is not None:
            settings["terms"] = asked.terms
        words = "its words, hashed," if asked.method == "hashing" else "its words, weighted by how rare they are,"
        reason = f"{words} reduced to {asked.components} axes of the training texts"
        steps.append(Step(kind="text_topics", columns=(name,), settings=settings, reason=reason))
    return steps


def binned(ground: Ground) -> list[Step]:
    """Return the steps that cut numbers into bins."""
    return [
        Step(
            kind="bins",
            columns=(name,),
            settings={"count": count},
            reason=f"cut into {count} bins of equally many training rows",
        )
        for name, count in ground.bins.items()
    ]


def curved(ground: Ground) -> list[Step]:
    """Return the steps that let a linear model bend with a number."""
    return [
        Step(
            kind="spline",
            columns=(name,),
            settings={"knots": knots},
            reason=f"a cubic curve of {knots} knots, linear beyond the outer ones",
        )
        for name, knots in ground.splines.items()
    ]


def components(ground: Ground) -> list[Step]:
    """Return the step that adds the directions in which numbers differ most."""
    names = ground.numeric_names
    if not ground.pca or len(names) < 2:
        return []
    count = min(ground.pca, len(names))
    reason = f"{count} principal components of {len(names)} numbers"
    return [Step(kind="pca", columns=names, settings={"components": count, "name": "pca"}, reason=reason)]


def paired(ground: Ground) -> list[Step]:
    """Return the step that combines pairs of columns; training rows choose among them in each fold."""
    if not ground.pairs:
        return []
    settings: dict[str, object] = {
        "pairs": tuple((pair.operation, pair.first, pair.second) for pair in ground.pairs),
        "most": ground.most,
        "outputs": ground.outputs,
    }
    reason = (
        f"pairs of columns that tell more together than each alone: at most {ground.most} in a fold, chosen by its "
        "training rows; the others are constant there"
    )
    return [Step(kind="interactions", columns=ground.pair_columns, settings=settings, reason=reason)]


def with_filling(steps: Sequence[Step], *, scale: bool = False) -> list[Step]:
    """Return steps, each followed by one that fills what it leaves missing, and one that scales it."""
    result: list[Step] = []
    for step in steps:
        result += [step, filled_by_median(made_by(step))]
        if scale:
            result.append(scaled(made_by(step)))
    return result


def made_by(step: Step) -> tuple[str, ...]:
    """Return the columns that a step of dates, texts, bins, curves, components or pairs makes."""
    settings = step.settings
    if step.kind == "interactions":
        return interaction_names(step)
    if step.kind == "pca":
        return tuple(f"{settings['name']}__{place}" for place in range(int(str(settings["components"]))))
    (column,) = step.columns
    if step.kind == "text_topics":
        return topic_names(column, int(str(settings["components"])))
    if step.kind == "bins":
        return tuple(f"{column}__bin{place}" for place in range(int(str(settings["count"]))))
    if step.kind == "spline":
        return tuple(f"{column}__spline{place}" for place in range(int(str(settings["knots"])) - _KNOTS_NEEDED + 1))
    parts = {
        "text_size": ("characters", "words"),
        "holidays": ("holiday", "to_holiday", "since_holiday"),
    }.get(step.kind)
    return tuple(f"{column}__{part}" for part in parts or settings["parts"])  # type: ignore[attr-defined]  # a tuple
