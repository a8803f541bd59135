"""Where sources and the store lie, with the environment put in and passwords kept out of sight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tenfold.foundation.errors import InputError
from tenfold.spec.faults import Fault
from tenfold.spec.schema import Spec
from tenfold.spec.secret import Location, Secret, plain_password, substitute, variables_in
from tenfold.spec.sections_sources import SourceSection
from tenfold.spec.tree import Node

SCHEMES = ("postgresql", "postgres", "mysql", "mariadb", "http", "https", "s3", "redis", "rediss")


def is_source_url(text: str) -> bool:
    """Whether ``text`` is a URL that rows can be read from, and not the path of a file."""
    scheme, marks, _ = text.partition("://")
    return bool(marks) and scheme in SCHEMES


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
        if location is not None and source.endpoint is not None:
            key = endpoint_key(name)
            place, unset = locate(source.endpoint, environ, line=line, name=f"the endpoint of '{name}'")
            wrong = (*wrong, *unset)
            if place is not None:
                locations[key] = place
        if location is not None:
            wrong = (*wrong, *_not_allowed(name, source, location, spec, line))
        faults.extend(wrong)
        if location is not None:
            locations[name] = location
    return locations, tuple(faults)


def endpoint_key(source: str) -> str:
    """Return the key under which the locations hold a source's endpoint: no source can be called so."""
    return f"{source}.endpoint"


def _not_allowed(name: str, source: SourceSection, location: Location, spec: Spec, line: int | None) -> Iterator[Fault]:
    """Yield a fault when a web address is not one of the hosts that the file lets be asked."""
    place = location.secret.reveal()
    if source.url is None or not place.startswith(("http://", "https://")):
        return
    try:
        host = urlsplit(place).hostname or ""
    except ValueError:
        host = ""
    allowed = any(host.endswith(entry[1:]) if entry.startswith("*.") else host == entry for entry in spec.data.allow)
    if not allowed:
        hint = "its host" if variables_in(location.shown) else host
        yield Fault(
            message=f"the source '{name}' is fetched from the web: allow {hint} with `data: {{allow: [HOST]}}`",
            line=line,
        )


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
            message = f"the source '{name}' has a URL as its path; write `url:` instead"
            return None, (Fault(message=message, line=line),)
        return Location(shown=written, secret=Secret(str(folder / resolved))), ()
    if not is_source_url(resolved):
        found = "" if variables_in(written) else f", found '{written.split('://')[0][:40]}'"
        message = f"the url of the source '{name}' must begin with postgresql://, mysql://, https://, s3:// or redis://{found}"
        return None, (Fault(message=message, line=line),)
    return Location(shown=written, secret=location.secret, database=True), ()
