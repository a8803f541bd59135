"""Loads LightGBM's library: a process that is closed afterwards can look for none.

Only ever imported by a child of `tenfold.bundle.confined`, before it gets the bytes.
"""

from __future__ import annotations

from tenfold.bundle.predictors.lightgbm_library import load_library

load_library()
