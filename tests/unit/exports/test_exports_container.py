from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from deployed_scene import subject

from tenfold.bundle.container import read_files
from tenfold.exports.container import ContainerExport
from tenfold.exports.hard_rows import hard_rows
from tenfold.exports.isolated import isolated
from tenfold.exports.protocols import Refused, Subject
from tenfold.exports.wheels import OWN, closure, given, own_wheel, packed
from tenfold.exports.write import Written, write_export
from tenfold.foundation.errors import InputError
from tenfold.records.release import FieldPolicy
from tenfold.store import endpoints

FULL = os.environ.get("TENFOLD_FAULTS") == "full"
ROWS = 10_000 if FULL else 400


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    found = subject(tmp_path_factory.mktemp("bundle"))
    return replace(found, fields={found.model.signature.names[0]: FieldPolicy(missing="reject")})


@pytest.fixture(scope="module")
def written(asked: Subject, tmp_path_factory: pytest.TempPathFactory) -> Written:
    with pytest.MonkeyPatch.context() as patch:
        if not FULL:
            # Wheels that are stored say the same as wheels that are packed tightly, which takes most of the time.
            patch.setattr("tenfold.exports.wheels._LEVEL", 0)
        hard = hard_rows(asked.model, count=ROWS)
        return write_export(ContainerExport(), asked, tmp_path_factory.mktemp("out") / "container", hard=hard)


def test_the_packages_of_the_image_alone_answer_the_hard_rows_and_serve_the_bundles_own(
    written: Written,
) -> None:
    assert written.proof.rows == ROWS
    assert written.proof.greatest_difference <= 1e-9
    assert not (written.folder / "store" / "log").exists()


def test_every_package_is_locked_by_the_hash_of_a_wheel_that_is_there(written: Written) -> None:
    lock = (written.folder / "requirements.txt").read_text()
    locked = dict(re.findall(r"^([a-z0-9-]+)==\S+ \\\n    --hash=sha256:([0-9a-f]{64})$", lock, re.MULTILINE))
    there = {hashlib.sha256(path.read_bytes()).hexdigest(): path.name for path in (written.folder / "wheels").iterdir()}
    assert set(locked.values()) == set(there)
    assert {"tenfold", "granian", "polars", "lightgbm"} <= set(locked)
    # What only the lab needs stays out.
    assert not {"scikit-learn", "scipy", "duckdb", "sqlalchemy", "pyarrow"} & set(locked)


def test_the_bill_of_materials_lists_every_wheel_with_its_hash_and_the_model(written: Written, asked: Subject) -> None:
    bill = json.loads((written.folder / "sbom.cdx.json").read_bytes())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    listed = {each["hashes"][0]["content"] for each in bill["components"]}
    assert listed == {hashlib.sha256(path.read_bytes()).hexdigest() for path in (written.folder / "wheels").iterdir()}
    assert all(each.get("licenses") for each in bill["components"])
    model = bill["metadata"]["component"]
    assert (model["type"], model["hashes"][0]["content"]) == ("machine-learning-model", asked.bundle)
    assert set(bill["dependencies"][0]["dependsOn"]) == {each["bom-ref"] for each in bill["components"]}


def test_the_image_runs_as_a_user_without_rights_and_is_looked_after(written: Written) -> None:
    lines = (written.folder / "Dockerfile").read_text().splitlines()
    assert "USER 10001:10001" in lines
    assert any(line.startswith("HEALTHCHECK ") and "/readyz" in line for line in lines)
    install = " ".join(lines)
    assert "--no-index" in install
    assert "--require-hashes" in install
    assert not re.search(r"\$[a-z]", install), "a place of the template was left open"
    copied = [line.split()[-2] for line in lines if line.startswith("COPY ") and "--from" not in line]
    assert all((written.folder / name).exists() for name in copied)


def test_the_store_of_the_image_serves_the_one_version_by_its_hash_with_the_files_policies(
    written: Written, asked: Subject
) -> None:
    store = written.folder / "store"
    served = endpoints.read(store, "Stays_1")
    assert served is not None
    (route,) = served.routes
    assert (route.ref, route.bundle, route.threshold) == ("stays@3", asked.bundle, 0.4)
    assert read_files(store / route.path)[0] == asked.bundle
    assert served.fields == asked.fields


def test_equal_versions_make_equal_folders(written: Written, asked: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    # The wheels are compared by one of them: packing all of them once more would only take longer.
    monkeypatch.setattr("tenfold.exports.container._wheels", lambda _: (packed("shellingham"), own_wheel()))
    first, second = ContainerExport().files(asked), ContainerExport().files(asked)
    assert first == second
    assert first["Dockerfile"] == (written.folder / "Dockerfile").read_bytes()


def test_an_image_that_lacks_a_package_is_refused_with_its_name() -> None:
    with isolated([own_wheel().content]) as alone, pytest.raises(Refused, match="No module named 'numpy'"):
        alone.ask(["-m", "tenfold.exports.asked"], {})


def test_a_base_that_is_no_name_of_an_image_is_refused(asked: Subject) -> None:
    with pytest.raises(InputError, match="does not name an image"):
        ContainerExport().files(replace(asked, options={"base": "python:3\nRUN true"}))


def test_an_installer_takes_a_packed_wheel_for_what_it_is(tmp_path: Path) -> None:
    wheel = packed("shellingham")
    (tmp_path / wheel.file).write_bytes(wheel.content)
    lock = f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}"
    (tmp_path / "lock.txt").write_text(lock)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    command += ["--find-links", str(tmp_path), "--require-hashes", "--target", str(tmp_path / "site")]
    subprocess.run([*command, "-r", str(tmp_path / "lock.txt")], check=True)
    import shellingham

    own = Path(shellingham.__file__)
    assert (tmp_path / "site" / "shellingham" / own.name).read_bytes() == own.read_bytes()


def test_the_own_wheel_holds_what_is_not_python_too() -> None:
    with zipfile.ZipFile(BytesIO(own_wheel().content)) as archive:
        names = set(archive.namelist())
    assert {"tenfold/py.typed", "tenfold/exports/templates/Dockerfile", "tenfold/gateway/worker.py"} <= names
    assert not any("__pycache__" in name for name in names)


def _installed(site: Path, content: bytes, recorded: bytes) -> None:
    (site / "toy_package").mkdir(parents=True)
    (site / "toy_package" / "__init__.py").write_bytes(content)
    info = site / "toy_package-1.0.dist-info"
    info.mkdir()
    digest = base64.urlsafe_b64encode(hashlib.sha256(recorded).digest()).rstrip(b"=").decode()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-package\nVersion: 1.0\n")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nTag: py2-none-any\nTag: py3-none-any\n")
    (info / "RECORD").write_text(
        f"toy_package/__init__.py,sha256={digest},{len(recorded)}\n"
        "toy_package-1.0.dist-info/METADATA,,\ntoy_package-1.0.dist-info/WHEEL,,\ntoy_package-1.0.dist-info/RECORD,,\n"
    )


def test_a_package_is_packed_under_its_own_tags_and_without_what_the_installer_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _installed(tmp_path, b"one = 1\n", b"one = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    wheel = packed("toy-package")
    assert (wheel.name, wheel.file) == ("toy-package", "toy_package-1.0-py2.py3-none-any.whl")


def test_a_package_that_was_changed_after_it_was_installed_is_not_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _installed(tmp_path, b"one = 2\n", b"one = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Refused, match=r"toy_package/__init__.py' was changed after toy-package was installed"):
        packed("toy-package")


def test_wheels_that_a_folder_lacks_are_named_with_the_command_that_fetches_them(tmp_path: Path) -> None:
    wheel = packed("shellingham")
    (tmp_path / wheel.file).write_bytes(wheel.content)
    (found,) = given(tmp_path, ["shellingham"])
    assert found.sha256 == wheel.sha256
    with pytest.raises(InputError, match=r"pip download .* typing-extensions=="):
        given(tmp_path, ["shellingham", "typing-extensions"])


def test_what_is_not_installed_cannot_be_exported() -> None:
    with pytest.raises(Refused, match="needs 'not-a-package', which is not installed here"):
        closure(["not-a-package"])
    assert OWN not in closure(["numpy"])
