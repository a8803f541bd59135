from __future__ import annotations

import sys

import pytest

from tenfold.foundation.optional import hidden, stood_in


def test_a_hidden_module_is_found_by_nobody_and_is_there_afterwards():
    sys.modules.pop("colorsys", None)
    with hidden("colorsys"), pytest.raises(ImportError):
        import colorsys
    import colorsys

    assert colorsys.rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)


def test_what_is_loaded_stays_in_sight():
    with hidden("sys"):
        import sys as same
    assert same is sys


def test_a_stand_in_holds_empty_classes_and_is_gone_afterwards():
    with stood_in("no_such_library_of_tables", "Table"):
        import no_such_library_of_tables

        assert not isinstance(1, no_such_library_of_tables.Table)
    with pytest.raises(ImportError):
        import no_such_library_of_tables


def test_nothing_stands_in_for_what_is_loaded():
    with stood_in("json", "Table"):
        import json

        assert json.loads("1") == 1
