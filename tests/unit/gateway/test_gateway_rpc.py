"""The Open Inference Protocol over gRPC, through a real server and a real channel."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import grpc
import pytest
from tests.unit.gateway.gateway_scene import ENDPOINT, ROW, body_of
from tests.unit.gateway.protocol_scene import DATATYPES, Plane, packed, plane

from tenfold.gateway.limits import Limits

CALL = base64.b64decode(
    "CgdtZW1iZXJzGgNyLTEqDgoDYWdlEgRGUDY0GgEBKhEKBmluY29tZRIERlA2NBoBASoSCgZjb2xvdXISBUJZVEVTGgEBKhAKBHRvd24SBUJZVE"
    "VTGgEBKhEKBm1lbWJlchIEQk9PTBoBASoSCgZqb2luZWQSBUJZVEVTGgEBKhAKBG5vdGUSBUJZVEVTGgEBOggAAAAAAAA/QDoIAAAAAADCkkA6"
    "BwMAAAByZWQ6CwcAAABUw7N3biA1OgEBOh0ZAAAAMjAyNi0wMy0wMVQxMDowMDowMCswMTowMDoLBwAAAHNvIGxvbmc="
)
"""ModelInferRequest for ROW as tritonclient 2.73 writes it."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with plane(tmp_path_factory.mktemp("rpc")) as found:
        yield found


Call = Callable[[str, bytes], Awaitable[bytes]]


def through(served: Plane, work: Callable[[Call], Awaitable[Any]]) -> Any:
    """Do something with a channel to a server that answers for the application."""
    from tenfold.gateway.rpc.messages import SERVICE
    from tenfold.gateway.rpc.server import Service, start

    async def both() -> Any:
        server, port = await start(Service(served.application), "127.0.0.1:0", Limits())
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:

                async def call(method: str, request: bytes) -> bytes:
                    answer: bytes = await channel.unary_unary(f"/{SERVICE}/{method}")(request, timeout=20)
                    return answer

                return await work(call)
        finally:
            await server.stop(1)

    return asyncio.run(both())


def asked(served: Plane, method: str, **fields: Any) -> Any:
    from tenfold.gateway.rpc.messages import message_class

    request = message_class(f"{method}Request")(**fields).SerializeToString()
    answer = through(served, lambda call: call(method, request))
    return message_class(f"{method}Response").FromString(answer)


def refusal(served: Plane, request: Any) -> tuple[Any, str, dict[str, Any]]:
    async def work(call: Call) -> tuple[Any, str, dict[str, Any]]:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call("ModelInfer", request.SerializeToString())
        facts = dict(error.value.trailing_metadata())
        return error.value.code(), error.value.details(), json.loads(facts["tenfold-refusal"])

    found: tuple[Any, str, dict[str, Any]] = through(served, work)
    return found


def request_for(*rows: dict[str, Any], **beside: Any) -> Any:
    """Rows as typed contents."""
    from tenfold.gateway.rpc.messages import message_class

    kinds = {"FP64": "fp64_contents", "BOOL": "bool_contents", "BYTES": "bytes_contents"}
    request = message_class("ModelInferRequest")(model_name=ENDPOINT, **beside)
    for name, datatype in DATATYPES.items():
        values = [row[name].encode() if isinstance(row[name], str) else row[name] for row in rows]
        request.inputs.add(name=name, datatype=datatype, shape=[len(rows)], contents={kinds[datatype]: values})
    return request


def native(served: Plane, *rows: dict[str, Any]) -> list[float]:
    predictions = served.ask("POST", f"/predict/{ENDPOINT}", body_of(*rows)).document["predictions"]
    return [prediction["proba_yes"] for prediction in predictions]


def test_the_call_of_a_real_client_gets_raw_outputs(served: Plane):
    from tenfold.gateway.rpc.messages import message_class

    answer = message_class("ModelInferResponse").FromString(through(served, lambda call: call("ModelInfer", CALL)))
    assert (answer.model_name, answer.model_version, answer.id) == (ENDPOINT, "1", "r-1")
    names = [output.name for output in answer.outputs]
    assert answer.raw_output_contents[names.index("proba_yes")] == packed("FP64", native(served, ROW))


def test_typed_contents_get_typed_outputs(served: Plane):
    rows = [ROW, {**ROW, "age": 40.5, "colour": "mauve"}]
    request = request_for(*rows, outputs=[{"name": "proba_yes"}])
    from tenfold.gateway.rpc.messages import message_class

    content = through(served, lambda call: call("ModelInfer", request.SerializeToString()))
    (output,) = message_class("ModelInferResponse").FromString(content).outputs
    assert list(output.contents.fp64_contents) == native(served, *rows)


def test_server_and_model_tell_of_themselves(served: Plane):
    assert asked(served, "ServerLive").live
    assert asked(served, "ServerReady").ready
    assert asked(served, "ServerMetadata").name == "tenfold"
    assert asked(served, "ModelReady", name=ENDPOINT, version="1").ready
    found = asked(served, "ModelMetadata", name=ENDPOINT)
    assert {tensor.name: tensor.datatype for tensor in found.inputs} == DATATYPES


def put_parameter(request: Any, name: str, value: int) -> None:
    request.parameters[name].int64_param = value


def put_text(request: Any, place: int, content: bytes) -> None:
    request.inputs[place].contents.bytes_contents[0] = content


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        (lambda request: setattr(request, "model_name", "member"), "NOT_FOUND", "unknown_endpoint"),
        (lambda request: setattr(request, "model_version", "9"), "NOT_FOUND", "unknown_version"),
        (lambda request: request.inputs.pop(), "INVALID_ARGUMENT", "missing_field"),
        (lambda request: request.inputs.add(name="x", datatype="FP64", shape=[1]), "INVALID_ARGUMENT", "wrong_shape"),
        (lambda request: request.outputs.add(name="x"), "INVALID_ARGUMENT", "unknown_output"),
        (lambda request: request.raw_input_contents.append(b"x"), "INVALID_ARGUMENT", "wrong_shape"),
        (lambda request: setattr(request.inputs[0], "datatype", "FP99"), "INVALID_ARGUMENT", "wrong_type"),
        (lambda request: setattr(request.inputs[0], "datatype", "INT64"), "INVALID_ARGUMENT", "wrong_shape"),
        (lambda request: request.inputs[0].shape.append(2), "INVALID_ARGUMENT", "wrong_shape"),
        (lambda request: put_parameter(request, "sequence_id", 4), "INVALID_ARGUMENT", "unsupported"),
        (lambda request: put_text(request, 5, b"soon"), "INVALID_ARGUMENT", "wrong_type"),
        (lambda request: put_text(request, 6, b"\xff"), "INVALID_ARGUMENT", "wrong_type"),
    ],
)  # fmt: skip
def test_a_refusal_has_its_status_text_and_facts(served: Plane, change: Callable[[Any], Any], status: str, code: str):
    request = request_for(ROW)
    change(request)
    found, text, facts = refusal(served, request)
    assert found is grpc.StatusCode[status]
    assert (facts["code"], set(facts)) == (code, {"code", "message", "instance", "field", "pointer", "fix"})
    assert text.startswith(facts["message"])


def rows_counted(served: Plane) -> float:
    """Return what is counted of the endpoint's rows; nothing is before the first."""
    name = f'tenfold_rows_total{{endpoint="{ENDPOINT}"}} '.encode()
    return float((served.ask("GET", "/metrics").body.partition(name)[2].split() or [b"0"])[0])


def test_the_service_is_counted_with_the_rest(served: Plane):
    before = rows_counted(served)
    through(served, lambda call: call("ModelInfer", CALL))
    assert rows_counted(served) == before + 1
