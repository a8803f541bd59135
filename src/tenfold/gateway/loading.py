"""From a manifest to a version that may answer: loaded, held against its hash, proved on its own rows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from tenfold.bundle.format import load_bundle, verify_probe
from tenfold.bundle.model import Model
from tenfold.foundation.errors import StoreError
from tenfold.gateway.version import Version
from tenfold.records.evaluation import Threshold
from tenfold.records.release import Endpoint, FieldPolicy, Route
from tenfold.store.endpoints import shadow_of

_KEPT = 4
Refusing = Callable[[Route, str], None]


class Loader:
    """Loads versions, and keeps the last few models so that going back is immediate.

    Parameters
    ----------
    folder : Path
        The store's.
    """

    def __init__(self, folder: Path):
        self._folder = folder.resolve()
        self._models: OrderedDict[str, Model] = OrderedDict()

    def load(self, endpoint: Endpoint) -> Version:
        """Return the champion of an endpoint's manifest, ready to answer.

        Raises
        ------
        StoreError
            When the bundle is missing, damaged or another one, or computes other scores here than where it was built.
        """
        champions = [route for route in endpoint.routes if route.role == "champion"]
        if len(champions) != 1:
            raise StoreError(
                f"the endpoint '{endpoint.name}' has {len(champions)} champions among its {len(endpoint.routes)} "
                "routes; it needs exactly one"
            )
        return self.version(endpoint.name, champions[0], endpoint.fields)

    def beside(self, endpoint: Endpoint, champion: Version, refused: Refusing) -> list[tuple[Route, Version]]:
        """Return the candidates and shadows that can answer; ``refused`` hears of every other, and why."""
        found = []
        for route in endpoint.routes:
            if route.role == "champion":
                continue
            try:
                version = self.version(endpoint.name, route, endpoint.fields)
            except Exception as error:  # noqa: BLE001 - whatever a bundle does when it is loaded, the champion goes on
                refused(route, str(error) or type(error).__name__)
                continue
            if (version.model.task, version.model.classes) != (champion.model.task, champion.model.classes):
                refused(route, f"it answers another question than {champion.ref}")
                continue
            found.append((route, version))
        return found

    def version(self, name: str, route: Route, fields: Mapping[str, FieldPolicy] | None = None) -> Version:
        """Return the version of one route, as the endpoint ``name`` serves it with its policies for ``fields``.

        Raises
        ------
        StoreError
            As in `load`.
        """
        model = self._model(route)
        if route.threshold is not None and len(model.classes) == 2:
            model = replace(model, threshold=Threshold(value=route.threshold, reason="as it was released"))
        logged = shadow_of(name) if route.role == "shadow" else name
        return Version.of(model, endpoint=logged, ref=route.ref, bundle=route.bundle, policies=fields)

    def _model(self, route: Route) -> Model:
        if route.bundle in self._models:
            self._models.move_to_end(route.bundle)
            return self._models[route.bundle]
        path = (self._folder / route.path).resolve()
        if self._folder not in path.parents:
            raise StoreError(f"the bundle of '{route.ref}' is not inside of the store")
        model = load_bundle(path, verify=True, name=route.bundle)
        verify_probe(model)
        self._models[route.bundle] = model
        while len(self._models) > _KEPT:
            self._models.popitem(last=False)
        return model
