"""The section ``signing``: whose bundles count here, and with which key this project signs its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from tenfold.foundation.errors import TenfoldError
from tenfold.spec.faults import Fault
from tenfold.spec.secret import substitute
from tenfold.spec.section import Section, Written

if TYPE_CHECKING:
    from tenfold.bundle.signing import Trust
    from tenfold.spec.schema import Spec


def _reference(text: str) -> str:
    if text.lstrip().startswith("-----BEGIN"):
        raise PydanticCustomError(
            "key_by_reference", "holds a key itself; name the file that holds it, or a variable: ${env:SIGNING_KEY}"
        )
    return text


Reference = Annotated[Written, AfterValidator(_reference)]
"""Where a key is: a file beside ``tenfold.yaml``, or ``${env:NAME}``."""


class SigningSection(Section):
    """Keys by reference: never the keys themselves.

    ``key``: the private key that signs each version when it is registered; a PEM file, or a variable that holds its
    path or what stands in it. ``trusted``: PEM files of public keys; a bundle that none of them signed is not loaded.
    """

    key: Reference | None = None
    trusted: tuple[Reference, ...] = ()


def put_in_force(spec: Spec, environ: Mapping[str, str]) -> Iterator[Fault]:
    """Let bundles of a project, and below its folder, be loaded only as its file allows; yield what is wrong with it.

    Whoever reads a project's file does this: no command can forget it.
    """
    from tenfold.bundle.signing import guard

    trust: Trust | None = None
    if spec.signing.trusted:
        try:
            trust = trust_of(spec, environ)
        except TenfoldError as error:
            yield Fault(message=f"signing.trusted: {error}", line=spec.line_of("signing", "trusted"))
            return
    for place in (spec.folder, spec.store_folder):
        guard(place, trust)


def trust_of(spec: Spec, environ: Mapping[str, str]) -> Trust:
    """Return the keys that the file trusts.

    Raises
    ------
    InputError
        When one cannot be read, or a variable is not set.
    """
    from tenfold.bundle.signing import Trust, public_key

    keys = tuple(public_key(path) for path in trusted_files(spec, environ))
    return Trust(keys=keys, said_by=f"'{spec.path}' (signing.trusted)")


def trusted_files(spec: Spec, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the files of public keys that the file names."""
    return tuple(spec.folder / substitute(written, environ) for written in spec.signing.trusted)
