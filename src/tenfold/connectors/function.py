"""A Python function of the project as a source: called in a process of its own, which leaves a table behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tenfold.connectors.request import function_of
from tenfold.connectors.text_file import check_readable
from tenfold.foundation.errors import DataError

LONGEST_SECONDS = 3600.0
_CHILD = "tenfold.connectors.function_child"


def call_function(location: str, *, shown: str, into: Path, seconds: float = LONGEST_SECONDS) -> Path:
    """Call a function without arguments and write the table that it returns to a Parquet file.

    It may return a table of polars, pandas or Arrow, or yield several with the same columns, which need not fit into
    memory together. It runs in the folder of its file, with the environment of the caller.

    Parameters
    ----------
    location : str
        ``module.py:function``.
    seconds : float
        After this long it is ended.

    Raises
    ------
    DataError
        When the file or the function does not exist, the function fails, takes too long, or returns no table.
    """
    module, function = function_of(location)
    file = Path(module)
    check_readable(file, shown)
    command = [sys.executable, "-m", _CHILD, str(file.resolve()), function, str(into.resolve())]
    try:
        # What the function prints is not for the one who reads the table.
        ended = subprocess.run(  # noqa: S603  # the file that names the function is the project's own
            command, cwd=file.resolve().parent, capture_output=True, timeout=seconds, check=False, text=True
        )
    except subprocess.TimeoutExpired:
        raise DataError(f"{shown} did not return within {seconds:.0f} s; make it faster, or leave a file") from None
    if ended.returncode == 0 and into.exists():
        return into
    lines = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
    reason = lines[-1] if lines else f"the process ended with {ended.returncode}"
    raise DataError(f"{shown} fails: {reason.removeprefix('tenfold: ')}")
