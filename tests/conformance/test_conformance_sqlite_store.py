from __future__ import annotations

from pathlib import Path

from tenfold.foundation.clock import Clock
from tenfold.store.open import Store, open_store
from tenfold.testing.store_case import StoreCase


class TestSqliteStore(StoreCase):
    def open(self, folder: Path, clock: Clock | None = None) -> Store:
        return open_store(folder, clock=clock)
