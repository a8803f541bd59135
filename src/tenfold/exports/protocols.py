"""What an export is: a version written as something that predicts elsewhere, and a way to ask what was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tenfold.bundle.canonical import Value
from tenfold.bundle.matrix import Floats
from tenfold.bundle.model import Model
from tenfold.bundle.signing import PublicKey, Signature
from tenfold.foundation.errors import CheckFailed
from tenfold.records.release import FieldPolicy

Rows = Sequence[tuple[Value, ...]]
"""Canonical values in the order of the signature: None is missing, and whole numbers may stand for floats."""


class Refused(CheckFailed):
    """The version is not exported so; the message is the reason, and what else could be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The version that is exported.

    Attributes
    ----------
    model : Model
    ref : str
        ``name@version``, or the model's name where it comes from a bundle that no registry knows.
    bundle : str
        The bundle's name, the hash of its manifest.
    place : Path
        Where the bundle lies: a folder, or a zip.
    evidence : tuple of mappings
        What was judged of this bundle, as JSON-ready values.
    options : mapping
        What the caller set for this kind, by the names of `Export.options`.
    endpoint : str
        The name that the project's file serves it under; empty where no project says.
    fields : mapping from column to FieldPolicy
        What that endpoint does with values that are not what a column should hold.
    trusted : tuple of PublicKey
        The keys of which one must have signed the bundle where it is loaded; none where any bundle counts.
    signature : Signature or None
        The bundle's own.
    """

    model: Model
    ref: str
    bundle: str
    place: Path
    evidence: tuple[Mapping[str, Any], ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    endpoint: str = ""
    fields: Mapping[str, FieldPolicy] = field(default_factory=dict)
    trusted: tuple[PublicKey, ...] = ()
    signature: Signature | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """What an export said of rows.

    Attributes
    ----------
    scores : ndarray of shape (n_rows, outputs)
        As `Model.scores` gives them.
    decisions : tuple of str, or None
        The decided classes, where the export decides itself.
    """

    scores: Floats
    decisions: tuple[str, ...] | None = None


class Export(Protocol):
    """One kind of export. Options are data: ``options`` says of each name what it does."""

    @property
    def kind(self) -> str:
        """Its name in the table of exports."""
        ...

    @property
    def tolerance(self) -> float:
        """How far a score may be from the model's, relative to its size where that is above one."""
        ...

    @property
    def options(self) -> Mapping[str, str]:
        """What each option is for."""
        ...

    def files(self, subject: Subject) -> Mapping[str, bytes]:
        """Return what is written, by relative path. ``proof.json`` and ``evidence.json`` come on top.

        Raises
        ------
        Refused
            When the model holds something that this kind has no words for.
        InputError
            When an option is wrong.
        """
        ...

    def answers(self, folder: Path, subject: Subject, rows: Rows) -> Answers:
        """Return what the files in ``folder`` say of rows, run as they will be run where they go.

        Raises
        ------
        Refused
            When they cannot be run, or fail on a row.
        """
        ...
