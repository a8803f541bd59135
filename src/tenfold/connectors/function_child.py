"""The process in which a source's function runs: ``python -m … FILE FUNCTION TABLE``."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any


def write_table(file: Path, function: str, into: Path) -> None:
    """Call ``function`` of a file and write what it returns as Parquet.

    Raises
    ------
    TypeError
        When it returns no table.
    """
    from pyarrow import parquet

    module = _load(file)
    called = getattr(module, function, None)
    if not callable(called):
        raise TypeError(f"{file.name} has no function '{function}'")
    returned = called()
    writer: Any = None
    try:
        for table in _tables(returned):
            if writer is None:
                writer = parquet.ParquetWriter(into, table.schema)
            writer.write_table(table.cast(writer.schema))
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        raise TypeError("the function yields no table")


def _load(file: Path) -> ModuleType:
    # The function's file may import its neighbours, as when Python runs it.
    sys.path.insert(0, str(file.parent))
    specification = importlib.util.spec_from_file_location(file.stem, file)
    if specification is None or specification.loader is None:
        raise TypeError(f"{file.name} is not a Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[file.stem] = module
    specification.loader.exec_module(module)
    return module


def _tables(returned: object) -> Iterator[Any]:
    import polars as pl
    import pyarrow

    if isinstance(returned, pyarrow.Table):
        yield returned
    elif isinstance(returned, pyarrow.RecordBatch):
        yield pyarrow.Table.from_batches([returned])
    elif isinstance(returned, pl.LazyFrame):
        yield returned.collect(engine="streaming").to_arrow()
    elif isinstance(returned, pl.DataFrame):
        yield returned.to_arrow()
    elif type(returned).__module__.partition(".")[0] == "pandas" and type(returned).__name__ == "DataFrame":
        yield pyarrow.Table.from_pandas(returned, preserve_index=False)
    elif isinstance(returned, Iterator):
        for each in returned:
            yield from _tables(each)
    else:
        name = type(returned).__name__
        raise TypeError(f"the function returns {name}, where a table of polars, pandas or Arrow is expected")


if __name__ == "__main__":
    write_table(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
