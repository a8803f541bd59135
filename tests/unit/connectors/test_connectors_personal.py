"""Personal data go no further than reading: pseudonyms stand for them, and look-alikes stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from tenfold.bundle.signature import Signature
from tenfold.connectors.personal_columns import hide_personal
from tenfold.connectors.read import read_source
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.personal import find_personal
from tenfold.records.dataset import Field
from tenfold.store.predictions.masking import Masking

CARD = "4111111111111111"


def read(folder: Path, table: pl.DataFrame) -> tuple[dict[str, Field], pl.DataFrame]:
    table.write_csv(folder / "rows.csv")
    found = read_source(SourceRequest(name="x", location=str(folder / "rows.csv")), into=folder / "rows.parquet")
    fields = hide_personal(found.path, found.fields)
    return {field.name: field for field in fields}, pl.read_parquet(found.path)


def test_words_become_pseudonyms_that_count_as_before_and_mixed_columns_keep_their_other_words(tmp_path: Path) -> None:
    mail = [f"p{row % 40}@people.example" for row in range(200)]
    shop = ["east", "west"] * 100
    shop[3] = "ann@example.org"
    fields, rows = read(tmp_path, pl.DataFrame({"mail": mail, "shop": shop}))
    assert (fields["mail"].personal, fields["shop"].personal) == ("most", "some")
    assert rows["mail"].n_unique() == 40
    assert not rows["mail"].str.contains("@").any()
    assert rows["shop"].value_counts()["count"].sort().to_list() == [1, 99, 100]
    assert "ann@example.org" not in fields["shop"].levels
    assert set(fields["shop"].levels) == set(rows["shop"])


def test_numbers_of_cards_are_words_and_account_numbers_stay_codes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    accounts = [str(number) for number in rng.integers(4_000_000_000_000_000, 4_999_999_999_999_999, 400)]
    cards = [each for each in map(int, accounts) if find_personal(str(each))]
    fields, rows = read(tmp_path, pl.DataFrame({"card": (cards * 3)[:60]}))
    assert (fields["card"].kind, fields["card"].personal) == ("categorical", "most")
    assert rows["card"].str.starts_with("[card number ").all()
    codes, _ = read(tmp_path, pl.DataFrame({"account": [*accounts, "ours"]}))
    assert codes["account"].personal == "codes"


def test_a_row_is_hidden_in_production_as_it_was_in_training_and_a_pseudonym_stays(tmp_path: Path) -> None:
    table = pl.DataFrame({"mail": [f"p{row}@people.example" for row in range(50)]})
    fields, rows = read(tmp_path, table)
    signature = Signature(fields=(fields["mail"],))
    assert signature.conform(table)["mail"].to_list() == rows["mail"].to_list()
    assert signature.conform(rows)["mail"].to_list() == rows["mail"].to_list()
    assert signature.conform_row({"mail": "p7@people.example"})["mail"] == rows["mail"][7]


def test_the_log_masks_what_nobody_expected_and_leaves_the_rest_as_it_is() -> None:
    masking = Masking(kinds={"n": "numeric", "c": "categorical", "t": "text", "k": "categorical"}, codes=("k",))
    plain = {"n": [1.5, None], "c": ["web", None], "t": ["all fine", "yes"], "k": [CARD, "7"]}
    assert masking.masked(plain) == plain
    sent = {
        "n": [float(CARD), 2.0],
        "c": ["ann@example.org", "web"],
        "t": [f"paid by {CARD}", ""],
        "k": [CARD, "a@b.example"],
    }
    found = masking.masked(sent)
    assert found["n"] == [4_111_000_000_000_000.0, 2.0]
    assert found["c"][0].startswith("[e-mail address ")
    assert found["t"][0] == "paid by [card number]"
    assert (found["k"][0], found["k"][1][:15]) == (CARD, "[e-mail address")
