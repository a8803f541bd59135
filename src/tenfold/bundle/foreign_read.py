"""Which format a file from elsewhere is in: by its content, not by its name; what would run code is refused by name."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from tenfold.bundle.foreign import Foreign
from tenfold.foundation.errors import InputError

MOST_BYTES = 1 << 29
_READ = (
    "a text of LightGBM, JSON or UBJ of XGBoost, JSON or cbm of CatBoost, an ONNX file, a skops file, a folder that"
    " MLflow wrote with one of these"
)
_NEVER: Mapping[bytes, str] = {
    b"\x1f\x8b": "compressed (gzip)",
    b"BZh": "compressed (bzip2)",
    b"\xfd7zXZ": "compressed (xz)",
    b"\x28\xb5\x2f\xfd": "compressed (zstd)",
    b"\x04\x22\x4d\x18": "compressed (lz4)",
    b"\x78\x01": "compressed (zlib, as joblib writes it)",
    b"\x78\x5e": "compressed (zlib, as joblib writes it)",
    b"\x78\x9c": "compressed (zlib, as joblib writes it)",
    b"\x78\xda": "compressed (zlib, as joblib writes it)",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "an array of numpy",
    b"binf": "XGBoost's old binary format (load it with XGBoost and save it as JSON or UBJ)",
    b"\x7fELF": "a program",
    b"#!": "a script",
}


def read_foreign(path: Path) -> Foreign:
    """Return the model at ``path``: a file, or a folder that MLflow wrote.

    Raises
    ------
    InputError
        When it is in no format that is read; the message says what it is.
    MissingExtra
        When what takes it apart is not installed.
    """
    if path.is_dir():
        from tenfold.bundle.foreign_mlflow import read_mlflow

        return read_mlflow(path)
    return read_content(file_bytes(path), f"'{path}'")


def file_bytes(path: Path, *, most: int = MOST_BYTES) -> bytes:
    """Return a file's bytes: a plain file of at most ``most`` bytes.

    Raises
    ------
    InputError
        When it is not.
    """
    try:
        # Whoever opens a pipe waits for its other end, unless he says that he doesn't.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise InputError(f"'{path}' is not a plain file")
            with os.fdopen(descriptor, "rb", closefd=False) as stream:
                content = stream.read(most + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}") from error
    if len(content) > most:
        raise InputError(f"'{path}' has more than {most} bytes, which are not read")
    return content


def read_content(content: bytes, what: str) -> Foreign:
    """Return the model in bytes; ``what`` is their name in messages.

    Raises
    ------
    InputError, MissingExtra
        As `read_foreign` does.
    """
    if content.startswith(b"tree\n"):
        from tenfold.bundle.foreign_lightgbm import read_trees

        return read_trees(content)
    if content.startswith(b"CBM1"):
        from tenfold.bundle.foreign_catboost import read_catboost

        return read_catboost(content, what)
    if content[:1] == b"{" or content[:64].lstrip()[:1] == b"{":
        return _read_document(content, what)
    if content.startswith(b"PK\x03\x04"):
        from tenfold.bundle.foreign_skops import read_skops

        return read_skops(content, what)
    if _is_pickle(content):
        raise InputError(
            f"{what} is a pickle: loading it would run whatever it says, so it is never read. Save {_READ}"
        )
    for start, name in _NEVER.items():
        if content.startswith(start):
            raise InputError(f"{what} is {name}, which is not read. Save {_READ}")
    if content[:1] == b"\x08":
        from tenfold.bundle.foreign_onnx import read_onnx

        return read_onnx(content)
    raise InputError(f"{what} is not a model that can be imported, which is {_READ}")


def _read_document(content: bytes, what: str) -> Foreign:
    from tenfold.bundle.foreign_catboost import read_catboost
    from tenfold.bundle.foreign_xgboost import read_xgboost

    # Which house wrote it stands at the top level; the document itself is parsed once, by who reads it.
    head = content.lstrip()
    if head[1:2] in (b"L", b"l", b"U", b"i", b"I", b"$", b"#") or b'"learner"' in head[:4096]:
        return read_xgboost(content)
    if b'"model_info"' in content and (b'"oblivious_trees"' in content or b'"trees"' in content):
        return read_catboost(content, what)
    if b'"learner"' in content:
        return read_xgboost(content)
    raise InputError(f"{what} is JSON, and neither a model of XGBoost nor of CatBoost. What is read: {_READ}")


def _is_pickle(content: bytes) -> bool:
    """Whether the bytes are a pickle: they begin with its protocol, or end as those without one do."""
    if content[:1] == b"\x80" and content[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return True
    return content[:1] in (b"c", b"(", b"]", b"}", b"I", b"S", b"V") and content.rstrip(b"\n").endswith(b".")
