"""Whose signature a bundle needs where it goes: the public keys, and the signature of this one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tenfold.bundle.signing import TRUSTED_VARIABLE
from tenfold.exports.protocols import Subject
from tenfold.foundation.serial import canonical_json

PACKAGE = "cryptography"
"""What checks a signature; an export without keys goes without it."""


def key_files(subject: Subject, folder: str) -> dict[str, bytes]:
    """Return the public keys as PEM files below a folder of the export, by their fingerprints."""
    return {f"{folder}/{key.fingerprint}.pem": key.pem() for key in subject.trusted}


def signature_file(subject: Subject, name: str) -> dict[str, bytes]:
    """Return the bundle's signature under this name; nothing where it was never signed."""
    return {} if subject.signature is None else {name: canonical_json(subject.signature)}


def variable_of(subject: Subject, folder: str) -> str:
    """Return how a process is told of the keys that lie in a folder; empty where any bundle counts."""
    return os.pathsep.join(f"{folder}/{key.fingerprint}.pem" for key in subject.trusted)


def environment_of(subject: Subject, folder: Path) -> Mapping[str, str]:
    """Return the environment in which only what one of these keys signed is loaded."""
    told = variable_of(subject, str(folder.absolute()))
    return {TRUSTED_VARIABLE: told} if told else {}
