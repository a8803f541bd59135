"""The reference names what programs rely on, and its pages exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from tenfold.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")


def paths_of(command: typer.core.TyperCommand, before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return each command as it is typed, such as ``("model", "list")``."""
    inner = getattr(command, "commands", None)
    if inner is None:
        return [before]
    return [path for name, each in inner.items() for path in paths_of(each, (*before, name))]


def test_every_command_and_every_option_is_in_the_reference() -> None:
    missing = []
    rows = re.findall(r"^\| `tenfold ([^`]+)`", COMMANDS, re.MULTILINE)
    for path in paths_of(typer.main.get_command(app)):
        typed = [row for row in rows if row.split()[: len(path)] == list(path)]
        missing += [] if typed else [" ".join(path)]
        for option in options_of(path):
            if typed and not any(option in row for row in typed):
                missing.append(f"{' '.join(path)} {option}")
    assert missing == []


def options_of(path: tuple[str, ...]) -> list[str]:
    """Return the options of a command but for those that every command of its kind has."""
    command = typer.main.get_command(app)
    for name in path:
        command = command.commands[name]  # type: ignore[attr-defined]
    names = [parameter.opts[0] for parameter in command.params if parameter.param_type_name == "option"]
    return [name for name in names if name not in {"--json", "--help", "--project"}]


def test_every_document_that_is_printed_is_in_the_reference() -> None:
    written = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "reference").glob("*.md"))
    printed = {
        name
        for path in (ROOT / "src" / "tenfold").rglob("*.py")
        for name in re.findall(r'"schema": "(tenfold\.[a-z-]+/\d+)"', path.read_text(encoding="utf-8"))
    }
    assert len(printed) > 20
    assert sorted(name for name in printed if name not in written) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_other_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
