"""What the views are planned on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from tenfold.bundle.transforms.interaction_choice import Pair
from tenfold.records.dataset import Kind
from tenfold.records.features import Step
from tenfold.stages.features.candidates import Candidate
from tenfold.stages.features.date_parts import DateParts
from tenfold.stages.features.options import TextOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The columns, what is made of each kind, and the outputs of the target.

    Attributes
    ----------
    dates : mapping from column to DateParts
    holidays : tuple of Step
        One for each time that is held against a calendar.
    encode : mapping from column to str or tuple
        What the user said of categories.
    bins, splines : mapping from column to int
    pca : int
        Principal components of the numbers.
    texts : mapping from column to TextOptions
        Those whose words are read.
    pairs : tuple of Pair
        Interactions that some fold chose; ``most`` of them in each.
    pair_columns : tuple of str
        The columns whose own effects are taken off before pairs are judged.
    last_known : mapping from column to column
        For numbers filled forward in time, where their last known value stands.
    """

    candidates: tuple[Candidate, ...]
    dates: Mapping[str, DateParts]
    outputs: int
    holidays: tuple[Step, ...] = ()
    encode: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    bins: Mapping[str, int] = field(default_factory=dict)
    splines: Mapping[str, int] = field(default_factory=dict)
    pca: int = 0
    texts: Mapping[str, TextOptions] = field(default_factory=dict)
    pairs: tuple[Pair, ...] = ()
    pair_columns: tuple[str, ...] = ()
    most: int = 0
    last_known: Mapping[str, str] = field(default_factory=dict)

    def of(self, kind: Kind) -> list[Candidate]:
        """Return the columns of a kind."""
        return [found for found in self.candidates if found.kind == kind]

    def without(self, names: Collection[str]) -> Ground:
        """Return the ground without some columns and what is made of them."""
        out = set(names)
        return replace(
            self,
            candidates=tuple(found for found in self.candidates if found.name not in out),
            dates={name: parts for name, parts in self.dates.items() if name not in out},
            holidays=tuple(step for step in self.holidays if step.columns[0] not in out),
            bins={name: count for name, count in self.bins.items() if name not in out},
            splines={name: knots for name, knots in self.splines.items() if name not in out},
            texts={name: asked for name, asked in self.texts.items() if name not in out},
        )

    @property
    def numeric_names(self) -> tuple[str, ...]:
        """The names of the numbers."""
        return tuple(found.name for found in self.of("numeric"))
