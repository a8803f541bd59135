"""Where sources and the store lie, with the environment put in and passwords kept out of sight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tenfold.foundation.errors import InputError
from tenfold.spec.faults import Fault
from tenfold.spec.schema import SourceSection, Spec
from tenfold.spec.secret import Location, Secret, plain_password, substitute, variables_in
from tenfold.spec.tree import Node

DATABASES = ("postgresql", "postgres")


def is_database_url(text: str) -> bool:
    """Whether ``text`` is the URL of a database, and not the path of a file."""
    scheme, marks, _ = text.partition("://")
    return bool(marks) and scheme in DATABASES


def find_passwords(tree: Node) -> Iterator[Fault]:
    """Yield a fault for each text that holds a password."""
    if isinstance(tree.value, dict | tuple):
        children = tree.value.values() if isinstance(tree.value, dict) else tree.value
        for child in children:
            yield from find_passwords(child)
    elif isinstance(tree.value, str):
        instead = plain_password(tree.value)
        if instead is not None:
            yield Fault(
                message=f'a password stands here in plain text; keep it in the environment and write "{instead}"',
                line=tree.line,
            )


def locate_sources(
    spec: Spec, tree: Node, folder: Path, environ: Mapping[str, str]
) -> tuple[dict[str, Location], tuple[Fault, ...]]:
    """Return where each source lies, and what is wrong with the places."""
    locations: dict[str, Location] = {}
    faults: list[Fault] = []
    for name, source in spec.data.sources.items():
        key = "path" if source.url is None else "url"
        line = tree.line_of("data", "sources", name, key)
        if (source.path is None) == (source.url is None):
            found = "neither" if source.path is None else "both"
            faults.append(Fault(message=f"the source '{name}' needs a path or a url, found {found}", line=line))
            continue
        location, wrong = _locate_source(name, source, folder, environ, line)
        faults.extend(wrong)
        if location is not None:
            locations[name] = location
    return locations, tuple(faults)


def locate_alerts(spec: Spec, tree: Node, environ: Mapping[str, str]) -> tuple[tuple[Location, ...], tuple[Fault, ...]]:
    """Return where alerts go, and what is wrong with the places."""
    places: list[Location] = []
    faults: list[Fault] = []
    for number, written in enumerate(spec.monitoring.alerts):
        line = tree.line_of("monitoring", "alerts", number)
        place, wrong = locate(written, environ, line=line, name=f"monitoring.alerts[{number + 1}]")
        faults.extend(wrong)
        if place is None:
            continue
        if "://" not in place.secret.reveal():
            faults.append(
                Fault(
                    message=f"monitoring.alerts[{number + 1}] must be a URL such as mailto://… or slack://…", line=line
                )
            )
            continue
        places.append(place)
    return tuple(places), tuple(faults)


def locate(
    written: str, environ: Mapping[str, str], *, line: int | None, name: str
) -> tuple[Location | None, tuple[Fault, ...]]:
    """Return a place with the environment put in, or why that cannot be done."""
    try:
        return Location(shown=written, secret=Secret(substitute(written, environ))), ()
    except InputError as error:
        return None, (Fault(message=f"{name}: {error}", line=line),)


def _locate_source(
    name: str, source: SourceSection, folder: Path, environ: Mapping[str, str], line: int | None
) -> tuple[Location | None, tuple[Fault, ...]]:
    written = source.path if source.path is not None else source.url
    assert written is not None
    location, faults = locate(written, environ, line=line, name=f"the source '{name}'")
    if location is None:
        return None, faults
    resolved = location.secret.reveal()
    if source.url is None:
        if "://" in resolved:
            message = f"the source '{name}' has a URL as its path; write `url:` for a database"
            return None, (Fault(message=message, line=line),)
        return Location(shown=written, secret=Secret(str(folder / resolved))), ()
    if not is_database_url(resolved):
        found = "" if variables_in(written) else f", found '{written.split('://')[0][:40]}'"
        message = f"the url of the source '{name}' must begin with postgresql://{found}"
        return None, (Fault(message=message, line=line),)
    return Location(shown=written, secret=location.secret, database=True), ()
