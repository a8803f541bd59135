"""Wheels made of what is installed here: the very bytes that the proof runs, and no index is asked.

Of each package the installer kept a record of its files and their hashes (PEP 376, PEP 627); a wheel is those files and
such a record (PEP 427). What was changed since it was installed is not packed.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import stat
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, PackagePath, distribution
from importlib.resources import files as resources
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from tenfold.exports.protocols import Refused
from tenfold.foundation.errors import InputError
from tenfold.foundation.fingerprint import hash_bytes

OWN = "tenfold"
_TIME = (1980, 1, 1, 0, 0, 0)
_LEVEL = 3
"""Compression: compiled libraries of two hundred megabytes hardly get smaller at the levels above."""
_THE_INSTALLERS = frozenset({"INSTALLER", "REQUESTED", "RECORD", "direct_url.json"})
_COMPILED = "__pycache__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """One package as a wheel.

    Attributes
    ----------
    name, version : str
        ``name`` in normal form: lower case, with hyphens.
    file : str
        The wheel's own name.
    licence : str
        An SPDX expression, or what the package says instead; empty where it says nothing.
    """

    name: str
    version: str
    file: str
    content: bytes
    licence: str

    @property
    def sha256(self) -> str:
        """The hash by which an installer knows it."""
        return hash_bytes(self.content)


def closure(names: Iterable[str], *, alone: Iterable[str] = ()) -> tuple[str, ...]:
    """Return packages with all that they require here, sorted.

    Parameters
    ----------
    alone : iterable of str
        Packages that are taken without what they require.

    Raises
    ------
    Refused
        When one of them is not installed here.
    """
    found: set[str] = {canonicalize_name(name) for name in alone}
    open_ = [canonicalize_name(name) for name in names]
    while open_:
        name = open_.pop()
        if name in found:
            continue
        found.add(name)
        for line in _installed(name).requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                open_.append(canonicalize_name(needed.name))
    return tuple(sorted(found))


def packed(name: str) -> Wheel:
    """Return an installed package as a wheel.

    Raises
    ------
    Refused
        When it is not installed, was not installed from a wheel, or was changed since.
    """
    known = _installed(name)
    files = {_inside(known, path): _unchanged(known, path) for path in _own_files(known)}
    described = known.read_text("WHEEL")
    if described is None:
        raise Refused(f"'{name}' was not installed from a wheel here, so it cannot be packed as one; install it by pip")
    return _wheel(known, files, described)


def own_wheel() -> Wheel:
    """Return this Tenfold as a wheel, whether it was installed or is worked on."""
    known = _installed(OWN)
    root = Path(str(resources(OWN)))
    files = {
        f"{OWN}/{path.relative_to(root).as_posix()}": (path.read_bytes(), 0o644)
        for path in root.rglob("*")
        if path.is_file() and _COMPILED not in path.parts
    }
    described = "Wheel-Version: 1.0\nGenerator: tenfold\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    info = f"{OWN}-{known.version}.dist-info"
    for name in ("METADATA", "entry_points.txt", "licenses/LICENSE"):
        text = known.read_text(name)
        if text is not None:
            files[f"{info}/{name}"] = (text.encode(), 0o644)
    files[f"{info}/WHEEL"] = (described.encode(), 0o644)
    return _wheel(known, files, described)


def given(folder: Path, names: Sequence[str]) -> tuple[Wheel, ...]:
    """Return wheels of a folder, of exactly the versions that are installed here.

    Raises
    ------
    InputError
        When the folder lacks some; the message has the command that fetches them.
    """
    there: dict[tuple[str, str], list[Path]] = {}
    for path in sorted(folder.glob("*.whl")):
        said = parse_wheel_filename(path.name)
        there.setdefault((said[0], str(said[1])), []).append(path)
    wanted = {name: _installed(name).version for name in names}
    lacking = [f"{name}=={version}" for name, version in wanted.items() if (name, version) not in there]
    if lacking:
        raise InputError(
            f"the folder '{folder}' lacks wheels: pip download --no-deps --only-binary :all: -d {folder} "
            + " ".join(lacking)
        )
    wheels = []
    for name, version in wanted.items():
        if len(there[name, version]) > 1:
            found = ", ".join(path.name for path in there[name, version])
            raise InputError(f"the folder '{folder}' has several wheels of {name} {version} ({found}); leave one")
        path = there[name, version][0]
        wheels.append(
            Wheel(
                name=name,
                version=version,
                file=path.name,
                content=path.read_bytes(),
                licence=_licence(_installed(name)),
            )
        )
    return tuple(wheels)


def unpack(wheels: Iterable[bytes], site: Path) -> None:
    """Lay wheels out as an installer would, scripts left out."""
    for content in wheels:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            # Packed by us or checked by its hash, and `extract` keeps names inside of the folder.
            archive.extractall(site, [name for name in archive.namelist() if ".data/" not in name])


def _installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError as error:
        raise Refused(f"what is exported needs '{name}', which is not installed here: pip install {name}") from error


def _own_files(known: Distribution) -> list[PackagePath]:
    scripts = {point.name for point in known.entry_points if point.group in {"console_scripts", "gui_scripts"}}
    found = []
    for path in known.files or ():
        made = path.parts[-2:-1] == ("bin",) and path.parts[0] == ".." and path.name.removesuffix(".exe") in scripts
        theirs = path.name in _THE_INSTALLERS and path.parent.name.endswith(".dist-info")
        if not made and not theirs and _COMPILED not in path.parts:
            found.append(path)
    return found


def _inside(known: Distribution, path: PackagePath) -> str:
    """Return where a wheel holds an installed file; what lies beside the packages is data or a script."""
    if ".." not in path.parts:
        return path.as_posix()
    data = f"{_stem(known)}.data"
    rest = [part for part in path.parts if part != ".."]
    return f"{data}/scripts/{rest[-1]}" if rest[0] == "bin" else f"{data}/data/{'/'.join(rest)}"


def _unchanged(known: Distribution, path: PackagePath) -> tuple[bytes, int]:
    place = Path(str(known.locate_file(path)))
    try:
        content = place.read_bytes()
    except OSError as error:
        raise Refused(f"'{place}' of {known.name} cannot be read: {error.strerror}; install it anew") from error
    if path.hash is not None and path.parts[0] != "..":
        found = base64.urlsafe_b64encode(hashlib.new(path.hash.mode, content).digest()).rstrip(b"=").decode()
        if found != path.hash.value:
            raise Refused(f"'{place}' was changed after {known.name} was installed; install it anew before exporting")
    return content, 0o755 if place.stat().st_mode & stat.S_IXUSR else 0o644


def _wheel(known: Distribution, files: Mapping[str, tuple[bytes, int]], described: str) -> Wheel:
    record = f"{_stem(known)}.dist-info/RECORD"
    lines = io.StringIO()
    table = csv.writer(lines, lineterminator="\n")
    for name, (content, _) in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        table.writerow([name, f"sha256={digest}", len(content)])
    table.writerow([record, "", ""])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for name, (content, mode) in [*sorted(files.items()), (record, (lines.getvalue().encode(), 0o644))]:
            entry = zipfile.ZipInfo(name, date_time=_TIME)
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
            entry.external_attr = (stat.S_IFREG | mode) << 16
            archive.writestr(entry, content)
    return Wheel(
        name=canonicalize_name(known.name),
        version=known.version,
        file=f"{_stem(known)}-{_tag(described)}.whl",
        content=buffer.getvalue(),
        licence=_licence(known),
    )


def _stem(known: Distribution) -> str:
    """Return the name and version as the package's own ``.dist-info`` folder spells them."""
    for path in known.files or ():
        if path.parent.name.endswith(".dist-info"):
            return path.parent.name.removesuffix(".dist-info")
    return f"{canonicalize_name(known.name).replace('-', '_')}-{known.version}"


def _tag(described: str) -> str:
    """Return the tags of a wheel's description as its file name has them: sets of each of the three parts."""
    lines = [line.partition(":")[2].strip() for line in described.splitlines() if line.startswith("Tag:")]
    parts = zip(*(line.split("-") for line in lines), strict=True)
    return "-".join(".".join(dict.fromkeys(part)) for part in parts)


def _licence(known: Distribution) -> str:
    for said in known.metadata.get_all("License-Expression") or ():
        return str(said)
    classified = [
        each.rpartition(" :: ")[2]
        for each in known.metadata.get_all("Classifier") or ()
        if each.startswith("License :: ") and each != "License :: OSI Approved"
    ]
    if classified:
        return " AND ".join(classified)
    # Old packages put the whole text here.
    return next((str(each) for each in known.metadata.get_all("License") or () if "\n" not in each), "")
