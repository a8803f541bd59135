"""A version as a query of DuckDB: a table's rows with what is predicted of each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tenfold.exports.proof import as_table
from tenfold.exports.protocols import Answers, Refused, Rows, Subject
from tenfold.exports.sql.query import OWN, PREDICTION, PROBABILITY, query_of
from tenfold.exports.translate import translated
from tenfold.foundation.errors import InputError
from tenfold.records.dataset import Kind

_FILE = "predict.sql"
_TABLE = "given_rows"
_PLACE = "place_of_row"
_OTHERS = ("postgresql", "sqlite", "mysql")
_README = """# {ref}

`predict.sql` is the model as one query of DuckDB 1.1 or later. It reads the table `{table}` (`--set sql.table=NAME`
names another) and gives every column of it with {said}.

| column | type |
|---|---|
{inputs}

Missing is NULL, and for words the empty text. Numbers are calculated in double precision. The table may have further
columns; no name of one may begin with `{own}`.

`proof.json` says on how many hard rows the query was found to predict what the version predicts, run by DuckDB, and how
far off it was at most; `evidence.json` holds what was judged of the version.
"""
_WRITTEN: Mapping[Kind, str] = {
    "numeric": "DOUBLE, or what casts to it",
    "boolean": "BOOLEAN",
    "categorical": "VARCHAR",
    "text": "VARCHAR",
    "datetime": "TIMESTAMPTZ",
}


class SqlExport:
    """The program as a chain of tables in one query, proven by DuckDB."""

    kind: ClassVar[str] = "sql"
    tolerance: ClassVar[float] = 1e-9
    options: ClassVar[Mapping[str, str]] = {
        "dialect": "the database that runs the query: duckdb",
        "table": f"the table that is read; else {_TABLE}",
    }

    def files(self, subject: Subject) -> Mapping[str, bytes]:
        dialect = subject.options.get("dialect", "duckdb")
        if dialect in _OTHERS:
            raise Refused(f"no query is written for {dialect}: one for duckdb is, and DuckDB reads tables of {dialect}")
        if dialect != "duckdb":
            raise InputError(f"dialect is duckdb; found '{dialect}'")
        program = translated(subject.model)
        table = _table(subject)
        query = query_of(program, table)
        readme = _README.format(
            ref=subject.ref,
            table=table,
            own=OWN,
            said=f"`{PREDICTION}`, the predicted number"
            if program.task == "regression"
            else f"`{PREDICTION}`, the decided class, and the probability of each class, such as "
            f"`{PROBABILITY}{program.classes[-1]}`",
            inputs="\n".join(f"| `{each.name}` | {_WRITTEN[each.kind]} |" for each in program.fields),
        )
        return {_FILE: query.encode(), "README.md": readme.encode()}

    def answers(self, folder: Path, subject: Subject, rows: Rows) -> Answers:
        import duckdb

        model, table = subject.model, _table(subject)
        given = as_table(model, rows).with_row_index(_PLACE)
        place = folder / f".{_TABLE}.parquet"
        names = [f"{PROBABILITY}{name}" for name in model.classes] or [PREDICTION]
        query = (folder / _FILE).read_text(encoding="utf-8")
        try:
            given.write_parquet(place)
            with duckdb.connect(config={"threads": 1}) as database:
                database.execute(f"CREATE TABLE {_quoted(table)} AS FROM read_parquet(?)", [str(place)])
                found: dict[str, Any] = database.execute(query).fetchnumpy()
        except duckdb.Error as error:
            raise Refused(f"DuckDB does not run the query: {str(error)[:300]}") from error
        finally:
            place.unlink(missing_ok=True)
        order = np.argsort(found[_PLACE])
        scores = np.column_stack([np.ma.filled(np.ma.asarray(found[name], dtype=np.float64), np.nan) for name in names])
        decisions = tuple(str(each) for each in found[PREDICTION][order]) if model.classes else None
        return Answers(scores=scores[order], decisions=decisions)


def _table(subject: Subject) -> str:
    return subject.options.get("table") or _TABLE


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
