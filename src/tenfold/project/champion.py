"""The model in use, for those who are to be compared with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenfold.engine.stage import External
from tenfold.store.open import Store
from tenfold.store.rows import Version

if TYPE_CHECKING:
    from tenfold.stages.evaluation.champion import Champion

CHAMPION = "champion"
NOBODY = "nobody"
"""The fingerprint of a place that nobody holds."""


def champion_version(store: Store, name: str) -> Version | None:
    """Return the version of ``name`` that is champion; None when there is none."""
    return store.registry.find(f"{name}@{CHAMPION}") if CHAMPION in store.aliases.current(name) else None


def champion_external(store: Store, name: str) -> External:
    """Return the champion as the stages need it, named by its bundle, and loaded only when a stage asks."""
    version = champion_version(store, name)
    if version is None:
        return External.of(NOBODY, None)
    return External(fingerprint=version.bundle, load=lambda: _load(store, version))


def _load(store: Store, version: Version) -> Champion:
    from tenfold.bundle.format import load_bundle
    from tenfold.stages.evaluation.champion import Champion

    path = store.blobs.path(version.blob)
    model = load_bundle(path, name=version.bundle)
    return Champion(name=version.ref, model=model, bundle=version.bundle, size_bytes=path.stat().st_size)
