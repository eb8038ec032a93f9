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
    ],
)
def test_any_other_text_is_no_place(cursor: str) -> None:
    assert read_cursor(cursor, str, str) is None
