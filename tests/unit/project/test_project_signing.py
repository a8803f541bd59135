"""Keys in the file: whose bundles a command of the project loads, and what is signed."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenfold.bundle.format import load_bundle
from tenfold.bundle.signing import TRUSTED_VARIABLE, guard
from tenfold.foundation.errors import InputError, SpecError, StoreError
from tenfold.project.score import load
from tenfold.project.signing import make_key, sign_model, signing_of, trust_workers, verify_model
from tenfold.spec.load import load_spec
from tenfold.store.open import open_store

GOOD = Path(__file__).parents[1] / "bundle" / "fixtures" / "format-1.zip"
FILE = "problem: {target: y}\ndata: {path: rows.csv}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.delenv(TRUSTED_VARIABLE, raising=False)
    folder = tmp_path / "project"
    folder.mkdir()
    make_key(folder / "ours")
    (folder / "tenfold.yaml").write_text(f"{FILE}signing:\n  key: ours\n  trusted: [ours.pub]\n")
    shutil.copy(GOOD, tmp_path / "sent.zip")
    yield folder
    for place in (folder, folder / ".tenfold", tmp_path / "sent.zip"):
        guard(place, None)


def test_a_key_is_its_owners_alone_and_never_written_over(folder: Path) -> None:
    assert stat.S_IMODE((folder / "ours").stat().st_mode) == 0o600
    before = (folder / "ours").read_bytes()
    with pytest.raises(InputError, match="never written over"):
        make_key(folder / "ours")
    assert (folder / "ours").read_bytes() == before


def test_a_bundle_named_by_its_path_is_loaded_only_when_a_key_of_the_file_signed_it(folder: Path) -> None:
    sent = str(folder.parent / "sent.zip")
    with pytest.raises(StoreError, match=r"is not signed, and .*signing\.trusted"):
        load(sent, folder=folder)
    with pytest.raises(StoreError, match="is not signed"):
        verify_model(sent, (), folder=folder)
    signed = sign_model(sent, None, folder=folder)
    assert signed.signature == folder.parent / "sent.zip.sig"
    assert load(sent, folder=folder).classes == ("no", "yes")
    verified = verify_model(sent, (), folder=folder)
    assert (verified.trusted, verified.signed_by, verified.bundle) == (True, signed.signed_by, signed.bundle)


def test_keys_of_the_command_line_count_instead_of_those_of_the_file(folder: Path) -> None:
    sent = str(folder.parent / "sent.zip")
    theirs = make_key(folder / "theirs")
    sign_model(sent, str(theirs.private), folder=folder)
    assert verify_model(sent, (theirs.public,), folder=folder).trusted
    with pytest.raises(StoreError, match="does not trust"):
        verify_model(sent, (), folder=folder)


def test_a_version_is_signed_in_the_store_and_loaded_from_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNING_KEY", (folder / "ours").read_text())
    (folder / "tenfold.yaml").write_text(f"{FILE}signing: {{key: '${{env:SIGNING_KEY}}', trusted: [ours.pub]}}\n")
    spec = load_spec(folder, os.environ)
    with open_store(spec.store_folder) as store:
        place = store.blobs.path(store.blobs.put(GOOD.read_bytes()))
        with pytest.raises(StoreError, match="is not signed"):
            load_bundle(place)
        name = verify_bundle_name(place)
        facts = signing_of(spec)(store, name)
        assert set(facts) == {"signed_by"}
        assert load_bundle(place, name=name).classes == ("no", "yes")


def verify_bundle_name(place: Path) -> str:
    from tenfold.bundle.format import bundle_name

    return bundle_name(place)


def test_without_a_key_nothing_is_signed_and_anything_is_loaded(folder: Path) -> None:
    (folder / "tenfold.yaml").write_text(FILE)
    spec = load_spec(folder, os.environ)
    with open_store(spec.store_folder) as store:
        assert signing_of(spec)(store, "0" * 64) == {}
    assert load(str(folder.parent / "sent.zip"), folder=folder).classes == ("no", "yes")


def test_workers_learn_of_the_keys_unless_the_environment_says_which(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Set and taken away again, so that what the call writes goes when the test is over.
    monkeypatch.setenv(TRUSTED_VARIABLE, "")
    trust_workers(load_spec(folder, os.environ))
    assert os.environ[TRUSTED_VARIABLE] == str((folder / "ours.pub").resolve())
    monkeypatch.setenv(TRUSTED_VARIABLE, "/etc/keys/release.pub")
    trust_workers(load_spec(folder, os.environ))
    assert os.environ[TRUSTED_VARIABLE] == "/etc/keys/release.pub"


def test_a_key_in_plain_text_is_refused_in_the_file_and_on_the_command_line(folder: Path) -> None:
    text = (folder / "ours").read_text()
    secret = text.splitlines()[1]
    indented = text.replace("\n", "\n    ")
    (folder / "tenfold.yaml").write_text(f"{FILE}signing:\n  key: |\n    {indented}\n")
    with pytest.raises(SpecError, match="holds a key itself") as caught:
        load_spec(folder, os.environ)
    assert secret not in str(caught.value)
    (folder / "tenfold.yaml").write_text(FILE)
    with pytest.raises(InputError, match="plain text") as told:
        sign_model(str(folder.parent / "sent.zip"), text, folder=folder)
    assert secret not in str(told.value)


def test_a_trusted_key_that_is_not_there_is_named_with_its_line(folder: Path) -> None:
    (folder / "tenfold.yaml").write_text(f"{FILE}signing:\n  trusted: [lost.pub]\n")
    with pytest.raises(SpecError, match=r"tenfold\.yaml:4: signing\.trusted: .*lost\.pub"):
        load_spec(folder, os.environ)
