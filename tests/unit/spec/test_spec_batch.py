"""A batch on a schedule, as the file says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.foundation.errors import SpecError
from tenfold.spec.load import parse_spec
from tenfold.spec.schema import Spec
from tenfold.spec.sections_batch import batch_source, batch_time, batch_timezone

FILE = """tenfold: 1
problem: {{target: y}}
data:
  sources: {{visits: {{url: "postgresql://host/db", table: visits, time: came}}}}
  timezone: America/New_York
deployment:
  batch: {{{batch}}}
"""
WHOLE = {"source": "visits", "sink": "sqlite:x.db", "table": "scores", "schedule": '"0 * * * *"'}


def spec(**settings: str) -> Spec:
    batch = ", ".join(f"{key}: {value}" for key, value in {**WHOLE, **settings}.items() if value)
    return parse_spec(FILE.format(batch=batch).encode(), path="f.yaml", folder=Path("/p"), environ={})


def test_a_batch_reads_a_source_by_its_name_with_its_time_on_the_clock_of_the_data() -> None:
    found = spec()
    assert batch_source(found) == found.data.sources["visits"]
    assert (batch_time(found), batch_timezone(found)) == ("came", "America/New_York")


def test_a_batch_may_have_a_source_of_its_own_which_needs_no_environment_where_it_is_not_scored() -> None:
    found = spec(source='{url: "${env:NOT_SET}", table: features, time: ready_at}', timezone="Europe/Berlin")
    assert (batch_time(found), batch_timezone(found)) == ("ready_at", "Europe/Berlin")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"source": "visit"}, "Did you mean 'visits'"),
        ({"source": "{url: 'postgresql://host/db', table: t}"}, "needs `time:`"),
        ({"source": "{table: t, time: came}"}, "needs a path or a url, found neither"),
        ({"source": "{path: x.csv, time: came, delimiter: tab}"}, "`delimiter` of deployment.batch.source is not read"),
        ({"source": "{path: x.csv, tme: came}"}, "tme"),
        ({"schedule": '"0 * * *"'}, "deployment.batch.schedule must be five fields"),
        ({"schedule": '"0 4 * * 1"'}, "written by name"),
        ({"schedule": '"0 0 30 2 *"'}, "never comes"),
        ({"timezone": "Europe/Berln"}, "is not a time zone"),
        ({"since": '"March"'}, "must be a day or a time"),
        ({"late": "500d"}, "at most 366d"),
        ({"missed": "later"}, "missed"),
        ({"sink": "scores.parquet", "table": ""}, "scores-{moment}.parquet"),
        ({"sink": '"{moment}/scores.csv"', "table": ""}, "would be replaced at each moment"),
        ({"sink": '"scores-{hour}.csv"', "table": ""}, "the only placeholder is {moment}"),
        ({"sink": '"scores-{moment}.xlsx"', "table": ""}, "files that end with .parquet, .csv, .jsonl"),
        ({"sink": '"s3://b/scores-{moment}.csv"', "table": ""}, "must be a database, delta:FOLDER"),
        ({"sink": '"delta:scores-{moment}"', "table": ""}, "leave out the braces"),
        ({"sink": '"scores-{moment}.csv"'}, "is for a sink in a database"),
        ({"sink": '"${env:DB}"', "table": ""}, "name its table with `table:`"),
        ({"wait": "500d"}, "deployment.batch.wait is at most 366d"),
        ({"sink": '"postgresql://me:word@host/db"'}, "in plain text"),
    ],
)
def test_what_cannot_be_meant_of_a_batch_is_told_with_its_line(settings: dict[str, str], told: str) -> None:
    with pytest.raises(SpecError) as error:
        spec(**settings)
    assert told in str(error.value)
    assert "f.yaml:7" in str(error.value)
