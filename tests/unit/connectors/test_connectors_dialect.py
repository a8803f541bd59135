"""Delimiters, quotes and headers, found on the first lines."""

from __future__ import annotations

import pytest

from tenfold.connectors.dialect import Dialect, DialectHints, find_dialect


def find(text: str, **hints: object) -> Dialect:
    return find_dialect(text, shown="x.csv", whole=True, hints=DialectHints(**hints))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("age,job\n39,clerk\n50,boss\n", True),
        ("39,clerk\n50,boss\n38,clerk\n52,boss\n", False),
        ("name,city\nann,bonn\nbob,ulm\n", True),
        ("country,2010,2011,2012\nA,1,2,3\nB,4,5,6\n", True),
        ("2010-01-01,5\n2010-01-02,6\n", False),
        ("day,n\n2010-01-01,5\n2010-01-02,6\n", True),
        ("?,1,x\n2,2,y\n3,?,x\n", False),
        ("sex,outcome\nm,yes\nf,no\nm,no\nf,yes\nm,yes\nm,no\nf,no\nm,no\nf,no\nm,yes\n", True),
        ("1,2\n", False),
        ("a,b\n", True),
    ],
)
def test_headers_are_told_from_rows(text: str, header: bool) -> None:
    assert find(text).header is header


def test_what_is_declared_wins() -> None:
    found = find("a;b\nc;d\n", delimiter=",", header=False, quote=False)
    assert (found.delimiter, found.header, found.quote, found.names) == (",", False, False, ("column_1",))


def test_excels_hint_and_leading_empty_lines_are_skipped() -> None:
    found = find("sep=;\na;b\n1;2,5\n")
    assert (found.delimiter, found.names, found.preamble_lines) == (";", ("a", "b"), 1)
    assert find("\n\na,b\n1,2\n").preamble_lines == 2


def test_text_with_commas_between_tabs_is_cut_at_the_tabs() -> None:
    assert find("id\tremark\n1\tone, two, three\n2\tfour\n3\tfive, six\n").delimiter == "\t"


def test_one_column_is_one_column() -> None:
    assert find("value\n1\n2\n").names == ("value",)


def test_a_name_that_occurs_twice_after_blanks_are_evened_is_numbered_and_told() -> None:
    found = find("a  b,a b,a b_2\n1,2,3\n")
    assert found.names == ("a b", "a b_3", "a b_2")
    assert "'a b' in column 2 is called 'a b_3'" in found.told[0]


def test_the_dialect_is_recorded_in_words() -> None:
    assert find("a\tb\n1\t2\n").recorded() == {"delimiter": "tab", "quote": '"', "header": "yes", "columns": "2"}


ANSWERS = "".join(
    f"{number},{'yes' if number % 2 else 'no'},{number % 5},{'often' if number % 3 else 'never'}\n"
    for number in range(40)
)


def test_a_second_heading_is_seen_and_ordinary_first_rows_are_none() -> None:
    found = find("id,seen,rank,\n,Response,Response,Film I\n" + ANSWERS)
    assert (found.header_rows, found.names) == (2, ("id", "seen", "rank / Response", "rank / Film I"))
    assert find("id,seen,rank,how\n" + ANSWERS).header_rows == 1
