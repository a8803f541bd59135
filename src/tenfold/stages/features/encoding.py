"""Steps that make numbers of categories."""

from __future__ import annotations

from typing import Literal

from tenfold.bundle.transforms.hashing import BUCKETS
from tenfold.bundle.transforms.target_encoding import encoded_names
from tenfold.foundation.errors import InputError
from tenfold.records.features import Step, View
from tenfold.stages.features.candidates import Candidate
from tenfold.stages.features.filling import filled_by_median, scaled
from tenfold.stages.features.ground import Ground

RARE_ROWS = 5
MOST_LISTED = 1_000
"""Levels that are listed where the user asks for a code or a column for each."""

_LISTED = {"codes", "onehot"}


def lists_levels(asked: str | tuple[str, ...] | None) -> bool:
    """Whether an encoding needs the levels by name."""
    return asked in _LISTED


def encoded(found: Candidate, ground: Ground, view: View) -> list[Step]:
    """Return the steps of one category: as the user said, else by its number of levels and the view.

    Raises
    ------
    InputError
        When levels are too many to list.
    """
    asked = ground.encode.get(found.name, "auto")
    if isinstance(asked, tuple):
        return _ordered(found, asked, view)
    if asked == "auto" and view == "native" and found.many_levels:
        # In this order: codes have the column's own name, and what comes after them reads what is called so.
        return [_target(found), _many_codes(found)]
    if asked == "auto":
        asked = "target" if not found.levels else "onehot" if view == "dense" else "codes"
    if asked in _LISTED and not found.levels:
        raise InputError(
            f"'{found.name}' has {found.distinct:,} levels, too many for `{asked}`; "
            f"write `features: {{encode: {{{found.name}: target}}}}`, frequency, count or hash"
        )
    if asked == "codes" and view != "dense":
        return [_codes(found, missing="nan" if view == "native" else "minus_one")]
    if asked in _LISTED:
        # Codes are names: a sum of them means nothing.
        return [_onehot(found)]
    if asked == "target":
        return _in_view(_target(found), encoded_names(found.name, ground.outputs), view)
    if asked == "hash":
        return [_hashed(found)]
    measure: Literal["share", "count"] = "share" if asked == "frequency" else "count"
    return _in_view(_frequency(found, measure), (f"{found.name}__{measure}",), view)


def _in_view(step: Step, made: tuple[str, ...], view: View) -> list[Step]:
    return [step, scaled(made)] if view == "dense" else [step]


def _codes(found: Candidate, *, missing: str) -> Step:
    reason = f"{len(found.levels)} levels as codes; a level that training never saw counts as missing"
    settings: dict[str, object] = {"levels": found.levels, "missing": missing, **_own_fill(found)}
    return Step(kind="codes", columns=(found.name,), settings=settings, reason=reason)


def _many_codes(found: Candidate) -> Step:
    reason = (
        f"{found.distinct:,} levels as codes, for trees that split on sets of levels; the others read their means alone"
    )
    settings: dict[str, object] = {"levels": found.many_levels, "missing": "nan", **_own_fill(found)}
    return Step(kind="codes", columns=(found.name,), settings=settings, reason=reason)


def _onehot(found: Candidate) -> Step:
    reason = f"a column for each of {len(found.levels)} levels; those in fewer than {RARE_ROWS} rows share one"
    settings: dict[str, object] = {"levels": found.levels, "min_count": RARE_ROWS, **_own_fill(found)}
    return Step(kind="onehot", columns=(found.name,), settings=settings, reason=reason)


def _target(found: Candidate) -> Step:
    many = "" if found.levels else ", too many for codes"
    reason = (
        f"{found.distinct:,} levels{many}: each becomes the mean target of its training rows "
        "(without the row's own label), drawn towards the overall mean where rows are few, and the share of rows"
    )
    return Step(kind="target_encoding", columns=(found.name,), settings=_own_fill(found), reason=reason)


def _frequency(found: Candidate, measure: Literal["share", "count"]) -> Step:
    how = "share of the training rows" if measure == "share" else "number of training rows"
    reason = f"{found.distinct:,} levels: each becomes its {how}; 0 for a level that training never saw"
    settings: dict[str, object] = {"measure": measure, **_own_fill(found)}
    return Step(kind="frequency", columns=(found.name,), settings=settings, reason=reason)


def _hashed(found: Candidate) -> Step:
    reason = f"{found.distinct:,} levels hashed into {BUCKETS} columns: none is rare and none is unseen"
    return Step(kind="hash", columns=(found.name,), settings={"buckets": BUCKETS}, reason=reason)


def _ordered(found: Candidate, levels: tuple[str, ...], view: View) -> list[Step]:
    reason = f"its place in the order {' < '.join(levels[:6])}{' < ...' if len(levels) > 6 else ''}"
    settings: dict[str, object] = {"levels": levels, **_own_fill(found)}
    steps = [Step(kind="ordinal", columns=(found.name,), settings=settings, reason=reason)]
    made = (f"{found.name}__order",)
    if view != "native":
        steps.append(filled_by_median(made))
    return [*steps, scaled(made)] if view == "dense" else steps


def _own_fill(found: Candidate) -> dict[str, object]:
    return {"impute": "mode"} if found.impute == "mode" else {}
