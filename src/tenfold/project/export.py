"""A version written as something that predicts elsewhere."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

from tenfold.bundle.format import bundle_name, load_bundle
from tenfold.bundle.signing import PublicKey, Signature, find_signature, keys_of_all, trusts_over
from tenfold.exports.hard_rows import hard_rows
from tenfold.exports.protocols import Refused, Subject
from tenfold.exports.table import export_called
from tenfold.exports.write import Written, write_export
from tenfold.foundation.errors import InputError, TenfoldError
from tenfold.foundation.serial import plain
from tenfold.project.document import Document
from tenfold.project.signing import vouch
from tenfold.spec.load import load_spec
from tenfold.store.open import open_store


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One kind: what was written, or why nothing was.

    ``error`` is a `Refused` where the version has no such form, and else what hindered this kind: a folder that holds
    something, an option, a library that is not installed.
    """

    kind: str
    written: Written | None = None
    error: TenfoldError | None = None

    def line(self) -> Document:
        """Return it as JSON-ready values."""
        if self.written is None:
            status = "refused" if isinstance(self.error, Refused) else "failed"
            return {"kind": self.kind, "status": status, "reason": str(self.error)}
        return {
            "kind": self.kind,
            "status": "written",
            "output": str(self.written.folder),
            "files": dict(self.written.files),
            "proof": plain(self.written.proof),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What an export came to; the document is ``tenfold.export/1``."""

    model: str
    bundle: str
    exports: tuple[Exported, ...]
    judgements: int

    @property
    def ok(self) -> bool:
        """Whether everything that was asked for was written."""
        return all(each.written is not None for each in self.exports)

    def document(self) -> Document:
        """Return the export as JSON-ready values."""
        return {
            "schema": "tenfold.export/1",
            "model": self.model,
            "bundle": self.bundle,
            "judgements": self.judgements,
            "exports": [each.line() for each in self.exports],
        }


def export(
    model: str, kinds: Sequence[str], output: Path, *, folder: Path, options: Mapping[str, str] | None = None
) -> ExportReport:
    """Write a version in one or more kinds, each into a folder of its name, when it proves equal.

    What hinders one kind does not stop the others: the report says of each what came of it.

    Parameters
    ----------
    model : str
        ``name@version``, ``name@alias``, or the path of a bundle.
    output : Path
        Where the folders go.
    folder : Path
        The project's folder, where the registry lies.
    options : mapping, optional
        Names are ``name``, for every kind asked for that has it, or ``kind.name``.

    Raises
    ------
    InputError
        When there is no such model, kind or option; then nothing was tried.
    """
    asked = {kind: export_called(kind) for kind in dict.fromkeys(kinds)}
    chosen = _options(options or {}, {kind: each.options for kind, each in asked.items()})
    subject = subject_of(model, folder)
    hard = hard_rows(subject.model)
    exports = []
    for kind, each in asked.items():
        try:
            written = write_export(each, replace(subject, options=chosen[kind]), output / kind, hard=hard)
        except TenfoldError as error:
            exports.append(Exported(kind=kind, error=error))
        else:
            exports.append(Exported(kind=kind, written=written))
    return ExportReport(
        model=subject.ref, bundle=subject.bundle, exports=tuple(exports), judgements=len(subject.evidence)
    )


def subject_of(model: str, folder: Path) -> Subject:
    """Return a version with its evidence, or a bundle that no registry knows, which has none."""
    path = Path(model)
    if path.exists():
        vouch(path, folder)
        loaded = load_bundle(path)
        name = bundle_name(path)
        return Subject(model=loaded, ref=loaded.name, bundle=name, place=path, **_signed(path, name))
    if "@" not in model:
        raise InputError(f"'{model}' is neither a bundle's path nor a version; write it as name@1 or name@champion")
    spec = load_spec(folder, os.environ) if (folder / "tenfold.yaml").exists() else None
    with open_store(folder / ".tenfold" if spec is None else spec.store_folder) as store:
        version = store.registry.find(model)
        own = None if spec is None or version.name != spec.name else spec
        place = store.blobs.path(version.blob)
        return Subject(
            model=load_bundle(place),
            ref=version.ref,
            bundle=version.bundle,
            place=place,
            evidence=tuple(plain(each) for each in store.evidence.of(subject=version.bundle)),
            **_signed(place, version.bundle),
            endpoint="" if own is None else own.endpoint,
            fields={} if own is None else {name: each.record() for name, each in own.deployment.fields.items()},
        )


class _Signed(TypedDict):
    trusted: tuple[PublicKey, ...]
    signature: Signature | None


def _signed(place: Path, bundle: str) -> _Signed:
    """Return whose signature counts for a bundle that was loaded, and its own; neither where nobody asks for one."""
    trusts = trusts_over(place)
    return {"trusted": keys_of_all(trusts), "signature": find_signature(place, bundle) if trusts else None}


def _options(given: Mapping[str, str], known: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Return what was set for each kind."""
    chosen: dict[str, dict[str, str]] = {kind: {} for kind in known}
    for name, value in given.items():
        kind, dot, short = name.rpartition(".")
        kinds = [each for each, names in known.items() if short in names and (not dot or each == kind)]
        if not kinds:
            every = sorted({f"{each}.{own}" for each, names in known.items() for own in names})
            raise InputError(
                f"'{name}' is not an option of {', '.join(known)} (there are: {', '.join(every) or 'none'})"
            )
        for each in kinds:
            chosen[each][short] = value
    return chosen
