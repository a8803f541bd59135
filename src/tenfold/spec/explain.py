"""What pydantic found, in the words of the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from tenfold.foundation.errors import did_you_mean, nearest
from tenfold.spec.faults import Fault
from tenfold.spec.schema import Spec
from tenfold.spec.section import Section
from tenfold.spec.sections_sources import SourceSection
from tenfold.spec.tree import Node

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping (key: value)",
    "mapping_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
    "finite_number": "a finite number",
}
_PATTERNS = {
    **dict.fromkeys(
        ("name", "endpoint"),
        "a name of letters, digits, '.', '_' and '-', beginning with a letter or digit, at most 100 characters",
    ),
    "sources": "a name that SQL can use: letters, digits and '_', not beginning with a digit",
}
_ANY_LABEL = "a name of letters, digits, '.', '_' and '-', at most 100 characters"
_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class _Complaint:
    """An error at a path of the file: either what was expected there, or a whole sentence."""

    path: tuple[str | int, ...]
    line: int | None
    expected: str = ""
    sentence: str = ""
    found: object = None
    meant: str | None = None


def explain(error: ValidationError, tree: Node) -> tuple[Fault, ...]:
    """Return the faults behind a validation error, one for each place of the file."""
    complaints = [_complaint(detail, tree) for detail in error.errors(include_url=False)]
    paths = {complaint.path for complaint in complaints}
    # A misspelt key is one fault, not two: the key that it should have been is not missing beside it.
    meant = {(*complaint.path[:-1], complaint.meant) for complaint in complaints if complaint.meant}
    complaints = [complaint for complaint in complaints if complaint.path not in meant]
    by_path: dict[tuple[str | int, ...], list[_Complaint]] = {}
    for complaint in complaints:
        # Of alternatives ("auto", or a list) the one that was tried deeper into the file is the one that was meant.
        if not complaint.sentence and any(_is_below(other, complaint.path) for other in paths):
            continue
        by_path.setdefault(complaint.path, []).append(complaint)
    return tuple(fault for group in by_path.values() for fault in _faults(group))


def _faults(group: Sequence[_Complaint]) -> Iterator[Fault]:
    sentences = [complaint for complaint in group if complaint.sentence]
    for complaint in sentences:
        yield Fault(message=complaint.sentence, line=complaint.line)
    if sentences:
        return
    first = group[0]
    expected = " or ".join(dict.fromkeys(complaint.expected for complaint in group))
    hint = ""
    if isinstance(first.found, bool | int | float) and "text" in expected:
        hint = f". Put it in quotes: '{_scalar(first.found)}'"
    elif isinstance(first.found, str) and "one of" in expected:
        hint = did_you_mean(first.found, _choices(expected)) and "." + did_you_mean(first.found, _choices(expected))
    yield Fault(message=f"{_name(first.path)} must be {expected}, found {describe(first.found)}{hint}", line=first.line)


def _complaint(detail: Mapping[str, Any], tree: Node) -> _Complaint:
    kind = str(detail["type"])
    location = tuple(detail["loc"])
    is_key = location[-1:] == ("[key]",)
    path = _path_in(tree, location)
    line = tree.line_of(*path)
    found = detail["input"]
    context: Mapping[str, Any] = detail.get("ctx") or {}
    if kind == "missing":
        key = str(location[-1])
        return _Complaint(path=(*path, key), line=line if path else None, sentence=_missing(path, key))
    if kind == "extra_forbidden":
        return _Complaint(path=path, line=line, sentence=_unknown(path), meant=_meant(path))
    if kind == "literal_error":
        choices = str(context["expected"]).replace("'", "").replace(" or ", ", ")
        return _Complaint(path=path, line=line, expected=_one_of(choices), found=found)
    if kind == "string_pattern_mismatch":
        wanted = _PATTERNS.get(str(path[-2] if is_key else path[-1]), _ANY_LABEL)
        return _Complaint(path=path, line=line, expected=wanted, found=found)
    if kind == "too_short":
        return _Complaint(path=path, line=line, sentence=f"{_name(path)} is empty; it needs at least one entry")
    if isinstance(found, str) and (path == ("data",) or path[:2] == ("data", "sources")) and kind.startswith("model"):
        sentence = f"{_name(path)} must be a mapping such as {{path: {_shown(found)}}}, found {describe(found)}"
        return _Complaint(path=path, line=line, sentence=sentence)
    if kind in _EXPECTED:
        return _Complaint(path=path, line=line, expected=_EXPECTED[kind], found=found)
    return _Complaint(path=path, line=line, sentence=f"{_name(path)} {detail['msg']}")


def _path_in(tree: Node, location: Sequence[str | int]) -> tuple[str | int, ...]:
    """Leave out of a location what the file does not have: names of alternatives, levels that a shorthand omits."""
    path: list[str | int] = []
    node = tree
    for part in location:
        child = node.child(part)
        if child is not None:
            path.append(part)
            node = child
    return tuple(path)


def _missing(path: tuple[str | int, ...], key: str) -> str:
    if not path:
        return f"the section '{key}' is missing; only a data source and a target are required"
    if path == ("data",):
        return "data needs a source: `data: {path: FILE}` or `data: {sources: {NAME: {path: FILE}}}`"
    return f"{_name(path)} needs the key '{key}'"


def _unknown(path: tuple[str | int, ...]) -> str:
    key, section = str(path[-1]), path[:-1]
    known = tuple(_section_at(section).model_fields)
    meant = _meant(path)
    where = f"a key of {_name(section)}" if section else "a section"
    if meant is not None:
        return f"'{_shown(key)}' is not {where}. Did you mean '{meant}'?"
    homes = [name for name, owner in _sections() if key in owner.model_fields and name != _name(section)]
    if homes:
        return f"'{_shown(key)}' is not {where}; it belongs in {homes[0]}"
    return f"'{_shown(key)}' is not {where} (known are: {', '.join(known)})"


def _meant(path: tuple[str | int, ...]) -> str | None:
    """Return the known key most like the one at the end of ``path``."""
    key, section = str(path[-1]), path[:-1]
    found = nearest(key, _section_at(section).model_fields)
    if found is None and section == ("data",):
        # The shorthand `data: {path: …}` has the keys of a source as well.
        found = nearest(key, set(SourceSection.model_fields) - {key})
    return found


def _section_at(path: Sequence[str | int]) -> type[BaseModel]:
    """Return the model that describes the mapping at ``path``."""
    section: type[BaseModel] = Spec
    names = iter(path)
    for name in names:
        known = section.model_fields.get(str(name))
        if known is None:
            # A shorthand: `data: {path: …}` has the keys of a source.
            continue
        inner = _section_in(known.annotation)
        if inner is None:
            return section
        section = inner
        if not _is_section(known.annotation):
            next(names, None)
    return section


def _sections() -> Iterator[tuple[str, type[BaseModel]]]:
    for name, known in Spec.model_fields.items():
        inner = _section_in(known.annotation)
        if inner is not None:
            yield name, inner
            for below, deeper in inner.model_fields.items():
                nested = _section_in(deeper.annotation)
                if nested is not None:
                    yield f"{name}.{below}", nested


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    for argument in get_args(annotation):
        found = _section_in(argument)
        if found is not None:
            return found
    return None


def _is_section(annotation: Any) -> bool:
    """Whether a value of this type is one section, not a list or mapping of them."""
    if isinstance(annotation, type):
        return issubclass(annotation, Section)
    if get_origin(annotation) in (tuple, Mapping, get_origin(Mapping[str, int])):
        return False
    return any(_is_section(argument) for argument in get_args(annotation))


def _is_below(path: tuple[str | int, ...], above: tuple[str | int, ...]) -> bool:
    return len(path) > len(above) and path[: len(above)] == above


def _one_of(choices: str) -> str:
    return f"one of {choices}" if "," in choices else choices


def _choices(expected: str) -> tuple[str, ...]:
    return tuple(expected.replace(" or ", ", ").replace("one of ", "").split(", "))


def _name(path: Sequence[str | int]) -> str:
    name = ""
    for part in path:
        name += f"[{part + 1}]" if isinstance(part, int) else f"{'.' if name else ''}{_shown(part)}"
    return name or "the file"


def describe(value: object) -> str:
    """Return what a value is, for a message: never the whole of a long text, nothing of a URL."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"'{_shown(value)}'"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {_shown(_scalar(value))}"
    return "a list" if isinstance(value, tuple | list) else "a mapping"


def _scalar(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(text: str) -> str:
    if "://" in text:
        return text.split("://", 1)[0][-_LONGEST_SHOWN:] + "://…"
    text = text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
    return "".join(character if character.isprintable() else "�" for character in text)
