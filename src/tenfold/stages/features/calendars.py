"""Public holidays of a country, looked up once: the days travel in the plan."""

from __future__ import annotations

from typing import Any

import polars as pl

from tenfold.foundation.errors import InputError
from tenfold.foundation.optional import require
from tenfold.records.features import Step

_YEARS_TO_COME = 10


def holiday_step(column: str, development: pl.DataFrame, zone: str, country: str) -> Step:
    """Return the step that holds a time against the public holidays of a country, or of one of its regions.

    The calendar reaches from the year before the first development row to ten years after the last.

    Raises
    ------
    InputError
        When the country or its region is not known.
    MissingExtra
        When the library of calendars is not installed.
    """
    library = require("holidays", extra="holidays", purpose=f"`features: {{holidays: {country}}}`")
    moments = development[column].drop_nulls()
    first = int(moments.dt.year().min()) - 1  # type: ignore[arg-type]  # times have years
    last = int(moments.dt.year().max()) + _YEARS_TO_COME  # type: ignore[arg-type]  # likewise
    days = tuple(day.isoformat() for day in sorted(_days(library, country, range(first, last + 1))))
    reason = f"held against {len(days)} public holidays of {country} from {first} to {last}, by the clock of {zone}"
    return Step(kind="holidays", columns=(column,), settings={"days": days, "zone": zone}, reason=reason)


def _days(library: Any, country: str, years: range) -> Any:
    code, _, region = country.partition("-")
    try:
        return library.country_holidays(code.strip(), subdiv=region.strip() or None, years=years)
    except NotImplementedError as error:
        raise InputError(
            f"there is no calendar of public holidays for '{country}': write a country such as DE or US, or with a "
            "region, DE-BY"
        ) from error
