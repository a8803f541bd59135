"""Keys, signatures of versions, and whether a bundle is what a trusted key signed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenfold.bundle.container import read_files
from tenfold.bundle.signing import (
    FOLDER,
    SUFFIX,
    TRUSTED_VARIABLE,
    Trust,
    check_signature,
    find_signature,
    guard,
    new_key,
    private_key,
    public_key,
    signed,
    trusts_over,
)
from tenfold.foundation.errors import InputError
from tenfold.project.document import Document
from tenfold.spec.load import FILE_NAME, load_spec
from tenfold.spec.schema import Spec
from tenfold.spec.secret import plain_password, substitute
from tenfold.spec.sections_signing import trust_of, trusted_files
from tenfold.store.files.disk import Disk
from tenfold.store.open import Store

Sign = Callable[[Store, str], Mapping[str, Any]]
"""Signs a bundle of a store by its name; returns what the registry is to know about it."""


def unsigned(store: Store, bundle: str) -> Mapping[str, Any]:  # noqa: ARG001 - it obeys `Sign`
    """Sign nothing."""
    return {}


def signing_of(spec: Spec) -> Sign:
    """Return how the project signs its versions: with its key, or not at all.

    The key is read when it signs, so that machines which only load need not have it.
    """
    written = spec.signing.key
    if written is None:
        return unsigned

    def sign(store: Store, bundle: str) -> Mapping[str, Any]:
        fingerprint, content = signed(bundle, private_key(_key_of(written, spec.folder)))
        disk = Disk(store.folder)
        disk.make_folder(store.folder / FOLDER)
        disk.write(store.folder / FOLDER / f"{bundle}{SUFFIX}", content)
        return {"signed_by": fingerprint}

    return sign


def trust_workers(spec: Spec) -> None:
    """Let processes that this one starts load only what the file trusts: the gateway's read no file of a project.

    What the environment says already stays: it is the word of whoever runs the process.
    """
    if spec.signing.trusted and not os.environ.get(TRUSTED_VARIABLE):
        files = trusted_files(spec, os.environ)
        os.environ[TRUSTED_VARIABLE] = os.pathsep.join(str(path.resolve()) for path in files)


def vouch(path: Path, folder: Path) -> None:
    """Let a bundle that somebody names by its path be loaded only as the file of the project he works in allows."""
    if (folder / FILE_NAME).exists():
        spec = load_spec(folder, os.environ)
        if spec.signing.trusted:
            guard(path, trust_of(spec, os.environ))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyReport:
    """A new key: where its two halves are, and what it is called."""

    private: Path
    public: Path
    fingerprint: str
    ok: bool = True

    def document(self) -> Document:
        """Return it as JSON-ready values."""
        return {
            "schema": "tenfold.key/1",
            "private": str(self.private),
            "public": str(self.public),
            "fingerprint": self.fingerprint,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureReport:
    """A bundle and its signature."""

    model: str
    bundle: str
    path: Path
    files: int
    size_bytes: int
    signed_by: str | None
    trusted: bool | None
    signature: Path | None = None
    ok: bool = True

    def document(self) -> Document:
        """Return it as JSON-ready values."""
        return {
            "schema": "tenfold.signature/1",
            "model": self.model,
            "bundle": self.bundle,
            "path": str(self.path),
            "files": self.files,
            "size_bytes": self.size_bytes,
            "signed_by": self.signed_by,
            "trusted": self.trusted,
            "signature": None if self.signature is None else str(self.signature),
        }


def make_key(path: Path) -> KeyReport:
    """Write a new private key to ``path``, for its owner alone, and the public key beside it.

    Raises
    ------
    InputError
        When there is a file already, or the place cannot be written to.
    """
    public = path.with_name(f"{path.name}.pub")
    private_content, public_content, fingerprint = new_key()
    for place, content, mode in ((path, private_content, 0o600), (public, public_content, 0o644)):
        try:
            with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
                stream.write(content)
        except FileExistsError:
            raise InputError(f"'{place}' exists already: a key is never written over") from None
        except OSError as error:
            raise InputError(f"'{place}' cannot be written: {error.strerror}") from error
    return KeyReport(private=path, public=public, fingerprint=fingerprint)


def sign_model(model: str, key: str | None, *, folder: Path) -> SignatureReport:
    """Sign a version, or a bundle at a path, after its bytes were held against their hashes.

    Parameters
    ----------
    key : str or None
        Where the private key is: a PEM file, or ``${env:NAME}``; the file's ``signing.key`` else.

    Raises
    ------
    InputError
        When there is no such model or key.
    StoreError
        When the bundle is damaged.
    """
    from tenfold.project.score import bundle_path

    path = bundle_path(model, folder)
    name, files = read_files(path)
    if key is None:
        spec = load_spec(folder, os.environ) if (folder / FILE_NAME).exists() else None
        if spec is None or spec.signing.key is None:
            raise InputError("say with --key which key signs, or write it into the file as signing.key")
        reference = _key_of(spec.signing.key, spec.folder)
    else:
        reference = _key_of(key, Path())
    fingerprint, content = signed(name, private_key(reference))
    place = _signature_of(model, path, name)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return _report(model, name, path, files, signed_by=fingerprint, trusted=None, signature=place)


def verify_model(model: str, trusted: tuple[Path, ...], *, folder: Path) -> SignatureReport:
    """Hold a bundle's bytes against their hashes, and its signature against the keys that count.

    Parameters
    ----------
    trusted : tuple of Path
        Files of public keys; with none, what the project's file and the environment trust.

    Raises
    ------
    StoreError
        When a byte was changed, or no key that counts signed the bundle.
    """
    from tenfold.project.score import bundle_path

    path = bundle_path(model, folder)
    name, files = read_files(path)
    trusts = trusts_over(path)
    if trusted:
        trusts = (Trust(keys=tuple(public_key(each) for each in trusted), said_by="--trusted"),)
    found = check_signature(path, name, trusts) or find_signature(path, name)
    return _report(
        model, name, path, files, signed_by=None if found is None else found.key, trusted=True if trusts else None
    )


def _report(
    model: str,
    name: str,
    path: Path,
    files: Mapping[str, bytes],
    *,
    signed_by: str | None,
    trusted: bool | None,
    signature: Path | None = None,
) -> SignatureReport:
    return SignatureReport(
        model=model,
        bundle=name,
        path=path,
        files=len(files) + 1,
        size_bytes=sum(len(content) for content in files.values()),
        signed_by=signed_by,
        trusted=trusted,
        signature=signature,
    )


def _signature_of(model: str, path: Path, bundle: str) -> Path:
    """Return where the signature belongs: in the store for a version, beside a bundle that was named by its path."""
    if Path(model).exists():
        return path.with_name(f"{path.name}{SUFFIX}")
    store = next(parent.parent for parent in path.resolve().parents if parent.name == "blobs")
    return store / FOLDER / f"{bundle}{SUFFIX}"


def _key_of(written: str, folder: Path) -> str:
    """Return what a written reference leads to: the path of a file, or what a variable holds."""
    if plain_password(written) is not None or written.lstrip().startswith("-----BEGIN"):
        raise InputError("a key stands in plain text; name the file that holds it, or a variable: ${env:SIGNING_KEY}")
    found = substitute(written, os.environ)
    return found if found.lstrip().startswith("-----BEGIN") else str(folder / found)
