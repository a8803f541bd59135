from __future__ import annotations

import io
import json
import os
import pickle
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from bundle_scene import model, model_text, table

from tenfold.bundle import container
from tenfold.bundle.container import MANIFEST, sealed, zipped
from tenfold.bundle.format import bundle_name, load_bundle, pack_bundle, verify_probe, write_bundle
from tenfold.foundation.errors import StoreError

FIXTURES = Path(__file__).parent / "fixtures"


def probe() -> pl.DataFrame:
    return table(30, seed=6, missing=0.3)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    place = tmp_path / "bundle"
    write_bundle(model(), probe(), place)
    return place


def repacked(change: Callable[[dict[str, bytes]], object]) -> bytes:
    """A bundle whose files were changed and whose manifest was made to fit: an attacker's work, not an accident's."""
    files = dict(pack_bundle(model(), probe()).files)
    del files[MANIFEST]
    change(files)
    return zipped(sealed(files))


def refused(tmp_path: Path, content: bytes) -> str:
    place = tmp_path / "hostile.zip"
    place.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        load_bundle(place)
    return str(caught.value)


def test_a_bundle_predicts_what_the_model_predicted(tmp_path: Path) -> None:
    rows = table(100, seed=9, missing=0.3)
    for place in (tmp_path / "folder", tmp_path / "file.zip"):
        name = write_bundle(model(), probe(), place)
        loaded = load_bundle(place, name=name)
        assert loaded.predict(rows).equals(model().predict(rows))
        assert verify_probe(loaded) == 0.0
        assert bundle_name(place) == name
        assert pack_bundle(loaded, probe()).name == name


def test_the_same_model_has_the_same_name_in_another_process_and_folder(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "import bundle_scene\n"
        "from bundle_scene import model, table\n"
        "from tenfold.bundle.format import write_bundle\n"
        "bundle_scene.model_text = lambda seed: Path(sys.argv[3], f'{seed}.txt').read_text()\n"
        "print(write_bundle(model(), table(30, seed=6, missing=0.3), Path(sys.argv[2])))\n"
    )
    # The trees themselves are handed over: training them again would only be slow.
    for number in (0, 1):
        (tmp_path / f"{number}.txt").write_text(model_text(number))
    names = {write_bundle(model(), probe(), tmp_path / "here")}
    for seed in ("1", "2"):
        command = [
            sys.executable,
            "-c",
            script,
            str(Path(__file__).parent),
            str(tmp_path / f"there-{seed}.zip"),
            str(tmp_path),
        ]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        names.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip())
    assert len(names) == 1
    contents = {(tmp_path / f"there-{seed}.zip").read_bytes() for seed in "12"}
    assert contents == {pack_bundle(model(), probe()).zipped()}


def test_nothing_but_plain_data_is_in_a_bundle(bundle: Path) -> None:
    endings = {path.suffix for path in bundle.rglob("*") if path.is_file()}
    assert endings == {".json", ".safetensors", ".txt"}


def test_every_changed_byte_is_refused_by_the_files_name(bundle: Path) -> None:
    for path in sorted(bundle.rglob("*")):
        if not path.is_file() or path.name == MANIFEST:
            continue
        content = path.read_bytes()
        for place in (0, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            with pytest.raises(StoreError, match=path.relative_to(bundle).as_posix()):
                load_bundle(bundle)
        path.write_bytes(content)
    load_bundle(bundle)


def test_a_changed_manifest_is_another_bundle(bundle: Path) -> None:
    name = bundle_name(bundle)
    path = bundle / MANIFEST
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(StoreError, match=f"not {name[:12]}"):
        load_bundle(bundle, name=name)


def test_a_longer_or_shorter_file_is_refused_even_when_hashes_are_not_looked_at(bundle: Path) -> None:
    path = bundle / "model.json"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(StoreError, match=r"model\.json"):
        load_bundle(bundle, verify=False)


def test_an_added_and_a_removed_file_are_refused(bundle: Path) -> None:
    (bundle / "extra.py").write_text("print('run me')")
    with pytest.raises(StoreError, match=r"'extra\.py', which its manifest does not list"):
        load_bundle(bundle)
    (bundle / "extra.py").unlink()
    (bundle / "probe.json").unlink()
    with pytest.raises(StoreError, match=r"lacks the file 'probe\.json'"):
        load_bundle(bundle)
    (bundle / MANIFEST).unlink()
    with pytest.raises(StoreError, match=r"has no manifest\.json"):
        load_bundle(bundle)


def test_a_link_in_place_of_a_file_is_refused(bundle: Path, tmp_path: Path) -> None:
    path = bundle / "model.json"
    (tmp_path / "elsewhere.json").write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(StoreError, match=r"'model\.json' .* is a link"):
        load_bundle(bundle)


def test_a_linked_folder_is_refused(bundle: Path, tmp_path: Path) -> None:
    (bundle / "views").rename(tmp_path / "views")
    (bundle / "views").symlink_to(tmp_path / "views")
    with pytest.raises(StoreError, match=r"'views' .* is a link"):
        load_bundle(bundle)


class Ran:
    """Writes a file when it is unpickled."""

    def __init__(self, place: Path):
        self.place = place

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.place}",)


@pytest.mark.parametrize(
    "name",
    [
        "model.json", "probe.json", "views/native-1/view.json", "views/native-1/view.safetensors",
        "views/dense-2/view.safetensors", "predictors/00/lightgbm.txt", "predictors/00/lightgbm.json",
        "predictors/01/linear.safetensors", "predictors/01/linear.json",
    ],
)  # fmt: skip
def test_a_pickle_in_place_of_any_file_never_runs(tmp_path: Path, name: str) -> None:
    pickled = pickle.dumps(Ran(tmp_path / "ran"))
    buffer = io.BytesIO()
    np.save(buffer, np.array([Ran(tmp_path / "ran")]), allow_pickle=True)
    for content in (pickled, buffer.getvalue(), b"", b"null", b"[]", b"{}", b"\xff" * 100, b"[" * 100_000):
        message = refused(tmp_path, repacked(lambda files, content=content: files.__setitem__(name, content)))
        assert name.rpartition("/")[0] in message
    assert not (tmp_path / "ran").exists()


def edited(name: str, change: Callable[[dict[str, object]], object]) -> bytes:
    def edit(files: dict[str, bytes]) -> None:
        content = json.loads(files[name])
        change(content)
        files[name] = json.dumps(content).encode()

    return repacked(edit)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("model.json", lambda facts: facts.update(task="clustering")),
        ("model.json", lambda facts: facts.update(views=["native-1"])),
        ("model.json", lambda facts: facts.update(views=["../../etc"])),
        ("model.json", lambda facts: facts["parts"][0].update(predictor="pickle")),
        ("model.json", lambda facts: facts["parts"].append(facts["parts"][0])),
        ("model.json", lambda facts: facts.update(fields=[])),
        ("views/native-1/view.json", lambda steps: steps[0].update(kind="os.system")),
        ("views/native-1/view.json", lambda steps: steps[2].update(columns=["a", "b"])),
        ("views/native-1/view.json", lambda steps: steps[2].update(settings={})),
        ("views/native-1/view.json", lambda steps: steps[0].update(arrays=["other"])),
        ("predictors/00/lightgbm.json", lambda facts: facts.update(link="exec")),
        ("predictors/01/linear.json", lambda facts: facts.update(link=7)),
        ("probe.json", lambda facts: facts.update(columns={})),
        ("probe.json", lambda facts: facts["columns"].update(age=["x"] * 30)),
    ],
)
def test_a_file_that_says_something_impossible_is_refused_by_name(
    tmp_path: Path, name: str, change: Callable[[dict[str, object]], object]
) -> None:
    message = refused(tmp_path, edited(name, change))
    assert "bundle" in message


def archive(*entries: tuple[zipfile.ZipInfo | str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for entry, content in entries:
            opened.writestr(entry, content)
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/../../b", "a\\..\\b", "C:evil", "a//b", "./a", "ä"])
def test_a_zip_that_names_a_path_outside_of_itself_is_refused(tmp_path: Path, name: str) -> None:
    message = refused(tmp_path, archive((MANIFEST, b"{}"), (name, b"x")))
    assert "path inside of it" in message or "link" in message
    assert list(tmp_path.iterdir()) == [tmp_path / "hostile.zip"]


def test_a_manifest_that_names_a_path_outside_is_refused(tmp_path: Path) -> None:
    listed = {"format": 1, "files": {"../model.json": {"sha256": "0" * 64, "bytes": 1}}}
    assert "'../model.json'" in refused(tmp_path, archive((MANIFEST, json.dumps(listed).encode())))


def test_links_folders_and_twins_in_a_zip_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("model.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert "is a link" in refused(tmp_path, archive((MANIFEST, b"{}"), (link, b"/etc/passwd")))
    with pytest.warns(UserWarning, match="Duplicate name"):
        twins = archive((MANIFEST, b"{}"), ("model.json", b"1"), ("model.json", b"2"))
    assert "twice" in refused(tmp_path, twins)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"\x80\x04.", b"tree\n"])
def test_what_is_no_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    assert "is not a zip file" in refused(tmp_path, content)


def test_a_cut_or_damaged_zip_is_refused(tmp_path: Path) -> None:
    whole = pack_bundle(model(), probe()).zipped()
    assert "zip" in refused(tmp_path, whole[:-200])
    middle = len(whole) // 3
    assert refused(tmp_path, whole[:middle] + bytes(64) + whole[middle + 64 :])


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "MOST_BYTES", 1 << 20)
    message = refused(tmp_path, repacked(lambda files: files.__setitem__("zeros", bytes(2 << 20))))
    assert "larger than" in message
    monkeypatch.undo()
    lying = {"format": 1, "files": {"a": {"sha256": "0" * 64, "bytes": 1}}}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(MANIFEST, json.dumps(lying))
        opened.writestr("a", bytes(10 << 20))
    assert "'a' of the bundle" in refused(tmp_path, buffer.getvalue())


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    assert "format 2" in refused(tmp_path, archive((MANIFEST, b'{"format": 2, "files": {}}')))
    assert "cannot be read" in refused(tmp_path, archive((MANIFEST, b'{"format": "x"}')))


def test_a_place_without_a_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no bundle at"):
        load_bundle(tmp_path / "nothing")
    with pytest.raises(StoreError, match=r"has no manifest\.json"):
        load_bundle(tmp_path)


def test_a_folder_with_something_else_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(StoreError, match="is not empty"):
        write_bundle(model(), probe(), tmp_path)


def test_a_probe_that_comes_out_otherwise_is_told(tmp_path: Path) -> None:
    place = tmp_path / "shifted.zip"
    place.write_bytes(edited("probe.json", lambda facts: facts["scores"][3].__setitem__(0, 0.5)))
    with pytest.raises(StoreError, match="other scores here"):
        verify_probe(load_bundle(place))


def test_a_bundle_of_format_1_still_loads() -> None:
    loaded = load_bundle(FIXTURES / "format-1.zip")
    assert verify_probe(loaded) <= 1e-9
    assert loaded.classes == ("no", "yes")
    found = loaded.predict([{**dict.fromkeys(loaded.signature.names), "age": 40, "colour": "red"}])
    expected = json.loads((FIXTURES / "format-1.json").read_text())
    assert found["prediction"][0] == expected["prediction"]
    np.testing.assert_allclose(found["proba_yes"][0], expected["proba_yes"], rtol=0, atol=1e-9)
