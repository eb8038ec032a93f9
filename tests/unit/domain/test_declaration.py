"""The keys by which a source is recognised: stable over orders, machines and versions of this program."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from calypso_mcp.api.files import CreateUploadSession
from calypso_mcp.domain.uploads.declaration import Declaration, Destination, batch_key
from calypso_mcp.domain.uploads.manifest import check_client_file_id
from calypso_mcp.errors import ContentError
from tests.support.declarations import HASH, a_key, an_id

#: What earlier releases sent for these files: a key that differs would send them all again.
HELLO = "ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f"
PLAIN = Declaration("notes.md", Destination(bucket="support"))
FULL = Declaration(
    "notes.md",
    Destination(("bucket_2", "bucket_1"), ("b",), "a", create_missing_buckets=True),
    content_type="text/x-notes",
    title="Notes ü",
    tags=("b", "a"),
    metadata={"z": 1, "a": {"k": [1.5, None, True]}},
    path="docs/notes.md",
)
EMPTY = Declaration("data.bin", Destination(bucket_ids=("bucket_1",)), metadata={}, path="")


@pytest.mark.parametrize(
    ("declaration", "keys", "ids"),
    [
        (
            PLAIN,
            [
                "18ed8ed19df4f2cbe31ed5bc36ccfe13e57c6c2ee5a7c49e",
                "f682134021026f13353480093aafda91ff9247e0fdccc44d",
            ],
            ["notes.md-53182486c45ad86f99a64da15d8743c1", "notes.md-56873b5529318eea88fe7d0c9360fc88"],
        ),
        (
            FULL,
            [
                "a4e885013795e64f8e7c99b3cee034412b4c49c0289855f3",
                "08c5388cefe039e5507fe287fd302cc1a0e586e76494e1b0",
            ],
            [
                "docs-notes.md-36f06d30fd3baf024b1c6e181d012d51",
                "docs-notes.md-0c1e1b31ed84e53651a1d617e9f6fd2d",
            ],
        ),
        (
            EMPTY,
            [
                "cfa21d2bc23b5941d4377b593a25ae58511c5a7adfca7d7b",
                "1b03b842607ac8e1f97fb1bd30434ecaca181854706a2bf9",
            ],
            ["data.bin-ca41b519690d04d0b089574737b9726a", "data.bin-a1707f339d280d2cedb9861fa4d1ee63"],
        ),
    ],
)
def test_what_earlier_releases_sent_is_still_a_replay(
    declaration: Declaration, keys: list[str], ids: list[str]
) -> None:
    assert [declaration.upload_key(HELLO, n) for n in (0, 1)] == [f"calypso-mcp-{key}" for key in keys]
    assert [declaration.client_file_id(HELLO, n) for n in (0, 1)] == ids


def test_a_batch_that_earlier_releases_sent_is_still_a_replay() -> None:
    ids = [declaration.client_file_id(HELLO) for declaration in (PLAIN, FULL, EMPTY)]

    assert batch_key(ids) == "calypso-mcp-4d69e5b43aadf1c557af9e74867315bfe53a752930f7dd78"


def test_what_earlier_releases_remembered_is_still_found() -> None:
    origin = "/srv/docs/notes.md"

    assert PLAIN.memory_keys(HELLO, None) == (
        "a66e297013d16629bacd5f0f1156a663fcb642e6c618d843f3e0578067e6b314",
    )
    assert FULL.memory_keys(HELLO, origin) == (
        "23edf2f06a76c02d6f4d6607529c225c594ac9fece7da785897f9f54c5e70bc5",
        "421a1413c38a38bd0a4edcaa290228a5f837fba47663399511fd5e563daa9935",
    )
    assert FULL.place_key(origin) == "941953e4a3c04b5e6adcd136318ea37770932a3a9de78550c6caa27fb191823d"
    assert FULL.latest_key(origin) == "b6dfedf66dc2034970d57ea5f29e55972bc9d630fd30389b21a0feb665023e18"


@given(
    filename=st.text(min_size=1), content_hash=st.text(alphabet="0123456789abcdef", min_size=64, max_size=64)
)
def test_every_file_has_a_valid_and_stable_id(filename: str, content_hash: str) -> None:
    declaration = Declaration(filename, Destination(bucket="x"))
    made = declaration.client_file_id(content_hash)

    check_client_file_id(made)
    assert made == Declaration(filename, Destination(bucket="x")).client_file_id(content_hash)


def test_an_id_can_be_recognised_by_people() -> None:
    assert an_id().startswith("docs-a.md-")
    assert an_id(path="__init__.py").startswith("init__.py-")
    assert an_id(path="文档").startswith("file-")


CHANGES: list[dict[str, Any]] = [
    {"content_hash": "cd" * 32},
    {"destination": Destination(bucket="y")},
    {"destination": Destination(bucket_ids=("x",))},
    {"title": None},
    {"tags": ()},
    {"metadata": None},
    {"generation": 1},
]


@pytest.mark.parametrize("change", [*CHANGES, {"path": "docs/b.md"}, {"path": "docs-a.md"}])
def test_whatever_makes_another_file_makes_another_id(change: dict[str, Any]) -> None:
    assert an_id(**change) != an_id()


@pytest.mark.parametrize(
    "change", [*CHANGES, {"filename": "b.md"}, {"content_type": "text/plain"}, {"path": "b/a.md"}]
)
def test_whatever_makes_another_file_makes_another_key(change: dict[str, Any]) -> None:
    assert a_key(**change) != a_key()


def test_equal_content_has_an_equal_key() -> None:
    assert a_key() == a_key(metadata={"j": 2, "k": 1})
    assert len(a_key()) <= 64


def test_an_external_id_is_sent_as_metadata_and_tells_sources_apart() -> None:
    declaration = replace(PLAIN, external_id="ticket-7", metadata={"k": 1, "external_id": "old"})

    sent = CreateUploadSession.of(declaration, 10).to_wire()

    assert sent["metadata"] == {"k": 1, "external_id": "ticket-7"}
    assert declaration.client_file_id(HASH).startswith("ticket-7-")
    assert a_key(external_id="1") != a_key(external_id="2") != a_key()
    with pytest.raises(ContentError):
        replace(PLAIN, external_id="x" * 9_000).check()


def test_the_key_does_not_reveal_the_content_hash() -> None:
    assert HASH[:16] not in a_key()


def test_every_way_to_name_a_destination_is_one() -> None:
    assert Destination(bucket="a").names == Destination((), ("a",)).names == ("slug:a",)
    assert Destination(("2", "1"), ("b",), "a").names == ("id:1", "id:2", "slug:a", "slug:b")
    assert Destination(bucket="a", create_missing_buckets=True).names == ("slug:a",)
