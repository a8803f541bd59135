from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from tenfold.bundle.arrays import pack, unpack
from tenfold.foundation.errors import StoreError

ARRAYS = {
    "wide": np.arange(6, dtype=np.float64).reshape(2, 3),
    "narrow": np.array([1.5, np.nan, np.inf], dtype=np.float32),
    "whole": np.array([-1, 2**40], dtype=np.int64),
    "flags": np.array([True, False]),
    "none": np.empty((0, 4)),
}


def rewritten(change: dict[str, object]) -> bytes:
    content = pack({"a": np.zeros(2)})
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["a"].update(change)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def test_arrays_come_back_with_type_shape_and_bits() -> None:
    read = unpack(pack(ARRAYS), name="x")
    assert set(read) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)


def test_the_same_arrays_give_the_same_bytes_in_any_order_and_layout() -> None:
    turned = {name: np.asfortranarray(ARRAYS[name]) for name in reversed(ARRAYS)}
    assert pack(turned) == pack(ARRAYS)


def test_a_type_that_could_hold_objects_is_not_stored() -> None:
    with pytest.raises(ValueError, match="type object"):
        pack({"a": np.array([object()])})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 4,
        (1 << 60).to_bytes(8, "little") + b"{}",
        pickle.dumps({"a": 1}) + b"\x00" * 64,
        pack(ARRAYS)[:-1],
        pack(ARRAYS) + b"\x00",
        (2).to_bytes(8, "little") + b"[]",
        rewritten({"dtype": "O"}),
        rewritten({"shape": [3]}),
        rewritten({"shape": [-2]}),
        rewritten({"shape": [2**62, 2**62]}),
        rewritten({"data_offsets": [8, 16]}),
        rewritten({"data_offsets": [0, 1 << 40]}),
        rewritten({"more": 1}),
    ],
)
def test_bytes_that_are_not_exactly_arrays_are_refused_by_name(content: bytes) -> None:
    with pytest.raises(StoreError, match=r"'bad\.safetensors'"):
        unpack(content, name="bad.safetensors")


def test_a_flag_that_is_neither_true_nor_false_is_refused() -> None:
    content = bytearray(pack({"flag": np.array([True])}))
    content[-1] = 2
    with pytest.raises(StoreError, match="neither true nor false"):
        unpack(bytes(content), name="x")
