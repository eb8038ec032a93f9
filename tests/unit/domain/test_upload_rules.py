from __future__ import annotations

from typing import Any

import pytest

from calypso_mcp.domain.limits import UploadLimits
from calypso_mcp.domain.upload_rules import (
    check_upload,
    content_type_for,
    destination_names,
    upload_key,
)
from calypso_mcp.errors import ContentError

LIMITS = UploadLimits()
KEY: dict[str, Any] = {
    "content_hash": "ab" * 32,
    "filename": "a.md",
    "destination": ("slug:x",),
    "title": "A",
    "tags": ("t",),
    "metadata": {"k": 1, "j": 2},
    "content_type": "text/markdown",
}


def a_key(**change: Any) -> str:
    """Return the key of the usual upload, changed."""
    return upload_key(**{**KEY, **change})


def test_what_is_within_all_limits_passes() -> None:
    check_upload("a" * 255, LIMITS.file_bytes, ["t"] * 20, {"k": "v" * (8192 - len('{"k": ""}'))}, LIMITS)
    check_upload("ümlaut und leer.md", 1, (), None, LIMITS)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"size_bytes": 0}, "empty_file"),
        ({"size_bytes": 26_214_401}, "file_too_large"),
        ({"tags": ["t"] * 21}, "too_many_tags"),
        ({"tags": ["a", " "]}, "invalid_tags"),
        ({"metadata": {"k": "v" * 8192}}, "metadata_too_large"),
        ({"metadata": {"k": "ü" * 4096}}, "metadata_too_large"),
        ({"metadata": {"k": float("nan")}}, "invalid_metadata"),
        ({"metadata": {"k": object()}}, "invalid_metadata"),
        ({"filename": ""}, "invalid_filename"),
        ({"filename": "  "}, "invalid_filename"),
        ({"filename": "a" * 256}, "invalid_filename"),
        ({"filename": "../a.md"}, "invalid_filename"),
        ({"filename": "a\u202egpj.md"}, "invalid_filename"),
        ({"filename": "a\x00.md"}, "invalid_filename"),
        ({"filename": "a\u200b.md"}, "invalid_filename"),
    ],
)
def test_each_broken_rule_has_its_code_and_says_what_to_do(change: dict[str, Any], code: str) -> None:
    valid: dict[str, Any] = {"filename": "a.md", "size_bytes": 10, "tags": (), "metadata": None}

    with pytest.raises(ContentError) as raised:
        check_upload(**{**valid, **change}, limits=LIMITS)

    assert raised.value.code == code
    assert raised.value.hint
    assert not raised.value.retryable


@pytest.mark.parametrize(
    "filename",
    [
        "Screenshot 10.30.15\u202fAM.md",
        "with\u00a0a fixed space.md",
        "ta\u00adble.md",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0646.md",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467.md",
    ],
)
def test_names_that_people_and_systems_give_are_allowed(filename: str) -> None:
    check_upload(filename, 10, (), None, LIMITS)


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("a.PDF", "application/pdf"),
        ("notes.md", "text/markdown"),
        ("a.tar.txt", "text/plain"),
        ("README", "application/octet-stream"),
        ("pdf", "application/octet-stream"),
        ("a.xyz", "application/octet-stream"),
        (".html", "text/html"),
    ],
)
def test_the_type_comes_from_the_ending(filename: str, expected: str) -> None:
    assert content_type_for(filename) == expected


def test_every_way_to_name_a_destination_is_one() -> None:
    assert destination_names(None, None, "a") == destination_names((), ("a",), None) == ("slug:a",)
    assert destination_names(("2", "1"), ("b",), "a") == ("id:1", "id:2", "slug:a", "slug:b")


def test_equal_content_has_an_equal_key() -> None:
    assert a_key() == a_key(metadata={"j": 2, "k": 1})
    assert len(a_key()) <= 64


@pytest.mark.parametrize(
    "change",
    [
        {"content_hash": "cd" * 32},
        {"filename": "b.md"},
        {"destination": ("id:x",)},
        {"title": None},
        {"tags": ()},
        {"metadata": None},
        {"content_type": "text/plain"},
        {"generation": 1},
    ],
)
def test_whatever_makes_another_file_makes_another_key(change: dict[str, Any]) -> None:
    assert a_key(**change) != a_key()


def test_the_key_does_not_reveal_the_content_hash() -> None:
    assert "ab" * 8 not in a_key()
