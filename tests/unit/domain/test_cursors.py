from __future__ import annotations

import base64

import pytest

from calypso_mcp.domain.cursors import read_cursor, write_cursor


def test_a_cursor_brings_back_the_place_it_was_made_of() -> None:
    assert read_cursor(write_cursor("Zürich", "b1"), str, str) == ("Zürich", "b1")
    assert read_cursor(write_cursor(1.5, "f1"), int | float, str) == (1.5, "f1")


def _encoded(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "ä",
        "abc",
        _encoded(b"\xff"),
        _encoded(b"7"),
        _encoded(b'["a"]'),
        _encoded(b'["a", 1]'),
        _encoded(b'["a", "b", "c"]'),
        _encoded(b"[" * 100_000),
        _encoded(rb'["\ud800", "b"]'),
    ],
)
def test_any_other_text_is_no_place(cursor: str) -> None:
    assert read_cursor(cursor, str, str) is None


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "true", "1" + "0" * 30, "-1" + "0" * 300])
def test_a_number_that_no_listing_orders_by_is_no_place(number: str) -> None:
    assert read_cursor(_encoded(f'[{number}, "b"]'.encode()), int | float, str) is None
