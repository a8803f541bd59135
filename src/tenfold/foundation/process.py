"""Whose process this is."""

from __future__ import annotations

_ours = False


def be_ours() -> None:
    """Say that this process was started for our calls alone: nobody else's code runs in it."""
    global _ours  # noqa: PLW0603 - a fact about the process, said once
    _ours = True


def is_ours() -> bool:
    """Whether this process was started for our calls alone."""
    return _ours
