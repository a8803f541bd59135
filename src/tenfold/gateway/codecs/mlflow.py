"""The bodies of MLflow's scoring server: ``dataframe_split``, ``dataframe_records``, ``instances`` and ``inputs``.

They are read as MLflow's own client writes them, NaN included. What MLflow takes and drops (columns that the model does
not read, ``params``) is refused here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tenfold.foundation.errors import did_you_mean
from tenfold.gateway.body import Asked
from tenfold.gateway.codecs.loose_json import decoded
from tenfold.gateway.codecs.native import COLUMN_CODES, native_answer
from tenfold.gateway.codecs.protocols import JSON, Headers, Written, facts_of, in_words, require_json
from tenfold.gateway.limits import Limits
from tenfold.gateway.predicting import Reply
from tenfold.gateway.refused import OUTSIDE, Refused, kind_of, pointer_to, shown

LAYOUTS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_FIX = 'send {"dataframe_split": {"columns": [...], "data": [[...], ...]}}, or one of ' + ", ".join(LAYOUTS[1:])


@dataclass(slots=True)
class MLflow:
    """The bodies of POST /invocations."""

    _layout: str = ""
    _columns: tuple[str, ...] | None = None

    def expect(self, headers: Headers) -> None:
        require_json(headers)

    def read(self, body: bytes, limits: Limits) -> Asked:
        document = decoded(body)
        if type(document) is not dict:
            raise Refused("wrong_shape", f"the body is {kind_of(document)}, not an object", field="body", fix=_FIX)
        if document.get("params") in (None, {}):
            document.pop("params", None)
        for key in document:
            if key not in LAYOUTS:
                raise Refused(
                    "unknown_key",
                    f"the key '{shown(key)}' means nothing here.{did_you_mean(shown(key), LAYOUTS)}",
                    field=key,
                    fix=f"{_FIX}; nothing else, for no model here takes 'params'",
                )
        if len(document) != 1:
            raise Refused(
                "wrong_shape", f"the body has {len(document)} tables where one is needed", field="body", fix=_FIX
            )
        ((self._layout, table),) = document.items()
        if self._layout == "dataframe_split":
            instances = self._split(table)
        elif self._layout == "inputs" and type(table) is dict:
            instances = self._by_column(table)
        else:
            instances = self._records(table)
        if not instances:
            raise self._wrong("the table has no rows", fix="send at least one row")
        if len(instances) > limits.rows:
            raise Refused(
                "too_many_instances",
                f"the table has {len(instances)} rows; {limits.rows} are answered at a time",
                field=self._layout,
                fix=f"send at most {limits.rows} rows in one request",
                pointer=pointer_to(self._layout),
            )
        return Asked(instances=instances, ids=None)

    def _split(self, table: Any) -> list[dict[str, Any]]:
        if type(table) is not dict:
            raise self._wrong(f"the table is {kind_of(table)}, not an object")
        for key in table:
            if key not in ("index", "columns", "data"):
                raise self._wrong(f"the table has the key '{shown(key)}', which means nothing here", key)
        columns, data = table.get("columns"), table.get("data")
        if type(columns) is not list or any(type(name) is not str for name in columns):
            raise self._wrong("the table's columns are not a list of names", "columns")
        if len(set(columns)) < len(columns):
            raise self._wrong("a column is named twice", "columns")
        if type(data) is not list:
            raise self._wrong("the table's data are not a list of rows", "data")
        index = table.get("index")
        if index is not None and (type(index) is not list or len(index) != len(data)):
            raise self._wrong("the table's index does not name its rows", "index")
        for place, row in enumerate(data):
            if type(row) is not list or len(row) != len(columns):
                raise self._wrong(f"row {place} is not a list of {len(columns)} values", "data", place)
        self._columns = tuple(columns)
        return [dict(zip(columns, row, strict=True)) for row in data]

    def _by_column(self, table: Mapping[str, Any]) -> list[dict[str, Any]]:
        rows = None
        for name, values in table.items():
            if type(values) is not list:
                raise self._wrong(f"a column is {kind_of(values)}, not a list", name)
            if rows not in (None, len(values)):
                raise self._wrong("the columns are not of one length", name)
            rows = len(values)
        self._columns = tuple(table)
        return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]

    def _records(self, table: Any) -> list[dict[str, Any]]:
        if type(table) is not list:
            raise self._wrong(f"the table is {kind_of(table)}, not a list")
        for place, row in enumerate(table):
            if type(row) is not dict:
                raise self._wrong(
                    f"row {place} is {kind_of(row)}, not an object",
                    place,
                    fix="send each row as an object, for values without names belong to no column",
                )
        return table

    def _wrong(self, message: str, *steps: str | int, fix: str = _FIX) -> Refused:
        return Refused(
            "wrong_shape", message, field=self._layout, fix=fix, pointer=pointer_to(self._layout, *map(_shown, steps))
        )

    def write(self, reply: Reply) -> Written:
        return Written(JSON, orjson.dumps(native_answer(reply)))

    def refusal(self, refused: Refused) -> bytes:
        # MLflow's own keys, which its clients print, before those that all refusals have.
        code = "BAD_REQUEST" if refused.code not in OUTSIDE else "INVALID_STATE"
        facts = facts_of(refused, self._pointer(refused))
        return orjson.dumps({"error_code": code, **facts, "message": in_words(refused)})

    def _pointer(self, refused: Refused) -> str | None:
        if refused.pointer is not None or refused.code in OUTSIDE:
            return refused.pointer
        if refused.field == "body":
            return ""
        if refused.instance is None:
            return pointer_to(refused.field)
        if refused.code not in COLUMN_CODES:
            return pointer_to(self._layout)
        return pointer_to(self._layout, *self._place(refused.instance, refused.field))

    def _place(self, row: int, column: str) -> tuple[str | int, ...]:
        columns = self._columns
        if columns is None:
            return row, column
        if column not in columns:
            return ("columns",) if self._layout == "dataframe_split" else ()
        place = columns.index(column)
        return ("data", row, place) if self._layout == "dataframe_split" else (column, row)


def _shown(step: str | int) -> str | int:
    return shown(step) if isinstance(step, str) else step
