"""An export of a project that trusts keys: nothing that they did not sign is opened where it goes."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from deployed_scene import subject
from tests.unit.bundle.bundle_scene import model, table

import tenfold
from tenfold.bundle.format import load_bundle, write_bundle
from tenfold.bundle.signing import (
    TRUSTED_VARIABLE,
    PublicKey,
    Signature,
    Trust,
    keys_of_all,
    new_key,
    private_key,
    public_key,
    signed,
)
from tenfold.exports.container import ContainerExport, as_one_file
from tenfold.exports.hard_rows import hard_rows
from tenfold.exports.isolated import Isolated, predictions_of
from tenfold.exports.mlflow import MLflowExport
from tenfold.exports.protocols import Refused, Subject
from tenfold.exports.trusted import environment_of
from tenfold.exports.wheels import Wheel
from tenfold.exports.write import write_export
from tenfold.foundation.errors import StoreError
from tenfold.foundation.fingerprint import hash_bytes
from tenfold.foundation.serial import from_json

ROWS = 40


def key(folder: Path, name: str) -> tuple[str, PublicKey]:
    private, public, _ = new_key()
    (folder / name).write_bytes(private)
    (folder / f"{name}.pub").write_bytes(public)
    return str(folder / name), public_key(folder / f"{name}.pub")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    folder = tmp_path_factory.mktemp("signed")
    private, public = key(folder, "ours")
    found = subject(folder)
    _, content = signed(found.bundle, private_key(private))
    return replace(found, trusted=(public,), signature=from_json(Signature, content))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes, bytes]:
    """Return another bundle's name and bytes, and its signature by a key that nobody trusts."""
    folder = tmp_path_factory.mktemp("other")
    name = write_bundle(model(), table().head(31), folder / "bundle.zip")
    private, _ = key(folder, "theirs")
    return name, as_one_file(folder / "bundle.zip"), signed(name, private_key(private))[1]


def test_a_key_that_is_carried_is_the_one_that_was_trusted(asked: Subject, tmp_path: Path) -> None:
    (tmp_path / "carried.pem").write_bytes(asked.trusted[0].pem())
    assert public_key(tmp_path / "carried.pem") == asked.trusted[0]


def test_only_keys_that_everyone_trusts_are_carried(tmp_path: Path) -> None:
    (_, one), (_, both), (_, two) = (key(tmp_path, name) for name in ("one", "both", "two"))
    trusts = [Trust(keys=(one, both), said_by="the file"), Trust(keys=(both, two), said_by="the environment")]
    assert keys_of_all(trusts) == (both,)
    assert keys_of_all([]) == ()


@pytest.fixture
def pyfunc(asked: Subject, tmp_path: Path) -> Path:
    written = write_export(MLflowExport(), asked, tmp_path / "model", hard=hard_rows(asked.model, count=ROWS))
    return written.folder


def _pyfunc_refuses(folder: Path, asked: Subject, said: str) -> None:
    with pytest.raises(Refused, match=said):
        MLflowExport().answers(folder, asked, hard_rows(asked.model, count=5).rows)


def test_an_mlflow_folder_refuses_an_unsigned_bundle_and_one_that_others_signed(
    asked: Subject, pyfunc: Path, other: tuple[str, bytes, bytes]
) -> None:
    assert sorted(path.name for path in (pyfunc / "code" / "trusted").iterdir()) == [
        f"{asked.trusted[0].fingerprint}.pem"
    ]
    assert "cryptography==" in (pyfunc / "requirements.txt").read_text()
    assert not [path for path in pyfunc.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    data = pyfunc / "data"
    # Whoever exchanges the bundle exchanges its name as well; the hashes are then in order.
    name, content, signature = other
    (data / "bundle.zip").write_bytes(content)
    (data / "named.json").write_text(json.dumps({"version": "stays@3", "bundle": name}))
    _pyfunc_refuses(pyfunc, asked, "is of another bundle")
    (data / "bundle.zip.sig").write_bytes(signature)
    _pyfunc_refuses(pyfunc, asked, "is signed with the key .* does not trust")
    (data / "bundle.zip.sig").unlink()
    _pyfunc_refuses(pyfunc, asked, "is not signed")


@pytest.fixture
def image(asked: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the image but for its packages, which other tests prove and benchmarks/container.py runs."""
    monkeypatch.setattr("tenfold.exports.container.packed", _named)
    folder = tmp_path / "image"
    for name, content in ContainerExport().files(asked).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def _named(name: str) -> Wheel:
    return Wheel(name=name, version="1", file=f"{name}-1-py3-none-any.whl", content=name.encode(), licence="MIT")


def test_the_image_is_told_of_the_keys_outside_of_its_store_and_has_what_checks_them(
    image: Path, asked: Subject
) -> None:
    name = f"{asked.trusted[0].fingerprint}.pem"
    lines = (image / "Dockerfile").read_text().splitlines()
    assert "COPY trusted /etc/tenfold/trusted" in lines
    assert f"ENV {TRUSTED_VARIABLE}=/etc/tenfold/trusted/{name}" in lines
    assert "!trusted" in (image / ".dockerignore").read_text().splitlines()
    assert public_key(image / "trusted" / name) == asked.trusted[0]
    assert "cryptography==" in (image / "requirements.txt").read_text()
    assert (image / "store" / "signatures" / f"{asked.bundle}.sig").is_file()
    assert asked.trusted[0].fingerprint in (image / "README.md").read_text()


def test_the_gateway_of_the_image_does_not_serve_a_bundle_that_none_of_its_keys_signed(
    image: Path, asked: Subject, other: tuple[str, bytes, bytes], tmp_path: Path
) -> None:
    assert len(_served(image, asked, tmp_path / "before")) == 3
    name, content, signature = other
    manifest = image / "store" / "endpoints" / "Stays_1.json"
    described = json.loads(manifest.read_bytes())
    blob = hash_bytes(content)
    described["routes"][0] |= {"bundle": name, "path": f"blobs/{blob[:2]}/{blob}"}
    (image / "store" / "blobs" / blob[:2]).mkdir(exist_ok=True)
    (image / "store" / "blobs" / blob[:2] / blob).write_bytes(content)
    manifest.write_text(json.dumps(described))
    (image / "store" / "signatures" / f"{name}.sig").write_bytes(signature)
    with pytest.raises(Refused, match=r"has no version that can answer"):
        _served(image, asked, tmp_path / "after")
    with pytest.raises(StoreError, match=r"is signed with the key .* does not trust"):
        _opened(image, asked, described["routes"][0]["path"])


def _opened(image: Path, asked: Subject, path: str) -> None:
    """Open a bundle of the image's store as its gateway's workers do, for the reason that they say."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment_of(asked, image / "trusted").items():
            patch.setenv(name, value)
        load_bundle(image / "store" / path)


def _served(image: Path, asked: Subject, folder: Path) -> list[object]:
    """Return what a gateway answers that has the image's store and what the image sets for it."""
    folder.mkdir()
    source = str(Path(tenfold.__file__).parents[1])
    told = {**environment_of(asked, image / "trusted"), "PYTHONPATH": source}
    alone = Isolated(python=Path(sys.executable), site=folder, folder=folder, environment=told)
    assert asked.model.probe is not None
    rows = json.loads(orjson.dumps(asked.model.probe.rows.head(3).to_dicts()))
    with alone.serving(image / "store") as url:
        return predictions_of(url, "Stays_1", rows)


def test_an_image_of_a_project_without_keys_knows_nothing_of_them(
    asked: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenfold.exports.container._wheels", lambda _: ())
    files = ContainerExport().files(replace(asked, trusted=(), signature=None))
    assert not [name for name in files if "trusted" in name or "signatures" in name]
    assert TRUSTED_VARIABLE.encode() not in files["Dockerfile"]
