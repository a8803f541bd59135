"""An export written: made, proven where it lies, and only then put in its place."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tenfold.exports.hard_rows import HardRows, hard_rows
from tenfold.exports.proof import Proof, prove
from tenfold.exports.protocols import Export, Subject
from tenfold.foundation.errors import InputError, did_you_mean
from tenfold.foundation.fingerprint import hash_bytes
from tenfold.foundation.serial import canonical_json

PROOF, EVIDENCE = "proof.json", "evidence.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An export in its place: its files by relative path with their hashes, and its proof."""

    folder: Path
    files: Mapping[str, str]
    proof: Proof


def write_export(export: Export, subject: Subject, folder: Path, *, hard: HardRows | None = None) -> Written:
    """Write a version as an export, when it proves equal; else nothing is left behind.

    Parameters
    ----------
    folder : Path
        A new or empty folder; those above it are made.
    hard : HardRows, optional
        The rows of the proof, where the caller has made them already.

    Raises
    ------
    Refused
        When the version has no such form, or the form is not the model.
    InputError
        When the folder holds something else, or an option is not one of the export's.
    """
    for name in subject.options:
        if name not in export.options:
            raise InputError(
                f"'{name}' is not an option of {export.kind} (there are: {', '.join(export.options) or 'none'})."
                f"{did_you_mean(name, export.options)}"
            )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"'{folder}' is not empty: an export is written to a folder of its own")
    content = export.files(subject)
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, data in content.items():
            place = work / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        proof = prove(export, work, subject, hard or hard_rows(subject.model))
        hashes = {name: hash_bytes(data) for name, data in content.items()}
        facts = {"export": export.kind, "model": subject.ref, "bundle": subject.bundle}
        (work / PROOF).write_bytes(
            canonical_json({"schema": "tenfold.export-proof/1", **facts, "proof": proof, "files": hashes})
        )
        (work / EVIDENCE).write_bytes(
            canonical_json({"schema": "tenfold.export-evidence/1", **facts, "evidence": list(subject.evidence)})
        )
        if folder.exists():
            folder.rmdir()
        work.chmod(0o755)
        work.rename(folder)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return Written(folder=folder, files=hashes, proof=proof)
