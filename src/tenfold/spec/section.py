"""What every section of ``tenfold.yaml`` is made of: a strict mapping, and the texts that may stand in it."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from tenfold.foundation.errors import InputError
from tenfold.foundation.units import parse_seconds
from tenfold.spec.secret import literal, variables_in


class Section(BaseModel):
    """A mapping of the file: unknown keys and other types than those declared are errors, nothing is converted."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


def read_duration(text: object) -> object:
    """Return a duration as it is written; a validation error says how to write one."""
    if isinstance(text, bool | int | float):
        raise PydanticCustomError(
            "duration", "needs a unit: write {text}s, {text}m, {text}h or {text}d", {"text": text}
        )
    if isinstance(text, str):
        try:
            parse_seconds(text)
        except InputError as error:
            raise PydanticCustomError("duration", "{reason}", {"reason": str(error)}) from error
    return text


def _without_substitution(text: str) -> str:
    names = variables_in(text)
    if names:
        raise PydanticCustomError(
            "no_substitution",
            "holds {placeholder}, but the environment is read only in path and url of a source, in store, alerts and"
            " signing, so that what decides the model stands in the file",
            {"placeholder": f"${{env:{names[0]}}}"},
        )
    return literal(text)


def _filled(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("filled", "must not be empty")
    return text


Text: TypeAlias = Annotated[str, AfterValidator(_without_substitution)]
Filled: TypeAlias = Annotated[str, AfterValidator(_without_substitution), AfterValidator(_filled)]
"""Text that is not empty: names of columns, expressions."""
Written: TypeAlias = Annotated[str, AfterValidator(_filled)]
"""Text as the file says it; ``${env:NAME}`` stays in it, the value is found in ``Spec.locations``."""
Duration: TypeAlias = Annotated[Text, BeforeValidator(read_duration)]
"""Text such as 90s, 5m, 1h, 7d; read with ``foundation.units.parse_seconds``."""
ProjectName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Identifier: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
Label: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$")]
Scalar: TypeAlias = str | int | float | bool


class Budget(Section):
    """How long training and tuning may go on: a time, or a number of trials (the same on every machine)."""

    time: Duration | None = None
    trials: int | None = None

    @property
    def seconds(self) -> float | None:
        """The time in seconds; None for a budget in trials."""
        return None if self.time is None else parse_seconds(self.time)

    def __str__(self) -> str:
        return f"{self.trials} trials" if self.time is None else self.time


def _budget(written: object) -> object:
    """Read ``5m`` as a budget in time."""
    return written if isinstance(written, dict | Budget) else {"time": written}


WrittenBudget: TypeAlias = Annotated[Budget, BeforeValidator(_budget)]
"""A budget as the file writes it: ``5m``, or ``{trials: 20}``."""
