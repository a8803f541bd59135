from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.foundation.errors import SpecError
from tenfold.spec.tree import DEEPEST, LARGEST_BYTES, MOST_NODES, read_tree, resolve_scalar


def plain(text: str | bytes) -> object:
    content = text if isinstance(text, bytes) else text.encode()
    return read_tree(content, path="tenfold.yaml").plain()


def fault(text: str | bytes) -> str:
    with pytest.raises(SpecError) as raised:
        plain(text)
    return str(raised.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("012", 12),
        ("0o14", 12),
        ("0xC", 12),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2026-11-23", "2026-11-23"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("Null", None),
        ("~", None),
        ("TRUE", True),
        ("tRUE", "tRUE"),
        ("1.2.3", "1.2.3"),
    ],
)
def test_unquoted_scalars_are_read_by_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    assert plain(f"a: {text}") == {"a": value}
    assert type(resolve_scalar(text)) is type(value)


def test_quoted_scalars_are_text() -> None:
    assert plain("""a: "012"\nb: 'true'\nc: "~"\n""") == {"a": "012", "b": "true", "c": "~"}


def test_a_block_of_text_keeps_its_lines() -> None:
    assert plain("query: |\n  SELECT 1\n  FROM t\n") == {"query": "SELECT 1\nFROM t\n"}


def test_keys_are_text_as_written() -> None:
    assert plain("1: a\nnull: b\ntrue: c\n01: d") == {"1": "a", "null": "b", "true": "c", "01": "d"}


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert plain(b"\xef\xbb\xbfa: 1") == {"a": 1}


def test_every_value_knows_its_line_and_every_path_leads_to_the_nearest_one() -> None:
    tree = read_tree(b"a:\n  b:\n    - x\n    -\n      c: 1\nd: {e: 2}\n", path="f")
    assert tree.line_of("a") == 1
    assert tree.line_of("a", "b") == 2
    assert tree.line_of("a", "b", 0) == 3
    assert tree.line_of("a", "b", 1, "c") == 5
    assert tree.line_of("d", "e") == 6
    assert tree.line_of("d", "missing") == 6
    assert tree.line_of("a", "shorthand", "b", 0) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "the file is empty"),
        (b"# only a comment\n", "the file is empty"),
        (b"a: \x00", "tenfold.yaml:1: the control character U+0000"),
        (b"a: 1\nb: \x1b[31m", "tenfold.yaml:2: the control character U+001B"),
        (b"a: 1\nb: \xff\xfe", "tenfold.yaml:2: byte 0xff is not UTF-8"),
        ("a: 1".encode("utf-16"), "not UTF-8"),
        (b"a: 1\na: 2", "tenfold.yaml:2: the key 'a' stands here a second time (first in line 1)"),
        (b"x:\n\ty: 1", "tenfold.yaml:2: a tab stands where YAML wants blanks"),
        (b"a: b: c", "put text with ': ' in quotes"),
        (b"a: 1\n  b: 2", "tenfold.yaml:2"),
        (b"a: 'x", "tenfold.yaml:1"),
        (b"a: [1, 2", "tenfold.yaml:1"),
        (b"a: 1\n---\nb: 2", "tenfold.yaml:2: a second document"),
        (b"%YAML 1.1\n---\na: 1", "read as YAML 1.2"),
        (b"a: !!python/object:os.system ls", "the tag '!!python/object:os.system' is not read"),
        (b"a: !!str 1", "the tag '!!str' is not read"),
        (b"a: *b", "the alias '*b' names no finished value"),
        (b"a: &a [*a]", "the alias '*a' names no finished value"),
        (b"? [1]\n: 2", "a key must be plain text"),
        (b'a: "\\UFFFFFFFF"', "this is not YAML"),
    ],
)
def test_what_is_not_one_plain_document_is_refused_in_one_sentence(text: bytes, words: str) -> None:
    message = fault(text)
    assert words in message
    assert "\n" not in message


def test_a_file_over_the_size_limit_is_refused() -> None:
    assert "at most 1,000,000 are read" in fault(b"#" * (LARGEST_BYTES + 1))


def test_nesting_beyond_the_limit_is_refused_and_up_to_it_is_read() -> None:
    inside = "[" * (DEEPEST - 1) + "]" * (DEEPEST - 1)
    assert plain(f"a: {inside}")
    assert f"more than {DEEPEST} deep" in fault(f"a: [{inside}]")
    assert f"more than {DEEPEST} deep" in fault("a: " + "[" * 200_000)


def test_aliases_repeat_a_value_and_know_their_own_line() -> None:
    tree = read_tree(b"a: &x {k: 1}\nb: *x\n", path="f")
    assert tree.plain() == {"a": {"k": 1}, "b": {"k": 1}}
    assert tree.line_of("b") == 2


def test_an_alias_bomb_ends_in_a_sentence_in_under_a_second() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)]
    began = time.perf_counter()
    assert f"more than {MOST_NODES:,} values once its aliases are written out" in fault("\n".join(lines))
    assert time.perf_counter() - began < 1.0


def test_a_flat_flood_of_values_is_refused() -> None:
    assert "more than" in fault("- a\n" * (MOST_NODES + 1))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_but_never_break_the_reader(content: bytes) -> None:
    with contextlib.suppress(SpecError):
        read_tree(content, path="f")


@given(st.text(alphabet="ab:-?[]{}&*!|>'\"%@`#, \n\t\\0123.~", max_size=60))
def test_any_yaml_like_text_is_read_or_refused_but_never_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(SpecError):
        plain(text)
