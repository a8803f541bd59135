"""Artifacts that an attacker would send, by name: made and offered to a door.

Whatever runs code writes the file that the scene calls ``canary``. The attacker is no bungler: manifests fit the bytes,
unless their not fitting is the attack.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tenfold.bundle.container import MANIFEST, read_files, sealed, zipped
from tenfold.bundle.signing import Signature, new_key, private_key, signed
from tenfold.foundation.serial import canonical_json

GOOD = Path(__file__).parents[1] / "unit" / "bundle" / "fixtures" / "format-1.zip"
Files = dict[str, bytes]


@dataclass(frozen=True)
class Scene:
    """Where an artifact is made: a folder of its own, the file that code would write, and the key that is trusted."""

    folder: Path
    canary: Path
    key: str


@dataclass(frozen=True)
class Artifact:
    """One of them: made, then offered to ``door``; ``says`` stands in the refusal."""

    door: str
    make: Callable[[Scene], Path]
    says: str


ARTIFACTS: dict[str, Artifact] = {}


def add(name: str, says: str, *, door: str = "bundle") -> Callable[[Callable[[Scene], Path]], Callable[[Scene], Path]]:
    def kept(make: Callable[[Scene], Path]) -> Callable[[Scene], Path]:
        assert name not in ARTIFACTS
        ARTIFACTS[name] = Artifact(door=door, make=make, says=says)
        return make

    return kept


class Runs:
    """Writes the canary when it is unpickled."""

    def __init__(self, canary: Path):
        self.canary = canary

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.canary}",)


def pickled(scene: Scene, protocol: int = 4) -> bytes:
    return pickle.dumps(Runs(scene.canary), protocol=protocol)


def objects(scene: Scene) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([Runs(scene.canary)]), allow_pickle=True)
    return buffer.getvalue()


def torch_like(scene: Scene) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(scene))
        archive.writestr("archive/version", "3")
    return buffer.getvalue()


def files() -> Files:
    found = dict(read_files(GOOD)[1])
    found.pop(MANIFEST, None)
    return found


def whole(scene: Scene, changed: Mapping[str, bytes], *, name: str = "model.zip") -> Path:
    place = scene.folder / name
    place.write_bytes(zipped(sealed(changed)))
    return place


def replaced(path: str, content: Callable[[Scene], bytes]) -> Callable[[Scene], Path]:
    return lambda scene: whole(scene, {**files(), path: content(scene)})


def edited(path: str, change: Callable[[dict], object]) -> Callable[[Scene], Path]:  # type: ignore[type-arg]
    def make(scene: Scene) -> Path:
        found = files()
        document = json.loads(found[path])
        change(document)
        return whole(scene, {**found, path: json.dumps(document).encode()})

    return make


def raw(content: Callable[[Scene], bytes], name: str = "model.zip") -> Callable[[Scene], Path]:
    def make(scene: Scene) -> Path:
        place = scene.folder / name
        place.write_bytes(content(scene))
        return place

    return make


def archived(change: Callable[[zipfile.ZipFile, Files], object]) -> Callable[[Scene], Path]:
    """A good bundle to whose zip something is done."""

    def make(scene: Scene) -> Path:
        place = scene.folder / "model.zip"
        with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
            found = sealed(files())
            change(archive, found)
            for path, content in found.items():
                archive.writestr(path, content)
        return place

    return make


def unpacked(change: Callable[[Path, Scene], object]) -> Callable[[Scene], Path]:
    """A good bundle as a folder, in which something is done."""

    def make(scene: Scene) -> Path:
        place = scene.folder / "model"
        for path, content in sealed(files()).items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(content)
        change(place, scene)
        return place

    return make


LINEAR = next(path for path in files() if path.endswith("linear.safetensors"))
TREES = next(path for path in files() if path.endswith("lightgbm.txt"))
VIEW = next(path for path in files() if path.endswith("view.json"))
VIEW_ARRAYS = VIEW.replace(".json", ".safetensors")
CODE = b"import os; os.system('touch CANARY')"

# Pickles in disguise.
for number in (0, 2, 3, 4, 5):
    add(f"a pickle of protocol {number} called model.json", f"'model.json'.*pickle .protocol {number}")(
        replaced("model.json", lambda scene, number=number: pickled(scene, number))  # type: ignore[misc]
    )
add("a pickle called lightgbm.txt", r"lightgbm\.txt'.*pickle")(replaced(TREES, pickled))
add("a pickle called safetensors", r"linear\.safetensors'.*pickle")(replaced(LINEAR, pickled))
add("a pickle called probe.json", r"probe\.json'.*pickle")(replaced("probe.json", pickled))
add("an array of objects called safetensors", r"view\.safetensors'.*objects, which is a pickle")(
    replaced(VIEW_ARRAYS, objects)
)
add("a PyTorch file called safetensors", r"linear\.safetensors'.*PyTorch")(replaced(LINEAR, torch_like))
add("a joblib file called model.json", r"model\.json'.*joblib")(
    replaced("model.json", lambda scene: b"ZF0x0000001f" + b" " * 8 + zlib.compress(pickled(scene)))
)
add("a pickle behind a JSON brace", r"model\.json'.*(not a JSON document|not hold)")(
    replaced("model.json", lambda scene: b"{" + pickled(scene))
)
add("a pickle between JSON braces", r"model\.json'.*not hold what it should")(
    replaced("model.json", lambda scene: b"{" + pickled(scene) + b"}")
)
add("a pickle of another house as a whole bundle", "model.zip' is not a zip file: it is a pickle")(raw(pickled))
add("a PyTorch file as a whole bundle", r"has no manifest\.json|is not a zip")(raw(torch_like))
add("a pickle before a good bundle", "model.zip' is not a zip file: it is a pickle")(
    raw(lambda scene: pickled(scene) + zipped(sealed(files())))
)

# Compressed pickles.
for kind, pack in (("gzip", gzip.compress), ("bzip2", bz2.compress), ("xz", lzma.compress), ("zlib", zlib.compress)):
    add(f"a pickle compressed with {kind} called model.json", f"model.json'.*compressed with {kind}.*a pickle")(
        replaced("model.json", lambda scene, pack=pack: pack(pickled(scene)))  # type: ignore[misc]
    )
add("a pickle compressed with gzip as a whole bundle", "not a zip file: it is compressed with gzip.*a pickle")(
    raw(lambda scene: gzip.compress(pickled(scene)))
)

# Programs and code.
for path, content in (
    ("evil.py", CODE),
    ("__init__.py", CODE),
    ("tenfold.pth", CODE),
    ("predictors/00/model.so", b"\x7fELF\x02\x01\x01"),
    ("predictors/00/model.pkl", b"\x80\x04."),
    ("predictors/00/keras.h5", b"\x89HDF\r\n\x1a\n"),
    ("views/run.sh", b"#!/bin/sh\n"),
):
    add(f"a listed file {path}", f"'{path}' is no file of a model")(
        lambda scene, path=path, content=content: whole(scene, {**files(), path: content})  # type: ignore[misc]
    )
add("a file that is not listed", r"'evil\.json', which its manifest does not list")(
    archived(lambda archive, found: archive.writestr("evil.json", "{}"))
)
add("a program called lightgbm.txt", r"lightgbm\.txt'.*a program")(
    replaced(TREES, lambda scene: b"\x7fELF" + bytes(60))
)
add("a program as a whole bundle", "it is a program")(raw(lambda scene: b"\x7fELF" + bytes(200)))
add("a script as a whole bundle", "it is a script")(raw(lambda scene: b"#!/bin/sh\ntouch x\n"))

# Traversal.
for path in (
    "../evil.json",
    "/etc/cron.d/evil",
    "views/../../evil.json",
    "a\\..\\..\\evil",
    "C:evil.json",
    "a//b.json",
):
    add(f"an archive that names {path}", "which is not a path inside of it")(
        archived(lambda archive, found, path=path: archive.writestr(path, b"x"))  # type: ignore[misc]
    )
add("a manifest that names ../model.json", r"'\.\./model\.json'")(
    lambda scene: whole(scene, {**files(), "../model.json": b"{}"})
)


@add("a tar that climbs out, called zip", "not a zip file: it is a tar archive")
def _tar(scene: Scene) -> Path:
    place = scene.folder / "model.zip"
    with tarfile.open(place, "w") as archive:
        entry = tarfile.TarInfo("../../evil")
        entry.size = len(CODE)
        archive.addfile(entry, io.BytesIO(CODE))
    return place


# Links and devices.
def link(archive: zipfile.ZipFile, found: Files) -> None:
    entry = zipfile.ZipInfo("model.json")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(entry, b"/etc/passwd")
    del found["model.json"]


def linked(path: str, target: str) -> Callable[[Scene], Path]:
    def change(place: Path, scene: Scene) -> None:
        (place / path).unlink()
        (place / path).symlink_to(target)

    return unpacked(change)


def pipe(place: Path, scene: Scene) -> None:
    (place / "model.json").unlink()
    os.mkfifo(place / "model.json")


def linked_folder(place: Path, scene: Scene) -> None:
    (place / "views").rename(scene.folder / "views")
    (place / "views").symlink_to(scene.folder / "views")


add("a link in an archive", "'model.json' .* is a link")(archived(link))
add("a link to a file of others", "'model.json' .* is a link")(linked("model.json", "/etc/passwd"))
add("a link to a device without end", "'probe.json' .* is a link")(linked("probe.json", "/dev/zero"))
add("a linked folder", "'views' .* is a link")(unpacked(linked_folder))
add("a pipe that never answers", "'model.json' .* a link or a device")(unpacked(pipe))


# Bombs.
@add("an archive that says it unpacks to a terabyte", "bomb")
def _terabyte(scene: Scene) -> Path:
    place = scene.folder / "model.zip"
    content = bytearray(zipped(sealed(files())))
    directory = content.find(b"PK\x01\x02")
    struct.pack_into("<L", content, directory + 24, 0xF0000000)
    place.write_bytes(bytes(content))
    return place


add("a gigabyte of blanks as the manifest", r"manifest\.json of .* is larger than 4 MiB")(
    archived(lambda archive, found: found.__setitem__(MANIFEST, b" " * (5 << 20)))
)


@add("two gigabytes that the manifest agrees with", "would be larger than 1024 MiB|bomb")
def _agreed(scene: Scene) -> Path:
    listed = json.loads(sealed(files())[MANIFEST])
    listed["files"]["zeros.json"] = {"sha256": "0" * 64, "bytes": 2 << 30}
    place = scene.folder / "model.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, json.dumps(listed))
        for path, content in files().items():
            archive.writestr(path, content)
        archive.writestr("zeros.json", b"x")
    return place


@add("more files than a model has", "more than 10000 files")
def _many(scene: Scene) -> Path:
    place = scene.folder / "model.zip"
    with zipfile.ZipFile(place, "w") as archive:
        for number in range(10_001):
            archive.writestr(f"{number}.json", b"")
    return place


@add("a file packed by a method that unpacks without measure", "is not packed by deflate")
def _lzma(scene: Scene) -> Path:
    place = scene.folder / "model.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_LZMA) as archive:
        for path, content in sealed(files()).items():
            archive.writestr(path, content)
    return place


add("JSON a hundred thousand deep", r"'model\.json' is nested 100000 deep")(
    replaced("model.json", lambda scene: b"[" * 100_000 + b"]" * 100_000)
)
add("JSON deep behind a name full of brackets", r"'model\.json' is nested")(
    replaced("model.json", lambda scene: b'{"' + b"]" * 500 + b'":' + b"[" * 200 + b"]" * 200 + b"}")
)


def arrays(header: object, body: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def array(**changes: object) -> bytes:
    entry = {"dtype": "F64", "shape": [1], "data_offsets": [0, 8], **changes}
    return arrays({"coefficients": entry}, bytes(8))


add("an array larger than the world", "linear.*shape")(replaced(LINEAR, lambda scene: array(shape=[1 << 62, 4])))
add("an array of nothing with endless sides", "linear.*shape")(
    replaced(LINEAR, lambda scene: array(shape=[0, 1 << 80]))
)
add("an array with a hundred sides", "linear.*shape")(replaced(LINEAR, lambda scene: array(shape=[1] * 100)))
add("an array that begins outside of the file", "linear")(replaced(LINEAR, lambda scene: array(data_offsets=[-8, 0])))
add("an array of Python objects", "linear.*unknown type 'O'")(replaced(LINEAR, lambda scene: array(dtype="O")))
add("a header longer than the file", "linear.*not a file of arrays")(
    replaced(LINEAR, lambda scene: (1 << 63).to_bytes(8, "little") + b"{" + bytes(50))
)


def trees(find: bytes, instead: bytes) -> Callable[[Scene], bytes]:
    def content(scene: Scene) -> bytes:
        found = files()[TREES]
        start = found.index(find)
        return found[:start] + instead + found[found.index(b"\n", start) :]

    return content


add("trees whose branches lead out of memory", "lightgbm|predictors.*left_child")(
    replaced(TREES, trees(b"left_child=", b"left_child=999999"))
)
add("trees of a billion scores", "predictors.*(scores|num_tree)")(
    replaced(TREES, trees(b"num_tree_per_iteration=", b"num_tree_per_iteration=999999999"))
)


# Tampered bytes.
def flipped(place: Path, scene: Scene) -> None:
    content = (place / LINEAR).read_bytes()
    (place / LINEAR).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def shorter(place: Path, scene: Scene) -> None:
    (place / TREES).write_bytes((place / TREES).read_bytes()[:-10])


def hash_edited(place: Path, scene: Scene) -> None:
    listed = json.loads((place / MANIFEST).read_bytes())
    listed["files"]["model.json"]["sha256"] = "0" * 64
    (place / MANIFEST).write_text(json.dumps(listed))


def missing(place: Path, scene: Scene) -> None:
    (place / "probe.json").unlink()


def turned(scene: Scene) -> bytes:
    good = zipped(sealed(files()))
    return good[:400] + bytes([good[400] ^ 8]) + good[401:]


add("one bit of a weight", r"linear\.safetensors' .* was changed")(unpacked(flipped))
add("trees that lost their end", r"lightgbm\.txt' .* bytes, its manifest says")(unpacked(shorter))
add("a hash that was written anew", r"model\.json' .* was changed")(unpacked(hash_edited))
add("a bundle without its probe", r"lacks the file 'probe\.json'")(unpacked(missing))
add("an archive with a byte turned", "model.zip'")(raw(turned))


@add("a file that is there twice", "holds 'model.json' twice|twice")
def _twice(scene: Scene) -> Path:
    content = zipped(sealed({**files(), "modem.json": b"{}"}))
    place = scene.folder / "model.zip"
    place.write_bytes(content.replace(b"modem.json", b"model.json"))
    return place


# Names to import.
for kind in ("os.system", "builtins.eval", "pickle.loads", "tenfold_hostile_canary.Predictor"):
    add(f"a predictor called {kind}", f"'{kind}' is not a predictor")(
        edited("model.json", lambda facts, kind=kind: facts["parts"][0].update(predictor=kind))  # type: ignore[misc]
    )
    add(f"a transform called {kind}", f"'{kind}' is not a transform")(
        edited(VIEW, lambda steps, kind=kind: steps[0].update(kind=kind))  # type: ignore[misc]
    )
add("a link function to run", "predictors/")(
    edited(TREES.replace(".txt", ".json"), lambda facts: facts.update(link="__import__('os').system('x')"))
)
add("a task that is code", "model.json")(edited("model.json", lambda facts: facts.update(task="__import__('os')")))
add("a view that lies elsewhere", r"views/\.\./")(edited("model.json", lambda facts: facts.update(views=["../../etc"])))


# ONNX that reads files of others, runs without end, or calls operators of others.
def message(*entries: tuple[int, bytes | int]) -> bytes:
    """A message of protocol buffers: numbers and bytes by the number of their field."""
    written = b""
    for number, value in entries:
        if isinstance(value, int):
            written += varint(number << 3) + varint(value)
        else:
            written += varint(number << 3 | 2) + varint(len(value)) + value
    return written


def varint(value: int) -> bytes:
    written = b""
    while value > 0x7F:
        written += bytes([value & 0x7F | 0x80])
        value >>= 7
    return written + bytes([value])


def onnx(graph: bytes, *more: tuple[int, bytes | int]) -> bytes:
    return message((1, 8), (8, message((2, 17))), (7, graph), *more)


EXTERNAL = message((13, message((1, b"location"), (2, b"/etc/passwd"))), (14, 1))
NESTED = b""
for _ in range(50):
    NESTED = message((1, message((5, message((6, NESTED))))))
MODELS = {
    "an ONNX model with its values in /etc/passwd": (onnx(message((5, EXTERNAL))), "values in other files"),
    "an ONNX model with an operator of others": (
        onnx(message((1, message((4, b"Run"), (7, b"com.evil"))))),
        "operator of 'com.evil'",
    ),
    "an ONNX model with operators of others": (
        onnx(b"", (8, message((1, b"ai.evil"), (2, 1)))),
        "operators of 'ai.evil'",
    ),
    "an ONNX model that runs without end": (onnx(message((1, message((4, b"Loop"))))), "Loop"),
    "an ONNX model in an ONNX model": (onnx(NESTED), "nested deeper"),
    "an ONNX model that is cut short": (onnx(message((1, message((4, b"Add")))))[:-2], "cut short|no message"),
}
# A graph that has no input of the name that the layout gives: the runtime itself must refuse it, in its closed process.
MODELS["an ONNX model without what it promises"] = (
    onnx(message((2, b"g"), (1, message((1, b"a"), (2, b"b"), (4, b"Neg"))))),
    "was refused|cannot be run|no input|reads nothing|ONNX",
)
LAYOUT = json.dumps(
    {"inputs": [["x", "float"]], "columns": 1, "output": "y", "scores": 1, "order": []}, sort_keys=True
).encode()


def with_onnx(content: bytes) -> Callable[[Scene], Path]:
    def make(scene: Scene) -> Path:
        found = {path: each for path, each in files().items() if not path.startswith("predictors/00/")}
        facts = json.loads(found["model.json"])
        facts["parts"][0]["predictor"] = "onnx"
        found["model.json"] = json.dumps(facts).encode()
        return whole(scene, {**found, "predictors/00/model.onnx": content, "predictors/00/onnx.json": LAYOUT})

    return make


for called, (model, said) in MODELS.items():
    add(f"{called}, in a bundle", f"predictors/00/.*({said})")(with_onnx(model))
    add(f"{called}, to import", said, door="import")(raw(lambda scene, model=model: model, "model.onnx"))  # type: ignore[misc]

# What is offered to be imported.
for protocol in (0, 2, 4):
    add(f"a pickle of protocol {protocol} to import", "pickle|no model|not", door="import")(
        raw(lambda scene, protocol=protocol: pickled(scene, protocol), "model.txt")  # type: ignore[misc]
    )
for kind, pack in (("gzip", gzip.compress), ("zlib", zlib.compress), ("xz", lzma.compress)):
    add(f"a pickle compressed with {kind} to import", "compressed", door="import")(
        raw(lambda scene, pack=pack: pack(pickled(scene)), "model.json")  # type: ignore[misc]
    )
add("a PyTorch file to import", "model.onnx", door="import")(raw(torch_like, "model.onnx"))
add("an array of objects to import", "model.ubj", door="import")(raw(objects, "model.ubj"))


@add("a skops file that names os.system", "os.system|posix|system|trusted|skops", door="import")
def _skops(scene: Scene) -> Path:
    place = scene.folder / "model.skops"
    schema = {
        "__class__": "partial",
        "__module__": "functools",
        "__loader__": "PartialNode",
        "content": {"func": {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode", "__id__": 2}},
        "__id__": 1,
        "protocol": 2,
        "_skops_version": "0.13.0",
    }
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("schema.json", json.dumps(schema))
    return place


@add("a folder of MLflow that names a module to import", "MLmodel|flavou?r|python|MLflow", door="import")
def _mlflow(scene: Scene) -> Path:
    place = scene.folder / "mlflow"
    (place / "code").mkdir(parents=True)
    (place / "code" / "tenfold_hostile_canary.py").write_bytes(CODE.replace(b"CANARY", str(scene.canary).encode()))
    (place / "MLmodel").write_text(
        "flavors:\n  python_function:\n    loader_module: tenfold_hostile_canary\n    code: code\n"
        "    python_model: python_model.pkl\n"
    )
    (place / "python_model.pkl").write_bytes(pickled(scene))
    return place


# Signatures: all of these bundles are good, and lie where only one key counts.
def signature(change: Callable[[str, Scene], bytes | None]) -> Callable[[Scene], Path]:
    def make(scene: Scene) -> Path:
        place = scene.folder / "model.zip"
        place.write_bytes(GOOD.read_bytes())
        written = change(read_files(GOOD)[0], scene)
        if written is not None:
            place.with_name("model.zip.sig").write_bytes(written)
        return place

    return make


def ours(bundle: str, scene: Scene) -> dict:  # type: ignore[type-arg]
    return json.loads(signed(bundle, private_key(scene.key))[1])  # type: ignore[no-any-return]


def theirs(bundle: str) -> dict:  # type: ignore[type-arg]
    return json.loads(signed(bundle, private_key(new_key()[0].decode()))[1])  # type: ignore[no-any-return]


add("a bundle that nobody signed", "is not signed", door="signed")(signature(lambda bundle, scene: None))
add("a bundle that another key signed", "does not trust", door="signed")(
    signature(lambda bundle, scene: json.dumps(theirs(bundle)).encode())
)
add("a signature that claims to be ours", "signature .* is wrong", door="signed")(
    signature(lambda bundle, scene: json.dumps({**theirs(bundle), "key": ours(bundle, scene)["key"]}).encode())
)
add("our signature of another bundle", "of another bundle", door="signed")(
    signature(lambda bundle, scene: json.dumps(ours("0" * 64, scene)).encode())
)
add("our signature of another bundle, renamed", "signature .* is wrong", door="signed")(
    signature(lambda bundle, scene: json.dumps({**ours("0" * 64, scene), "bundle": bundle}).encode())
)
add("a signature by no algorithm", "only ed25519", door="signed")(
    signature(lambda bundle, scene: json.dumps({**ours(bundle, scene), "algorithm": "none", "signature": ""}).encode())
)
add("an empty signature", "signature .* is wrong", door="signed")(
    signature(
        lambda bundle, scene: canonical_json(Signature(bundle=bundle, key=ours(bundle, scene)["key"], signature=""))
    )
)
add("a pickle for a signature", "is not a signature", door="signed")(signature(lambda bundle, scene: pickled(scene)))
