"""A ranking of use cases as one HTML page: no script, no network, readable on a phone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from tenfold.reports.words import number, short


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One score of a case; ``width`` is that of its bar in per cent."""

    name: str
    value: str
    width: float
    told: str
    open: str
    measured: bool


def render_assess_page(document: Mapping[str, Any]) -> str:
    """Return the page of a ``tenfold.assess/1`` document."""
    from jinja2 import DictLoader, Environment, StrictUndefined

    folder = resources.files("tenfold.reports") / "templates"
    sources = {name: (folder / name).read_text(encoding="utf-8") for name in ("assess.html", "run.css")}
    environment = Environment(
        loader=DictLoader(sources), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = number
    environment.filters["short"] = short
    cases = [{**case, "scores": _scores(case)} for case in document["cases"]]
    return environment.get_template("assess.html").render(document=document, cases=cases)


def _scores(case: Mapping[str, Any]) -> tuple[Score, ...]:
    return tuple(
        Score(
            name=name,
            value=f"{part['score']:.2f}",
            width=round(100.0 * part["score"], 1),
            told=part["told"],
            open=part["open"],
            measured=part["measured"],
        )
        for name, part in case["parts"].items()
    )
