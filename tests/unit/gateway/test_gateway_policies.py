"""Values of another type than their column's: refused on every protocol, unless a policy says otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from gateway_scene import ENDPOINT, NOON, ROW, route
from protocol_scene import INFER, SPLIT, Answer, Plane, plane, split, tensors

from tenfold.foundation.errors import StoreError
from tenfold.gateway.loading import Loader
from tenfold.gateway.version import Version
from tenfold.records.release import Endpoint, FieldPolicy
from tenfold.store.endpoints import publish, read
from tenfold.store.predictions.segment import HEADER, frames


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with plane(tmp_path_factory.mktemp("policies")) as found:
        yield found


_REVISIONS = iter(range(2, 1000))


def hold(served: Plane, **fields: FieldPolicy) -> None:
    """Publish the version once more, with these policies."""
    way = route(served.store, 1, ref="members@1", threshold=0.4)
    publish(served.store, Endpoint(name=ENDPOINT, revision=next(_REVISIONS), routes=(way,), at=NOON, fields=fields))
    served.watch.look()
    live = served.watch.endpoints[ENDPOINT].live
    assert live is not None
    assert served.watch.endpoints[ENDPOINT].problem is None


def ask(served: Plane, *rows: dict[str, Any]) -> Answer:
    return served.post(f"/predict/{ENDPOINT}", {"instances": list(rows)})


def last_record(served: Plane) -> dict[str, Any]:
    """What the log holds of the last request."""
    (path,) = (served.store / "log" / ENDPOINT).iterdir()
    *_, last = frames(path.read_bytes(), len(HEADER))
    found: dict[str, Any] = orjson.loads(last.payload)
    return found


WRONG = [("age", "31"), ("age", ""), ("age", "?"), ("age", True), ("member", "true"), ("member", 1), ("member", 0.0)]


@pytest.mark.parametrize(("column", "value"), WRONG)
def test_a_value_of_another_type_is_refused_in_rows_alone_and_among_others(served: Plane, column: str, value: Any):
    hold(served)
    for place, rows in ((0, [{**ROW, column: value}]), (2, [ROW, ROW, {**ROW, column: value}])):
        answer = ask(served, *rows)
        error = answer.document["error"]
        assert (answer.status, error["code"], error["field"]) == (422, "wrong_type", column)
        assert (error["instance"], error["pointer"]) == (place, f"/instances/{place}/{column}")
        assert error["fix"]


@pytest.mark.parametrize(("column", "value"), WRONG)
def test_a_value_of_another_type_is_refused_as_mlflow_sends_it(served: Plane, column: str, value: Any):
    hold(served)
    answer = served.post(SPLIT, {"dataframe_split": split([ROW, {**ROW, column: value}])})
    place = [*ROW].index(column)
    assert (answer.status, answer.document["code"]) == (422, "wrong_type")
    assert answer.document["pointer"] == f"/dataframe_split/data/1/{place}"


@pytest.mark.parametrize(
    ("column", "datatype", "value"), [("age", "BYTES", "31"), ("age", "BOOL", True), ("member", "BYTES", "true")]
)
def test_a_tensor_of_another_type_is_refused(served: Plane, column: str, datatype: str, value: Any):
    hold(served)
    inputs = tensors([ROW])
    place = next(place for place, each in enumerate(inputs) if each["name"] == column)
    inputs[place] |= {"datatype": datatype, "data": [value]}
    answer = served.post(INFER, {"inputs": inputs})
    assert (answer.status, answer.document["code"], answer.document["field"]) == (422, "wrong_type", column)
    assert answer.document["pointer"] == f"/inputs/{place}/data/0"


def test_a_policy_to_pass_reads_a_text_as_the_training_data_wrote_it(served: Plane):
    hold(served, age=FieldPolicy(wrong_type="pass"), member=FieldPolicy(wrong_type="pass"))
    plain = ask(served, ROW).document["predictions"]
    assert (
        ask(served, {**ROW, "age": f" {ROW['age']} ", "member": str(ROW["member"]).lower()}).document["predictions"]
        == plain
    )
    assert "imputed" not in last_record(served)
    answer = ask(served, {**ROW, "age": "old"})
    assert (answer.status, answer.document["error"]["code"]) == (422, "wrong_type")


@pytest.mark.parametrize("value", ["31", "old", True, [1], {"a": 1}, ""])
def test_a_policy_to_impute_leaves_a_wrong_value_out_and_records_it(served: Plane, value: Any):
    hold(served, age=FieldPolicy(wrong_type="impute"))
    missing = ask(served, {**ROW, "age": None}).document["predictions"]
    assert "imputed" not in last_record(served)
    answer = ask(served, ROW, {**ROW, "age": value})
    assert answer.document["predictions"][1:] == missing
    assert last_record(served)["imputed"] == [[], ["age"]]
    assert last_record(served)["columns"]["age"] == [ROW["age"], None]


def test_a_column_that_must_not_be_missing_is_refused_by_name(served: Plane):
    hold(served, age=FieldPolicy(missing="reject"), colour=FieldPolicy(missing="reject"))
    assert ask(served, ROW).status == 200
    for column, value in (("age", None), ("colour", None), ("colour", " ")):
        answer = ask(served, ROW, {**ROW, column: value})
        error = answer.document["error"]
        assert (answer.status, error["code"], error["field"]) == (422, "missing_value", column)
        assert error["pointer"] == f"/instances/1/{column}"
        assert f"deployment.fields.{column}" in error["fix"]


def test_a_missing_value_may_be_recorded_as_imputed(served: Plane):
    hold(served, age=FieldPolicy(missing="impute"))
    assert ask(served, {**ROW, "age": None}).status == 200
    assert last_record(served)["imputed"] == [["age"]]


def test_a_category_that_training_never_saw_passes_unless_the_policy_says_otherwise(served: Plane):
    hold(served)
    assert ask(served, {**ROW, "colour": "mauve"}).status == 200
    hold(served, colour=FieldPolicy(unseen="reject"))
    assert ask(served, {**ROW, "colour": " red "}).status == 200
    answer = ask(served, {**ROW, "colour": "mauve"})
    assert (answer.status, answer.document["error"]["code"]) == (422, "unseen_value")
    hold(served, colour=FieldPolicy(unseen="impute"))
    assert (
        ask(served, {**ROW, "colour": "mauve"}).document["predictions"]
        == (ask(served, {**ROW, "colour": None}).document["predictions"])
    )


def test_the_openapi_document_tells_the_policies(served: Plane):
    hold(served, age=FieldPolicy(missing="reject"), member=FieldPolicy(wrong_type="pass"))
    document = served.ask("GET", "/openapi.json").document
    columns = document["components"]["schemas"][f"{ENDPOINT}.row"]["properties"]
    assert {"not": {"type": "null"}} in columns["age"]["allOf"]
    assert {"type": ["string", "number", "boolean"]} in columns["member"]["anyOf"]
    assert not any(each.get("type") == "string" for each in columns["income"]["anyOf"])


def test_a_manifest_keeps_the_policies(served: Plane):
    hold(served, age=FieldPolicy(missing="reject"))
    found = read(served.store, ENDPOINT)
    assert found is not None
    assert found.fields == {"age": FieldPolicy(missing="reject")}
    assert Loader(served.store).load(found).policing is not None


def test_unseen_categories_of_a_column_without_a_list_of_them_cannot_be_found(served: Plane):
    live = served.watch.endpoints[ENDPOINT].live
    assert live is not None
    with pytest.raises(StoreError, match="no list of known categories"):
        Version.of(
            live.version.model, endpoint=ENDPOINT, ref="m@1", bundle="b", policies={"age": FieldPolicy(unseen="reject")}
        )
