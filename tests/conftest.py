"""How properties are searched: the same examples every time, and no clock decides whether a test passes."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("tenfold", deadline=None, derandomize=True)
settings.load_profile("tenfold")
