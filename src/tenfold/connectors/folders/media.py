"""A folder of images or of audio as a table: one row a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tenfold.connectors.folders import audio, images
from tenfold.connectors.folders.listing import Listed, folder_hash, list_files
from tenfold.foundation.errors import DataError
from tenfold.foundation.fingerprint import hash_bytes, hash_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """One kind of files: their endings, the columns that their headers fill, and what reads a header."""

    endings: tuple[str, ...]
    columns: Mapping[str, pl.DataType]
    describe: Callable[[bytes], dict[str, object] | None]


def kind_of_folder(folder: Path, *, shown: str) -> str:
    """Return ``images`` or ``audio``, whichever a folder holds.

    Raises
    ------
    DataError
        When it holds neither, or both.
    """
    found = [name for name, media in MEDIA.items() if list_files(folder, media.endings)]
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(f"{shown} holds images and audio: say which with `format: images` or `format: audio`")
    raise DataError(f"{shown} is a folder without images or audio; name a file in it")


def media_hash(folder: Path, kind: str, *, shown: str) -> str:
    """Return the hash of the paths and bytes of all files of a kind."""
    return folder_hash((each.path, hash_file(each.place)) for each in _listed(folder, kind, shown))


def read_media(folder: Path, kind: str, *, shown: str) -> tuple[pl.LazyFrame, str, tuple[str, ...]]:
    """Return a row for each file, in the order of their paths, with the folder's hash and what a person should know.

    Columns: ``path`` below the folder, ``label`` (the folder that the file lies in), what the header says, ``bytes``
    and ``sha256``. Each file is read once, so that what is hashed is what is described. Of a file that is not what
    its name says the header's columns are null, and a note names it.

    Raises
    ------
    DataError
        When there is no such file, or one cannot be read.
    """
    media = MEDIA[kind]
    rows: list[dict[str, object]] = []
    damaged: list[str] = []
    for each in _listed(folder, kind, shown):
        try:
            content = each.place.read_bytes()
        except OSError as error:
            raise DataError(f"{shown}: {each.path} cannot be read: {(error.strerror or 'unknown').lower()}") from error
        facts = media.describe(content)
        if facts is None:
            damaged.append(each.path)
        own = {"bytes": len(content), "sha256": hash_bytes(content)}
        rows.append({"path": each.path, "label": each.label, **(facts or {}), **own})
    schema = {"path": pl.String(), "label": pl.String(), **media.columns, "bytes": pl.Int64(), "sha256": pl.String()}
    frame = pl.DataFrame(rows, schema=schema)
    if frame["label"].null_count() == frame.height:
        frame = frame.drop("label")
    content_hash = folder_hash((str(row["path"]), str(row["sha256"])) for row in rows)
    if not damaged:
        return frame.lazy(), content_hash, ()
    files = "1 file is" if len(damaged) == 1 else f"{len(damaged)} files are"
    return frame.lazy(), content_hash, (f"{shown}: {files} not what the name says, such as {damaged[0]}",)


def _listed(folder: Path, kind: str, shown: str) -> list[Listed]:
    found = list_files(folder, MEDIA[kind].endings)
    if not found:
        raise DataError(f"{shown} holds no {kind} ({', '.join(MEDIA[kind].endings)})")
    return found


MEDIA = {
    "images": Media(
        endings=images.ENDINGS,
        columns={"width": pl.Int64(), "height": pl.Int64(), "mode": pl.String(), "format": pl.String()},
        describe=images.describe_image,
    ),
    "audio": Media(
        endings=audio.ENDINGS,
        columns={
            "rate": pl.Int64(),
            "channels": pl.Int64(),
            "bits": pl.Int64(),
            "seconds": pl.Float64(),
            "format": pl.String(),
        },
        describe=audio.describe_audio,
    ),
}
