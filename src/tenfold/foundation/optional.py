"""Import of optional dependencies: with an error that names the extra to install, or hidden from other libraries."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from tenfold.foundation.errors import MissingExtra


@contextmanager
def hidden(*modules: str) -> Iterator[None]:
    """Let what is imported within find none of ``modules``, as if they were not installed.

    For libraries that import another where it is there, only to take its objects, which they will not be handed here.
    What is already loaded stays.
    """
    gone = [name for name in modules if name not in sys.modules]
    for name in gone:
        sys.modules[name] = None  # type: ignore[assignment]  # the import system's own way to say that there is none
    try:
        yield
    finally:
        for name in gone:
            del sys.modules[name]


@contextmanager
def stood_in(module: str, *classes: str) -> Iterator[None]:
    """Let what is imported within find a module of empty classes for ``module``, unless that is loaded.

    For libraries that cannot be imported without another, though they only ask whether they were handed its objects.
    Only for a process that is ours alone: whoever imports such a library later gets it as it was imported here.
    """
    if module in sys.modules:
        yield
        return
    stand_in = ModuleType(module)
    for name in classes:
        setattr(stand_in, name, type(name, (), {}))
    sys.modules[module] = stand_in
    try:
        yield
    finally:
        del sys.modules[module]


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import ``module`` or say which extra brings it.

    Raises
    ------
    MissingExtra
        When the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"{purpose} needs '{module}', which is not installed. Install it with: pip install 'tenfold[{extra}]'"
        ) from error
