from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from tenfold.measures.names import METRIC_NAMES
from tenfold.spec.load import parse_spec
from tenfold.spec.schema import Spec
from tenfold.spec.section import Section

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def blocks(page: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", (REFERENCE / page).read_text(encoding="utf-8"), flags=re.DOTALL)


def keys(section: type[BaseModel] = Spec) -> Iterator[str]:
    for name, field in section.model_fields.items():
        yield name
        for inner in sections(field.annotation):
            yield from keys(inner)


def sections(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for argument in get_args(annotation):
        yield from sections(argument)


@pytest.mark.parametrize("text", blocks("file.md"))
def test_the_examples_of_the_reference_load(text: str) -> None:
    parse_spec(
        text.encode(),
        path="file.md",
        folder=Path("/p"),
        environ={"WEATHER_DB": "postgresql://host/db", "ALERTS_URL": "json://host/x"},
    )


def test_the_example_of_the_requirements_page_loads() -> None:
    (text,) = blocks("requirements.md")
    spec = parse_spec(f"{text}data: {{path: x}}".encode(), path="x", folder=Path("/p"), environ={})
    assert len(spec.requirements) == 5


def test_every_key_stands_in_the_reference() -> None:
    text = (REFERENCE / "file.md").read_text() + (REFERENCE / "requirements.md").read_text()
    assert [key for key in keys() if not re.search(rf"\b{key}\b", text) and key != "amounts"] == []


def test_every_metric_stands_in_the_reference() -> None:
    text = (REFERENCE / "requirements.md").read_text()
    assert [name for name in METRIC_NAMES if f"`{name}`" not in text] == []
