"""What every action of a project can be printed as."""

from __future__ import annotations

from typing import Any, TypeAlias

Document: TypeAlias = dict[str, Any]
"""JSON-ready values; ``schema`` names the shape and its version, such as ``tenfold.run/1``."""
