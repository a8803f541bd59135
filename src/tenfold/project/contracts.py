"""The data contract beside the project's file: read when there is one."""

from __future__ import annotations

from pathlib import Path

from tenfold.foundation.errors import SpecError
from tenfold.spec.schema import Spec

_LARGEST_BYTES = 4_000_000


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
