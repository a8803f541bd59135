"""Which columns an aggregation makes, and what they are called: decided by what was declared and by kinds alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.records.dataset import Kind

SHARE_OF = "share of "
_OF_KIND: Mapping[Kind, tuple[str, ...]] = {
    "numeric": ("count", "sum", "mean", "min", "max", "std", "median", "first", "last", "nunique", "mode"),
    "categorical": ("count", "nunique", "mode", "share", "first", "last"),
    "boolean": ("count", "nunique", "mode", "share", "first", "last"),
    "datetime": ("count", "nunique", "min", "max", "first", "last"),
    "text": ("count", "nunique", "first", "last"),
}
# What is made of a column where nothing is said of it.
_UNASKED: Mapping[Kind, tuple[str, ...]] = {
    "numeric": ("mean", "sum", "max", "min", "std"),
    "categorical": ("nunique", "mode"),
    "boolean": ("share",),
    "datetime": (),
    "text": (),
}
_OWN_KIND = frozenset({"min", "max", "first", "last", "mode"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How far back rows count: ``seconds`` before the moment (and the gap), or None, however long ago."""

    name: str
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """What is computed over the rows of a source that belong to a row and were known before its moment.

    Attributes
    ----------
    columns : mapping of str to tuple of str, or None
        Functions by column, ``share of LEVEL`` among them; None is what is usual for the kind of every column.
    rows : tuple of str
        Of the rows themselves: ``count``, and the seconds ``since_first`` and ``since_last``.
    windows : tuple of Window
        How far back, each with all functions.
    gap_seconds : float
        Rows that happened later than so long before the moment do not count.
    id : str or None
        The column that names what a row tells of: of rows with the same, the one that became known last counts.
    most : int
        How many columns may come of this.
    """

    columns: Mapping[str, tuple[str, ...]] | None = None
    rows: tuple[str, ...] = ("count",)
    windows: tuple[Window, ...] = (Window(name="all", seconds=None),)
    gap_seconds: float = 0.0
    id: str | None = None
    most: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One column that is made: ``column`` None speaks of whole rows; ``level`` only of a share."""

    name: str
    column: str | None
    function: str
    window: Window
    kind: Kind
    level: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The columns that are made, in order; ``left_out`` names those that nobody asked for and that were too many."""

    features: tuple[Feature, ...]
    left_out: tuple[str, ...] = ()

    def told(self, name: str) -> tuple[str, ...]:
        """Return what a person should know of a plan."""
        if not self.left_out:
            return ()
        shown = ", ".join(self.left_out[:5]) + (", …" if len(self.left_out) > 5 else "")
        note = (
            f"'{name}' makes {len(self.features)} columns and leaves out {len(self.left_out)} ({shown});"
            f" name what you want under data.join.sources.{name}.aggregate.columns, or raise `most`"
        )
        return (note,)


def plan_features(name: str, asked: Aggregate, kinds: Mapping[str, Kind]) -> Plan:
    """Return the columns that an aggregation makes.

    They depend on the file and the columns' kinds, never on values: the same declaration makes the same columns
    of whatever rows are there.

    Parameters
    ----------
    name : str
        What the source is called in the join: every name begins with it.
    kinds : mapping from column to Kind
        The columns of the source, those put beside it included, without keys and times.

    Raises
    ------
    DataError
        When a column does not exist, a function does not fit its kind, or there are more columns than ``most``.
    """
    features = [
        Feature(name=f"{name}_{function}_{window.name}", column=None, function=function, window=window, kind="numeric")
        for function in asked.rows
        for window in asked.windows
    ]
    features += _of_columns(name, asked, kinds)
    names = [feature.name for feature in features]
    twice = next((one for at, one in enumerate(names) if one in names[:at]), None)
    if twice is not None:
        raise DataError(f"two columns of '{name}' would be called '{twice}'; rename one at the source")
    if len(features) <= asked.most:
        return Plan(features=tuple(features))
    if asked.columns is not None:
        raise DataError(
            f"'{name}' would make {len(features)} columns, more than {asked.most}; name fewer functions or windows,"
            " or raise `most`"
        )
    return Plan(features=tuple(features[: asked.most]), left_out=tuple(names[asked.most :]))


def _of_columns(name: str, asked: Aggregate, kinds: Mapping[str, Kind]) -> Iterator[Feature]:
    chosen = asked.columns
    if chosen is None:
        # By function first, so that what is left out at the end is the rarer function and not the later column.
        order = dict.fromkeys(function for kind in _UNASKED.values() for function in kind)
        pairs = [
            (column, function) for function in order for column, kind in kinds.items() if function in _UNASKED[kind]
        ]
    else:
        pairs = [(column, function) for column, functions in chosen.items() for function in functions]
    for column, function in pairs:
        if column not in kinds:
            raise DataError(f"source '{name}' has no column '{column}' to aggregate.{did_you_mean(column, kinds)}")
        kind = kinds[column]
        plain, level = ("share", function.removeprefix(SHARE_OF)) if function.startswith(SHARE_OF) else (function, None)
        if plain not in _OF_KIND[kind] or (level is not None and kind != "categorical"):
            raise DataError(
                f"`{function}` does not fit column '{column}' of the source '{name}', which is {kind}"
                f" ({_listed(kind)} do)"
            )
        called = "share" if level is None else f"share_{_slug(level)}"
        for window in asked.windows:
            yield Feature(
                name=f"{name}_{column}_{called if plain == 'share' else plain}_{window.name}",
                column=column,
                function=plain,
                window=window,
                kind=kind if plain in _OWN_KIND else "numeric",
                level=level,
            )


def columns_used(features: Iterable[Feature]) -> tuple[str, ...]:
    """Return the columns that features are made of, each once."""
    return tuple(dict.fromkeys(feature.column for feature in features if feature.column is not None))


def _listed(kind: Kind) -> str:
    share = (SHARE_OF + "LEVEL",) if kind == "categorical" else ()
    return ", ".join((*_OF_KIND[kind], *share))


def _slug(level: str) -> str:
    return re.sub(r"\W+", "_", level).strip("_") or "_"
