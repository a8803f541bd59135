"""Personal data planted in every kind of column and request: nothing that is kept, answered or printed holds them."""

from __future__ import annotations

import http.client
import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.e2e.conftest import Finished

pytestmark = pytest.mark.slow

ROWS = 400
EMAIL, PHONE, CARD = "zoe.quill@mailbox.example", "+44 20 7946 0958", "4111 1111 1111 1111"
IBAN, NATIONAL = "GB82 WEST 1234 5698 7654 32", "078-05-1120"
SENT = ("late.caller@elsewhere.example", "(212) 555-0198", "5500 0000 0000 0004", "DE89370400440532013000", "12345678Z")
"""What only requests hold: no column's training rows."""


def luhn(stem: int) -> str:
    digits = [int(each) for each in str(stem)]
    total = sum(sum(divmod(2 * digit, 10)) if place % 2 == 0 else digit for place, digit in enumerate(reversed(digits)))
    return f"{stem}{(10 - total % 10) % 10}"


CARDS = [luhn(411_111_111_111_000 + 7 * row) for row in range(ROWS)]
CONTACTS = [f"desk{number}@contacts.example" for number in range(8)]


def customers() -> pl.DataFrame:
    rng = np.random.default_rng(3)
    spent = rng.gamma(3.0, 20.0, ROWS).round(2)
    shop = rng.choice(["east", "west", "north"], ROWS).tolist()
    shop[17], shop[18] = EMAIL, PHONE
    amount = rng.normal(50, 10, ROWS).round(2)
    amount[40] = 4_012_888_888_881_881
    words = ["came back", "asked for a refund", "was content", "had a question about the bill", "moved to another town"]
    remark = [f"{rng.choice(words)}, {rng.choice(words)} and {rng.choice(words)} on day {row}" for row in range(ROWS)]
    remark[5] += f", write to {EMAIL}"
    remark[6] += f", paid with {CARD} from {IBAN}"
    remark[7] += f", id {NATIONAL}, call {PHONE}"
    return pl.DataFrame(
        {
            "address": [f"person{row}@people.example" for row in range(ROWS)],
            "card": [int(each) for each in CARDS],
            "contact": rng.choice(CONTACTS, ROWS),
            "shop": shop,
            "spent": spent,
            "amount": amount,
            "member": rng.random(ROWS) < 0.5,
            "joined": [f"2025-{1 + row % 12:02}-{1 + row % 28:02}" for row in range(ROWS)],
            "remark": remark,
            "bought": np.where(rng.random(ROWS) < 1 / (1 + np.exp(-(spent - 60) / 10)), "yes", "no"),
        }
    )


def planted() -> list[str]:
    several = [EMAIL, PHONE, CARD, IBAN, NATIONAL, "4012888888881881", *SENT, *CONTACTS, "@people.example", *CARDS]
    return [*several, *(each.replace(" ", "") for each in several if " " in each)]


def contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a folder as bytes; archives and tables opened."""
    for file in sorted(each for each in path.rglob("*") if each.is_file()):
        yield from opened(str(file.relative_to(path)), file.read_bytes())


def opened(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    yield name, content
    if content[:4] == b"PAR1":
        table = pl.read_parquet(io.BytesIO(content))
        yield (
            f"{name} as a table",
            table.with_columns(pl.col(pl.Float64).cast(pl.Decimal(38, 2), strict=False)).write_csv().encode(),
        )
    elif content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as whole:
            for inner in whole.namelist():
                yield from opened(f"{name}:{inner}", whole.read(inner))


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[str, bytes]]]:
    """A project that went through everything; its folder, and all that was printed or answered."""
    folder = tmp_path_factory.mktemp("customers")
    told: list[tuple[str, bytes]] = []

    def tenfold(*arguments: str, fails: bool = False) -> Finished:
        done = subprocess.run(
            [sys.executable, "-m", "tenfold.cli.main", *arguments], cwd=folder, capture_output=True, text=True,
            timeout=300, check=False, env={**os.environ, "COLUMNS": "240"},
        )  # fmt: skip
        told.append((" ".join(arguments), (done.stdout + done.stderr).encode()))
        assert done.returncode in ((2,) if fails else (0, 1)), done.stdout + done.stderr
        return Finished(code=done.returncode, out=done.stdout, err=done.stderr)

    given = folder.parent / f"{folder.name}-given"
    given.mkdir()
    customers().write_csv(given / "customers.csv")
    tenfold("init", str(given / "customers.csv"), "--target", "bought")
    spec = folder / "tenfold.yaml"
    text = (
        spec.read_text(encoding="utf-8")
        .replace("budget: 5m", "budget: {trials: 2}")
        .replace("learners: auto", "learners: [linear]")
    )
    spec.write_text(
        text.replace("  # columns:", "  columns:\n    contact: {role: feature}\n  # columns:", 1), encoding="utf-8"
    )
    tenfold("profile", str(given / "customers.csv"), "--page", "profile.html")
    tenfold("profile", str(given / "customers.csv"), "--json")

    tenfold("check", "--json")
    assert tenfold("run").code == 0
    tenfold("runs", "list", "--json")
    tenfold("model", "promote", "customers@1")
    with_bad = customers().with_columns(pl.col("amount").cast(pl.String))
    with_bad[3, "amount"] = SENT[0]
    with_bad.write_csv(given / "bad.csv")
    customers().with_columns(pl.lit("12/31/xx " + SENT[1]).alias("joined")).write_csv(given / "bad-dates.csv")
    tenfold("predict", "customers@1", str(given / "bad.csv"), "--output", "out.csv", fails=True)
    tenfold("predict", "customers@1", str(given / "bad-dates.csv"), "--output", "out.csv", fails=True)
    tenfold("predict", "customers@1", str(given / "customers.csv"), "--output", "out.csv")
    ids = _ask_the_gateway(folder, told)
    outcomes = pl.DataFrame({"id": ids, "outcome": ["yes", "no"] * (len(ids) // 2)})
    outcomes.write_csv(given / "outcomes.csv")
    labelled = tenfold("label", str(given / "outcomes.csv"), "--json")
    assert labelled.document()["strangers"] in (0, None)
    outcomes.with_columns(pl.lit(SENT[0]).alias("outcome")).write_csv(given / "wrong.csv")
    tenfold("label", str(given / "wrong.csv"), fails=True)
    tenfold("monitor", "run")
    tenfold("monitor", "show", "--json")
    return folder, told


def _ask_the_gateway(folder: Path, told: list[tuple[str, bytes]]) -> list[str]:
    errors = folder / "gateway.log"
    with errors.open("w") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "tenfold.cli.main", "serve", "--json", "--port", "0"], cwd=folder,
            stdout=subprocess.PIPE, stderr=sink, text=True,
        )  # fmt: skip
    assert process.stdout is not None
    try:
        port = int(json.loads(process.stdout.readline())["url"].rpartition(":")[2])
        ids = _good_and_bad(port, told)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        process.stdout.close()
    return ids


def _good_and_bad(port: int, told: list[tuple[str, bytes]]) -> list[str]:
    version = json.loads(_get(port, "/readyz"))["endpoints"][0]["version"]
    assert version == "customers@1"
    rows = customers().drop("bought").to_dicts()
    names = _names(port)
    good = [{name: row[name] for name in names} for row in rows]
    ids: list[str] = []
    for number, row in enumerate(good[:40]):
        own = [f"guest{number}@ids.example" if number % 2 else f"order-{number}"]
        status, reply = _post(port, {"instances": [row], "ids": own})
        assert status == 200, reply
        ids += own
    surprising = [{**row, name: word} for row in good[:3] for name in ("shop", "remark") for word in SENT]
    surprising += [{**good[0], "amount": 5_500_000_000_000_004}, {**good[0], "shop": 5_500_000_000_000_004}]
    for each in surprising:
        status, reply = _post(port, {"instances": [each]})
        assert status == 200, reply
        told.append(("answer", reply))
    status, reply = _post(port, {"instances": surprising})
    assert status == 200
    assert len(surprising) > 16, "as many as are scored as a table"
    for word in SENT:
        for column in ("amount", "joined", "member", "spent"):
            status, reply = _post(port, {"instances": [{**good[0], column: word}]})
            if status != 200:
                assert status == 422, reply
                assert json.loads(reply)["error"]["field"] == column
            told.append((f"{column} as {word}", reply))
        for body in ({"instances": [{**good[0], word: 1}]}, {"instances": [good[0]], word: 1}, {"instances": [word]}):
            status, reply = _post(port, body)
            assert status == 422
            told.append((f"{word} as a name", reply))
        told.append(("path", _get(port, f"/predict/{word.replace(' ', '%20')}")))
    told.append(("metrics", _get(port, "/metrics")))
    return ids


def _names(port: int) -> list[str]:
    """The columns that the model reads: the gateway names the one that is lacking."""
    names: list[str] = []
    while True:
        status, reply = _post(port, {"instances": [dict.fromkeys(names)]})
        if status == 200:
            return names
        names.append(json.loads(reply)["error"]["field"])


def _post(port: int, document: dict[str, Any]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/predict/customers", json.dumps(document), {"content-type": "application/json"})
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def _get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    found = connection.getresponse().read()
    connection.close()
    return found


def test_no_file_of_the_project_and_the_store_holds_what_was_planted(lived: tuple[Path, list[tuple[str, bytes]]]):
    folder, _ = lived
    found = [(name, each) for name, content in contents(folder) for each in planted() if each.encode() in content]
    assert not found, found[:20]


def test_nothing_that_was_printed_or_answered_holds_what_was_planted(lived: tuple[Path, list[tuple[str, bytes]]]):
    _, told = lived
    found = [(name, each) for name, content in told for each in planted() if each.encode() in content]
    assert not found, found[:20]


def test_the_log_keeps_pseudonyms_by_which_categories_still_count(lived: tuple[Path, list[tuple[str, bytes]]]):
    from tenfold.store.predictions.reader import read_predictions

    folder, _ = lived
    rows = read_predictions(folder / ".tenfold", "customers").rows
    assert rows["contact"].drop_nulls().str.contains(r"^\[e-mail address [a-p]{12}\]$").all()
    assert 2 <= rows["contact"].drop_nulls().n_unique() <= len(CONTACTS)
    assert rows["shop"].is_in(["east", "west", "north"]).sum() > 40
    assert rows["remark"].str.contains("[e-mail address]", literal=True).any()
    assert rows["amount"].drop_nulls().is_between(0, 100).all(), "a card among amounts is missing, as in training"
