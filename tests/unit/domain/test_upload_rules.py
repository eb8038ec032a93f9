from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from calypso_mcp.domain.uploads.declaration import Declaration, Destination
from calypso_mcp.domain.uploads.upload_rules import check_size, content_type_for
from calypso_mcp.errors import ContentError

DECLARED = Declaration("a.md", Destination(bucket="docs"))


def check(declaration: Declaration, size_bytes: int = 10) -> None:
    """Check a file as an upload does."""
    declaration.check()
    check_size(size_bytes)


def test_what_is_within_all_limits_passes() -> None:
    metadata = {"k": "v" * (8192 - len('{"k": ""}'))}
    full = replace(DECLARED, filename="a" * 255, tags=("t",) * 20, metadata=metadata)
    check(full, 26_214_400)
    check(replace(DECLARED, filename="ümlaut und leer.md"), 1)


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
    size_bytes = change.get("size_bytes", 10)
    declaration = replace(DECLARED, **{name: change[name] for name in change if name != "size_bytes"})

    with pytest.raises(ContentError) as raised:
        check(declaration, size_bytes)

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
    check(replace(DECLARED, filename=filename))


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
