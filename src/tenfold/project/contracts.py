"""The data contract beside the project's file: read when there is one."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from tenfold.foundation.errors import DataError, SpecError, did_you_mean
from tenfold.measures.contract.contract import ForeignKey
from tenfold.measures.contract.foreign import ForeignKeys, keys_of
from tenfold.measures.contract.read import contract_from_text
from tenfold.measures.contract.rows import SELF
from tenfold.spec.schema import Spec

_LARGEST_BYTES = 4_000_000
_MOST_KEYS = 1_000_000


def contract_path(spec: Spec) -> Path | None:
    """Return where the contract lies; None when the file names none."""
    return None if spec.data.contract is None else spec.folder / spec.data.contract


def contract_text(spec: Spec) -> str | None:
    """Return the text of the contract that the data must keep; None when the file names none.

    Raises
    ------
    SpecError
        When the file names a contract that cannot be read.
    """
    path = contract_path(spec)
    if path is None:
        return None
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise SpecError(
                f"the contract {spec.data.contract} is larger than {_LARGEST_BYTES} bytes",
                path=spec.path,
                line=spec.line_of("data", "contract"),
            )
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(
            f"the contract {spec.data.contract} cannot be read ({type(error).__name__});"
            " write it with `tenfold init`, or remove the key `contract`",
            path=spec.path,
            line=spec.line_of("data", "contract"),
        ) from error


def foreign_keys(spec: Spec, contract: str | None) -> Mapping[str, ForeignKeys]:
    """Return the keys of other tables that a contract looks up, by the ids of its rules.

    The tables are files, named relative to the project's file; they are read as sources are.

    Raises
    ------
    SpecError
        When a table cannot be read, lacks a column of the key, or holds too many keys.
    """
    if contract is None or "foreign" not in contract:
        return {}
    found = {}
    for key in contract_from_text(contract).foreign:
        if key.table == SELF:
            continue
        try:
            found[key.id] = _keys(spec.folder / key.table, key)
        except DataError as error:
            raise SpecError(
                f"the contract {spec.data.contract} looks {key.id} up in '{key.table}': {error}",
                path=spec.path,
                line=spec.line_of("data", "contract"),
            ) from error
    return found


def _keys(table: Path, key: ForeignKey) -> ForeignKeys:
    # Reading brings in the sources' libraries, which a project without foreign keys does without.
    import polars as pl

    from tenfold.connectors.read import read_source
    from tenfold.connectors.request import SourceRequest

    with tempfile.TemporaryDirectory(prefix="tenfold-keys-") as folder:
        read = read_source(SourceRequest(name="keys", location=str(table)), into=Path(folder) / "keys.parquet")
        names = [known.name for known in read.fields]
        for name in key.key:
            if name not in names:
                raise DataError(f"it has no column '{name}'.{did_you_mean(name, names)}")
        keys = keys_of(pl.scan_parquet(read.path), key.key)
    if len(keys.keys) > _MOST_KEYS:
        raise DataError(f"it holds {len(keys.keys):,} keys; at most {_MOST_KEYS:,} are looked up")
    return keys
