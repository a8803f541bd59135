from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tenfold.foundation.errors import InputError, SpecError
from tenfold.foundation.fingerprint import fingerprint
from tenfold.foundation.serial import canonical_json
from tenfold.spec.load import parse_spec
from tenfold.spec.schema import Spec
from tenfold.spec.secret import Secret, escape, literal, plain_password, substitute

PASSWORD = "hunter2-s3cr3t"


def parse(url: str, environ: dict[str, str]) -> Spec:
    text = f'problem: {{target: y}}\ndata: {{sources: {{db: {{url: "{url}", table: t}}}}}}\n'
    return parse_spec(text.encode(), path="tenfold.yaml", folder=Path("/p"), environ=environ)


def test_a_secret_is_resolved_and_seen_nowhere_but_where_it_is_asked_for() -> None:
    spec = parse("postgresql://me:${env:PW}@host/db", {"PW": PASSWORD})
    location = spec.locations["db"]
    assert location.secret.reveal() == f"postgresql://me:{PASSWORD}@host/db"
    assert location.shown == "postgresql://me:${env:PW}@host/db"
    assert location.database
    seen = [repr(spec), str(spec), repr(location), str(spec.model_dump()), canonical_json(spec).decode()]
    seen += [repr(spec._origin), f"{location.secret}", f"{location.secret!r:>40}", spec.model_dump_json()]
    assert all(PASSWORD not in text for text in seen)


def test_the_fingerprint_does_not_depend_on_the_secret() -> None:
    url = "postgresql://me:${env:PW}@host/db"
    assert fingerprint(parse(url, {"PW": "a"})) == fingerprint(parse(url, {"PW": "b"}))


def test_a_secret_cannot_be_pickled_compared_or_hashed() -> None:
    secret = Secret(PASSWORD)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        hash(secret)
    assert secret != Secret(PASSWORD)


def test_a_wrong_url_from_the_environment_is_refused_without_showing_it() -> None:
    with pytest.raises(SpecError) as raised:
        parse("${env:DB}", {"DB": f"oracle://me:{PASSWORD}@host/db"})
    assert "must begin with postgresql://" in str(raised.value)
    assert "oracle" not in str(raised.value)
    assert PASSWORD not in str(raised.value)


def test_a_missing_variable_is_named_with_its_line_and_the_nearest_one() -> None:
    with pytest.raises(
        SpecError, match=r"tenfold\.yaml:2: the source 'db': the environment variable 'PG_PASS' is not set"
    ) as raised:
        parse("postgresql://me:${env:PG_PASS}@host/db", {"PG_PASSW": PASSWORD})
    assert "Did you mean 'PG_PASSW'?" in str(raised.value)
    assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "instead"),
    [
        (f"postgresql://me:{PASSWORD}@host/db", "postgresql://me:${env:DATABASE_PASSWORD}@host/db"),
        (f"postgresql://me:{PASSWORD}-${{env:X}}@host/db", "postgresql://me:${env:DATABASE_PASSWORD}@host/db"),
        (f"postgresql://me:p@{PASSWORD}/x@host/db", "postgresql://me:${env:DATABASE_PASSWORD}@host/db"),
        (f"postgresql://host/db?password={PASSWORD}", "postgresql://host/db?password=${env:DATABASE_PASSWORD}"),
        (f"host=h password={PASSWORD}", "password=${env:DATABASE_PASSWORD}"),
    ],
)
def test_a_password_in_plain_text_is_refused_with_how_to_write_it(url: str, instead: str) -> None:
    with pytest.raises(SpecError) as raised:
        parse(url, {"X": "x"})
    assert f'a password stands here in plain text; keep it in the environment and write "{instead}"' in str(
        raised.value
    )
    assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://host/db",
        "postgresql://me@host:5432/db",
        "postgresql://me:${env:PW}@host:5432/db",
        "postgresql://host/db?user=me&password=${env:PW}",
        "${env:URL}",
        "data/a:b@c.csv",
        "host=h password=${env:PW}",
    ],
)
def test_what_holds_no_password_is_let_through(url: str) -> None:
    assert plain_password(url) is None


def test_a_password_is_not_repeated_by_another_fault_of_the_same_file() -> None:
    text = f"problem: {{target: y, url: 'postgresql://u:{PASSWORD}@h/d'}}\ndata: {{path: [x]}}\nzzz: 1"
    with pytest.raises(SpecError) as raised:
        parse_spec(text.encode(), path="f", folder=Path("/p"), environ={})
    assert PASSWORD not in str(raised.value)


def test_what_decides_the_model_is_not_read_from_the_environment() -> None:
    for setting in (
        "problem: {target: '${env:T}'}\ndata: {path: x}",
        "problem: {target: y}\ndata: {path: x, timezone: '${env:T}'}",
    ):
        with pytest.raises(SpecError, match=r"holds \$\{env:T\}, but the environment is read only in path and url"):
            parse_spec(setting.encode(), path="f", folder=Path("/p"), environ={"T": "y"})


def test_the_store_and_paths_may_stand_in_the_environment() -> None:
    text = "problem: {target: y}\ndata: {path: '${env:DATA}/x.csv'}\nstore: ${env:STATE}"
    spec = parse_spec(text.encode(), path="f", folder=Path("/p"), environ={"DATA": "/mnt", "STATE": "/var/state"})
    assert spec.locations["data"].secret.reveal() == "/mnt/x.csv"
    assert spec.store_folder == Path("/var/state")
    assert spec.store == "${env:STATE}"


@pytest.mark.parametrize("text", ["${HOME}/x", "${env}", "${file:/etc/passwd}", "a${", "${env:}", "${env:A B}"])
def test_no_other_substitution_is_made(text: str) -> None:
    with pytest.raises(InputError):
        substitute(text, {"HOME": "/root", "A B": "x"})


def test_a_value_is_not_substituted_again() -> None:
    assert substitute("${env:A}", {"A": "${env:B}", "B": "never"}) == "${env:B}"


texts = st.text(alphabet="${env:NAME}x ", max_size=30)


@given(texts)
@example("${")
@example("${env:")
@example("$${env:N}")
@example("$$${N}")
def test_escaped_text_means_itself_wherever_it_stands(text: str) -> None:
    assert literal(escape(text)) == text
    assert substitute(escape(text), {}) == text
