"""LightGBM's C library, for prediction alone.

Importing the package ``lightgbm`` brings scikit-learn, scipy and pandas with it, over a second in which nothing is
predicted. The library beside it is loaded on its own here; when the package is imported too, both share it.
"""

from __future__ import annotations

import ctypes
import threading
import weakref
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from tenfold.bundle.matrix import Floats
from tenfold.foundation.errors import StoreError

# Values of LightGBM's c_api.h.
_FLOAT64 = 1
_ROW_MAJOR = 1
_NORMAL = 0
_RAW_SCORE = 1
_ALL_ITERATIONS = -1
_QUIET = "verbosity=-1 num_threads="
_ROWS_FOR_THREADS = 512


@cache
def load_library() -> ctypes.CDLL:
    """Return the library, loaded the first time.

    Raises
    ------
    StoreError
        When LightGBM is not installed.
    """
    spec = find_spec("lightgbm")
    if spec is None or spec.submodule_search_locations is None:
        raise StoreError("the package 'lightgbm' is not installed, so its models cannot predict: pip install lightgbm")
    folders = [Path(place) / part for place in spec.submodule_search_locations for part in ("lib", "bin", ".")]
    names = ("lib_lightgbm.so", "lib_lightgbm.dylib", "lib_lightgbm.dll")
    for path in (folder / name for folder in folders for name in names):
        if path.is_file():
            library = ctypes.CDLL(str(path))
            library.LGBM_GetLastError.restype = ctypes.c_char_p
            return library
    raise StoreError(f"the package 'lightgbm' in {folders[0].parent} has no library lib_lightgbm")


def _checked(status: int) -> None:
    if status != 0:
        message = load_library().LGBM_GetLastError().decode("utf-8", "replace")
        raise StoreError(f"LightGBM refuses the model or the rows: {message}")


def _free(library: ctypes.CDLL, one: ctypes.c_void_p, handle: ctypes.c_void_p) -> None:
    if one.value is not None:
        library.LGBM_FastConfigFree(one)
    if handle.value is not None:
        library.LGBM_BoosterFree(handle)


class TreeLibrary:
    """One model inside the library: raw scores for one row, or for many on several threads.

    Parameters
    ----------
    text : str
        A model in LightGBM's text format, already checked: the library trusts it.
    columns, scores : int
        How many numbers a row has, and how many raw scores it gets.
    """

    def __init__(self, text: str, *, columns: int, scores: int):
        self._columns = columns
        self._scores = scores
        self._handle = ctypes.c_void_p()
        self._one = ctypes.c_void_p()
        library = load_library()
        weakref.finalize(self, _free, library, self._one, self._handle)
        iterations = ctypes.c_int(0)
        _checked(
            library.LGBM_BoosterLoadModelFromString(
                ctypes.c_char_p(text.encode()), ctypes.byref(iterations), ctypes.byref(self._handle)
            )
        )
        _checked(
            library.LGBM_BoosterPredictForMatSingleRowFastInit(
                self._handle,
                ctypes.c_int(_RAW_SCORE),
                ctypes.c_int(0),
                ctypes.c_int(_ALL_ITERATIONS),
                ctypes.c_int(_FLOAT64),
                ctypes.c_int32(columns),
                ctypes.c_char_p(f"{_QUIET}1".encode()),
                ctypes.byref(self._one),
            )
        )
        # One row is copied to a fixed place and its scores are read from another: no addresses to look up.
        self._row = np.zeros((1, columns))
        self._row_scores = np.zeros((1, scores))
        self._count = ctypes.c_int64(0)
        self._call = library.LGBM_BoosterPredictForMatSingleRowFast
        self._arguments = (
            self._one,
            ctypes.c_void_p(self._row.ctypes.data),
            ctypes.byref(self._count),
            ctypes.c_void_p(self._row_scores.ctypes.data),
        )
        self._lock = threading.Lock()

    def raw_row(self, values: Floats) -> Floats:
        """Return the raw scores of one row: values of shape (1, columns) give shape (1, scores)."""
        with self._lock:
            self._row[:] = values
            _checked(self._call(*self._arguments))
            return self._row_scores.copy()

    def raw(self, values: Floats) -> Floats:
        """Return raw scores of shape (n_rows, scores) for values of shape (n_rows, columns)."""
        return self._asked(values, _RAW_SCORE)

    def answers(self, values: Floats) -> Floats:
        """Return what the library itself makes of the raw scores, by the objective that the text names."""
        return self._asked(values, _NORMAL)

    def _asked(self, values: Floats, kind: int) -> Floats:
        values = np.ascontiguousarray(values, dtype=np.float64)
        rows = len(values)
        result = np.empty((rows, self._scores))
        # 0 leaves it to OpenMP, whose number of threads whoever runs many processes may have set.
        threads = 0 if rows >= _ROWS_FOR_THREADS else 1
        count = ctypes.c_int64(0)
        _checked(
            load_library().LGBM_BoosterPredictForMat(
                self._handle,
                ctypes.c_void_p(values.ctypes.data),
                ctypes.c_int(_FLOAT64),
                ctypes.c_int32(rows),
                ctypes.c_int32(self._columns),
                ctypes.c_int(_ROW_MAJOR),
                ctypes.c_int(kind),
                ctypes.c_int(0),
                ctypes.c_int(_ALL_ITERATIONS),
                ctypes.c_char_p(f"{_QUIET}{threads}".encode()),
                ctypes.byref(count),
                ctypes.c_void_p(result.ctypes.data),
            )
        )
        return result
