"""A version to deploy: trees and a line over columns of every kind, and what opens it elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.unit.bundle.bundle_scene import model, table

from tenfold.bundle.format import load_bundle, write_bundle
from tenfold.exports.protocols import Subject


def subject(folder: Path, **options: str) -> Subject:
    """Return version 3 of a model whose project serves it as ``Stays_1`` and refuses words that were never seen."""
    place = folder / "bundle.zip"
    name = write_bundle(model(), table().head(30), place)
    return replace(
        Subject(model=load_bundle(place), ref="stays@3", bundle=name, place=place), options=options, endpoint="Stays_1"
    )
