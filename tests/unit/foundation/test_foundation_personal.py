"""Personal data are recognised by form and check digits, and masked; look-alikes are left."""

from __future__ import annotations

import pytest

from tenfold.foundation.personal import find_personal, mask_personal


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("write to ann.lee+x@mail.example.org today", "e-mail address"),
        ("4111 1111 1111 1111", "card number"),
        ("5500-0000-0000-0004", "card number"),
        ("DE89 3704 0044 0532 0130 00", "IBAN"),
        ("GB82WEST12345698765432", "IBAN"),
        ("+44 20 7946 0958", "telephone number"),
        ("+1 (415) 555-2671", "telephone number"),
        ("(212) 555-0198", "telephone number"),
        ("0171/2345678", "telephone number"),
        ("078-05-1120", "national id"),
        ("12345678Z", "national id"),
        ("44051401359", "national id"),
        ("1 84 12 76 451 089 46", "national id"),
    ],
)
def test_personal_data_is_recognised_and_masked(written: str, kind: str) -> None:
    assert list(find_personal(written)) == [kind]
    masked = mask_personal(f"before {written} after")
    assert f"[{kind}]" in masked
    assert not any(part in masked for part in written.split() if any(letter.isdigit() for letter in part))


@pytest.mark.parametrize(
    "written",
    [
        "2024-01-02 10:20:30",
        "4111 1111 1111 1112",
        "DE89 3704 0044 0532 0130 01",
        "12345678A",
        "3.14159265358979",
        "12.345.678,90",
        "order 20240102123456",
        "666-05-1120",
        "a @ b",
        "data: {columns: {age: {missing: [99]}}}",
    ],
)
def test_what_only_looks_alike_is_left(written: str) -> None:
    assert find_personal(written) == {}
    assert mask_personal(written) == written
