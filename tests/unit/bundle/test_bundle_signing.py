"""Signatures of bundles: which are accepted, and what each refusal says."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundle_scene import model, table

from tenfold.bundle.format import load_bundle, write_bundle
from tenfold.bundle.signing import TRUSTED_VARIABLE, Trust, guard, new_key, private_key, public_key, signed
from tenfold.foundation.errors import InputError, StoreError


class Keys:
    def __init__(self, folder: Path, name: str):
        private, public, self.fingerprint = new_key()
        self.private, self.public = folder / name, folder / f"{name}.pub"
        self.private.write_bytes(private)
        self.public.write_bytes(public)

    def sign(self, bundle: str) -> bytes:
        return signed(bundle, private_key(str(self.private)))[1]

    def trust(self) -> Trust:
        return Trust(keys=(public_key(self.public),), said_by="the test")


@pytest.fixture
def ours(tmp_path: Path) -> Keys:
    return Keys(tmp_path, "ours")


@pytest.fixture
def place(tmp_path: Path, ours: Keys) -> Iterator[Path]:
    (tmp_path / "store").mkdir()
    place = tmp_path / "store" / "model.zip"
    guard(place.parent, ours.trust())
    yield place
    guard(place.parent, None)


@pytest.fixture
def name(place: Path) -> str:
    return write_bundle(model(), table(30, seed=6, missing=0.3), place)


def beside(place: Path) -> Path:
    return place.with_name(place.name + ".sig")


def test_a_bundle_signed_by_a_key_that_counts_is_loaded(place: Path, name: str, ours: Keys) -> None:
    beside(place).write_bytes(ours.sign(name))
    assert load_bundle(place).name == "members"


def test_a_signature_kept_by_name_in_the_store_is_found(place: Path, name: str, ours: Keys) -> None:
    (place.parent / "signatures").mkdir()
    (place.parent / "signatures" / f"{name}.sig").write_bytes(ours.sign(name))
    load_bundle(place)


def test_an_unsigned_bundle_is_refused_where_a_key_is_trusted_and_read_elsewhere(
    place: Path, name: str, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match=r"is not signed, and the test asks for a signature"):
        load_bundle(place, name=name)
    elsewhere = tmp_path / "elsewhere.zip"
    elsewhere.write_bytes(place.read_bytes())
    load_bundle(elsewhere)


def test_a_signature_of_another_key_is_refused(place: Path, name: str, tmp_path: Path) -> None:
    theirs = Keys(tmp_path, "theirs")
    beside(place).write_bytes(theirs.sign(name))
    with pytest.raises(StoreError, match=f"signed with the key '{theirs.fingerprint}', which the test does not trust"):
        load_bundle(place)


def test_a_key_that_claims_to_be_ours_is_refused(place: Path, name: str, ours: Keys, tmp_path: Path) -> None:
    written = json.loads(Keys(tmp_path, "theirs").sign(name))
    beside(place).write_text(json.dumps({**written, "key": ours.fingerprint}))
    with pytest.raises(StoreError, match=r"signature of the bundle .* is wrong"):
        load_bundle(place)


def test_a_signature_of_another_bundle_is_refused(place: Path, name: str, ours: Keys) -> None:
    beside(place).write_bytes(ours.sign("0" * 64))
    with pytest.raises(StoreError, match="is of another bundle"):
        load_bundle(place)
    claims = json.loads(ours.sign("0" * 64))
    beside(place).write_text(json.dumps({**claims, "bundle": name}))
    with pytest.raises(StoreError, match="is wrong"):
        load_bundle(place)


@pytest.mark.parametrize(
    "change", [{"algorithm": "none"}, {"format": 2}, {"signature": ""}, {"signature": "zz"}, {"key": ""}]
)
def test_a_signature_that_says_it_needs_no_checking_is_refused(
    place: Path, name: str, ours: Keys, change: dict[str, object]
) -> None:
    beside(place).write_text(json.dumps({**json.loads(ours.sign(name)), **change}))
    with pytest.raises(StoreError):
        load_bundle(place)


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100, b"\x80\x04.", b"{" + b" " * 20_000 + b"}"])
def test_what_is_no_signature_is_refused(place: Path, name: str, content: bytes) -> None:
    beside(place).write_bytes(content)
    with pytest.raises(StoreError, match="is not a signature"):
        load_bundle(place)


def test_signed_bytes_are_checked_even_where_hashes_are_not_asked_for(place: Path, name: str, ours: Keys) -> None:
    folder = place.with_name("folder")
    write_bundle(model(), table(30, seed=6, missing=0.3), folder)
    beside(folder).write_bytes(ours.sign(name))
    file = folder / "predictors" / "01" / "linear.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(StoreError, match=r"linear\.safetensors.* was changed"):
        load_bundle(folder, verify=False)


def test_the_environment_names_keys_for_a_whole_process(
    place: Path, name: str, ours: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = Keys(tmp_path, "theirs")
    guard(place.parent, None)
    monkeypatch.setenv(TRUSTED_VARIABLE, os.pathsep.join((str(theirs.public), str(ours.public))))
    with pytest.raises(StoreError, match=f"environment variable {TRUSTED_VARIABLE} asks for a signature"):
        load_bundle(place)
    beside(place).write_bytes(ours.sign(name))
    load_bundle(place)
    monkeypatch.setenv(TRUSTED_VARIABLE, str(tmp_path / "missing.pub"))
    with pytest.raises(InputError, match=r"missing\.pub' cannot be read"):
        load_bundle(place)


def test_a_signature_is_the_same_every_time_and_keys_are_those_of_other_tools(ours: Keys) -> None:
    assert ours.sign("a" * 64) == ours.sign("a" * 64)
    assert ours.private.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert ours.public.read_bytes().startswith(b"-----BEGIN PUBLIC KEY-----")


def test_what_is_no_key_is_refused_without_a_word_of_what_it_holds(tmp_path: Path, ours: Keys) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_bytes(b"hunter2")
    for asked in (lambda: public_key(wrong), lambda: private_key(str(wrong)), lambda: private_key(str(ours.public))):
        with pytest.raises(InputError) as caught:
            asked()
        assert "hunter2" not in str(caught.value)
    with pytest.raises(InputError, match="is a private key"):
        public_key(ours.private)
    secret = ours.private.read_text().replace("-----END", "garbage -----END")
    with pytest.raises(InputError) as hidden:
        private_key(secret)
    assert "the signing key" in str(hidden.value)
    assert "garbage" not in str(hidden.value)
