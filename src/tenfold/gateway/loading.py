"""From a manifest to a version that may answer: loaded, held against its hash, proved on its own rows."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

from tenfold.bundle.format import load_bundle, verify_probe
from tenfold.bundle.model import Model
from tenfold.foundation.errors import StoreError
from tenfold.gateway.version import Version
from tenfold.records.evaluation import Threshold
from tenfold.records.release import Endpoint, Route

_KEPT = 4


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
        """Return what an endpoint's manifest says it serves, ready to answer.

        Raises
        ------
        StoreError
            When the bundle is missing, damaged or another one, or computes other scores here than where it was built.
        """
        if len(endpoint.routes) != 1:
            raise StoreError(
                f"the endpoint '{endpoint.name}' has {len(endpoint.routes)} routes; "
                "where one version gets all traffic it has exactly one"
            )
        route = endpoint.routes[0]
        model = self._model(route)
        if route.threshold is not None and len(model.classes) == 2:
            model = replace(model, threshold=Threshold(value=route.threshold, reason="as it was released"))
        return Version.of(model, endpoint=endpoint.name, ref=route.ref, bundle=route.bundle)

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
