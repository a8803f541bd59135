"""Signatures of bundles: Ed25519 (RFC 8032) over a bundle's name, which is the hash of all that it holds.

A signature is a small file beside the bundle, so that a signed bundle has the same bytes and the same name as before:
``PATH.sig`` beside a bundle at ``PATH``, ``signatures/NAME.sig`` in a store. Which keys count is never read from what
is being loaded, nor from the store that holds it: whoever opens a project says so (`guard`), and the environment
variable ``TENFOLD_TRUSTED_KEYS`` does for a whole process and its children (files of public keys, joined as in PATH).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

from tenfold.foundation.errors import InputError, StoreError
from tenfold.foundation.fingerprint import hash_bytes
from tenfold.foundation.optional import require
from tenfold.foundation.serial import canonical_json, from_json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

TRUSTED_VARIABLE = "TENFOLD_TRUSTED_KEYS"
SUFFIX = ".sig"
FOLDER = "signatures"
_FORMAT = 1
_ALGORITHM = "ed25519"
_MOST_BYTES = 1 << 14
# Nothing else that such a key may sign begins so.
_CONTEXT = b"tenfold bundle 1\n"
_PURPOSE = "a signature"
_EXTRA = "signing"
_PEM = b"-----BEGIN "


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature as it is written.

    Attributes
    ----------
    bundle : str
        The name of the bundle.
    key : str
        The fingerprint of the public key: the first 16 digits of the SHA-256 of its 32 bytes.
    signature : str
        64 bytes in hexadecimal digits.
    """

    bundle: str
    key: str
    signature: str
    algorithm: str = _ALGORITHM
    format: int = _FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A key whose signatures count: its 32 bytes."""

    raw: bytes

    @property
    def fingerprint(self) -> str:
        """What it is called in messages and signatures."""
        return hash_bytes(self.raw)[:16]

    def verifies(self, signature: Signature) -> bool:
        """Whether it made this signature of this bundle's name."""
        from cryptography.exceptions import InvalidSignature

        try:
            content = bytes.fromhex(signature.signature)
            _ed25519().Ed25519PublicKey.from_public_bytes(self.raw).verify(content, _message(signature.bundle))
        except (InvalidSignature, ValueError):
            return False
        return True

    def pem(self) -> bytes:
        """Return it as a PEM file, as `public_key` reads one."""
        serialization = require("cryptography.hazmat.primitives.serialization", extra=_EXTRA, purpose=_PURPOSE)
        content: bytes = (
            _ed25519()
            .Ed25519PublicKey.from_public_bytes(self.raw)
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        return content


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The keys of which one must have signed, and who says so."""

    keys: tuple[PublicKey, ...]
    said_by: str


@dataclass(slots=True)
class _Rules:
    """Which keys count below which place, for this process."""

    by_place: dict[Path, Trust] = field(default_factory=dict)


_RULES = _Rules()


def guard(place: Path, trust: Trust | None) -> None:
    """From now on a bundle at ``place``, or below it, is loaded only when one of these keys signed it.

    Parameters
    ----------
    trust : Trust or None
        None lifts what an earlier call said of this place.
    """
    if trust is None:
        _RULES.by_place.pop(place.resolve(), None)
    else:
        _RULES.by_place[place.resolve()] = trust


def trusts_over(place: Path) -> tuple[Trust, ...]:
    """Return what must hold for a bundle at ``place``: each of these wants a signature.

    Raises
    ------
    InputError
        When the environment names a key that cannot be read.
    """
    full = place.resolve()
    found = [trust for guarded, trust in _RULES.by_place.items() if guarded == full or guarded in full.parents]
    named = os.environ.get(TRUSTED_VARIABLE, "")
    if named:
        keys = tuple(public_key(Path(each)) for each in named.split(os.pathsep) if each)
        found.append(Trust(keys=keys, said_by=f"the environment variable {TRUSTED_VARIABLE}"))
    return tuple(found)


def keys_of_all(trusts: Sequence[Trust]) -> tuple[PublicKey, ...]:
    """Return the keys that each of these trusts: one signature by one of them satisfies all."""
    if not trusts:
        return ()
    first, *others = trusts
    return tuple(key for key in first.keys if all(key in each.keys for each in others))


def check_signature(place: Path, bundle: str, trusts: Sequence[Trust]) -> Signature | None:
    """Hold the signature of a bundle against the keys that count; return it, or None where none does.

    Parameters
    ----------
    bundle : str
        The bundle's name, calculated from the bytes that were loaded.

    Raises
    ------
    StoreError
        When there is no signature, it is of another bundle or of a key that doesn't count, or it is wrong.
    """
    if not trusts:
        return None
    signature = find_signature(place, bundle)
    if signature is None:
        raise StoreError(
            f"the bundle '{place}' ({bundle[:12]}) is not signed, and {trusts[0].said_by} asks for a signature:"
            " `tenfold model sign` writes one"
        )
    if (signature.format, signature.algorithm) != (_FORMAT, _ALGORITHM):
        raise StoreError(
            f"the signature of '{place}' is of format {signature.format}, algorithm '{signature.algorithm[:40]}':"
            f" only {_ALGORITHM} of format {_FORMAT} counts"
        )
    if signature.bundle != bundle:
        raise StoreError(f"the signature beside '{place}' is of another bundle, {signature.bundle[:12]!r}")
    for trust in trusts:
        own = [key for key in trust.keys if key.fingerprint == signature.key]
        if not own:
            raise StoreError(
                f"the bundle '{place}' is signed with the key {signature.key[:16]!r}, which {trust.said_by} does not"
                f" trust (trusted: {', '.join(key.fingerprint for key in trust.keys) or 'none'})"
            )
        if not own[0].verifies(signature):
            raise StoreError(f"the signature of the bundle '{place}' is wrong: it is not the key {signature.key}'s own")
    return signature


def find_signature(place: Path, bundle: str) -> Signature | None:
    """Return the signature of the bundle at ``place``, unverified; None when there is none.

    Raises
    ------
    StoreError
        When the file is not one.
    """
    for path in _places(place, bundle):
        if not path.is_file():
            continue
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        try:
            if len(content) > _MOST_BYTES:
                raise ValueError("too long")
            return from_json(Signature, content)
        except ValueError as error:
            raise StoreError(f"'{path}' is not a signature") from error
    return None


def _places(place: Path, bundle: str) -> Iterator[Path]:
    yield place.with_name(place.name + SUFFIX)
    for parent in place.resolve().parents:
        yield parent / FOLDER / f"{bundle}{SUFFIX}"


def signed(bundle: str, key: Ed25519PrivateKey) -> tuple[str, bytes]:
    """Return the fingerprint of the key, and the file that says it signed the bundle of this name."""
    public = _public(key.public_key())
    signature = Signature(bundle=bundle, key=public.fingerprint, signature=key.sign(_message(bundle)).hex())
    return public.fingerprint, canonical_json(signature)


def public_key(path: Path) -> PublicKey:
    """Return the Ed25519 public key in a PEM file (as ``tenfold key new`` and openssl write it).

    Raises
    ------
    InputError
        When the file cannot be read, or is something else.
    """
    content = _content(path)
    serialization = require("cryptography.hazmat.primitives.serialization", extra=_EXTRA, purpose=_PURPOSE)
    if b"PRIVATE KEY" in content:
        raise InputError(f"'{path}' is a private key; the keys that count are public ones ('{path}.pub')")
    try:
        found = serialization.load_pem_public_key(content)
    except _unreadable() as error:
        raise InputError(f"'{path}' is not a public key in a PEM file") from error
    if not isinstance(found, _ed25519().Ed25519PublicKey):
        raise InputError(f"'{path}' is a key of another kind than Ed25519")
    return _public(found)


def private_key(reference: str) -> Ed25519PrivateKey:
    """Return the Ed25519 private key that ``reference`` leads to: the path of a PEM file, or what such a file holds.

    Raises
    ------
    InputError
        When it cannot be read, is protected by a password, or is something else. The message holds nothing of it.
    """
    inline = reference.lstrip().encode().startswith(_PEM)
    content, shown = (
        (reference.encode(), "the signing key") if inline else (_content(Path(reference)), f"'{reference}'")
    )
    serialization = require("cryptography.hazmat.primitives.serialization", extra=_EXTRA, purpose=_PURPOSE)
    try:
        found = serialization.load_pem_private_key(content, password=None)
    except TypeError:
        raise InputError(f"{shown} is protected by a password, and none is asked for") from None
    except _unreadable():
        raise InputError(f"{shown} is not a private key in a PEM file") from None
    if not isinstance(found, _ed25519().Ed25519PrivateKey):
        raise InputError(f"{shown} is a key of another kind than Ed25519")
    return cast("Ed25519PrivateKey", found)


def new_key() -> tuple[bytes, bytes, str]:
    """Return a new private key and its public key, both in PEM, and the fingerprint."""
    serialization = require("cryptography.hazmat.primitives.serialization", extra=_EXTRA, purpose=_PURPOSE)
    key = _ed25519().Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, public, _public(key.public_key()).fingerprint


def _message(bundle: str) -> bytes:
    return _CONTEXT + bundle.encode()


def _public(key: Ed25519PublicKey) -> PublicKey:
    return PublicKey(raw=key.public_bytes_raw())


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_MOST_BYTES)
    except OSError as error:
        raise InputError(f"the key '{path}' cannot be read: {error.strerror}") from error


def _ed25519() -> ModuleType:
    return require("cryptography.hazmat.primitives.asymmetric.ed25519", extra=_EXTRA, purpose=_PURPOSE)


def _unreadable() -> tuple[type[Exception], ...]:
    from cryptography.exceptions import UnsupportedAlgorithm

    return ValueError, UnsupportedAlgorithm
