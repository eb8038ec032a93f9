from __future__ import annotations

import random

import pytest

from calypso_mcp.domain.uploads.declaration import batch_key
from calypso_mcp.domain.uploads.manifest import Entry, check_client_file_id, check_manifest, split
from calypso_mcp.errors import ManifestError
from tests.support.declarations import an_id


def ids(count: int) -> list[str]:
    """Return the ids of `count` files of a folder."""
    return [an_id(path=f"docs/chapter-{n}.md") for n in range(count)]


def test_the_key_of_a_batch_does_not_depend_on_its_order() -> None:
    some = ids(10)

    assert batch_key(some) == batch_key(reversed(some))
    assert batch_key(some) != batch_key(some[1:])


@pytest.mark.parametrize(("files", "batches"), [(0, 0), (1, 1), (100, 1), (101, 2), (250, 3)])
def test_files_are_divided_into_few_batches_of_at_most_100(files: int, batches: int) -> None:
    parts = split(ids(files))

    assert len(parts) == batches
    assert all(1 <= len(part) <= 100 for part in parts)
    assert sorted(entry for part in parts for entry in part) == sorted(ids(files))


def test_the_division_does_not_depend_on_the_order() -> None:
    some = ids(730)
    shuffled = some.copy()
    random.Random(7).shuffle(shuffled)

    assert split(shuffled) == split(some)


def test_one_more_file_leaves_most_batches_as_they_are() -> None:
    some = ids(1_000)
    before = {batch_key(part) for part in split(some)}
    unchanged: list[int] = []
    for number in range(20):
        new = an_id(path=f"docs/chapter-{number * 50}-new.md")
        unchanged.append(len(before & {batch_key(part) for part in split([*some, new])}))

    assert sum(unchanged) / len(unchanged) > 0.7 * len(before)


def test_a_changed_file_changes_its_own_batch_only() -> None:
    some = ids(1_000)
    before = split(some)
    changed = an_id(path="docs/chapter-500.md", content_hash="cd" * 32)

    after = split([changed, *(entry for entry in some if entry != some[500])])

    assert len(set(before) - set(after)) == 1


@pytest.mark.parametrize("one", ["a", "A-b_c.9", "x" * 128, "_a", ".a", "-"])
def test_ids_that_the_seed_allows_pass(one: str) -> None:
    check_client_file_id(one)


@pytest.mark.parametrize("one", ["", "__a", "a b", "a/b", "ä", "x" * 129, "a\n"])
def test_ids_that_the_seed_forbids_do_not(one: str) -> None:
    with pytest.raises(ManifestError) as raised:
        check_client_file_id(one)

    assert raised.value.code == "invalid_client_file_id"


def entries(*client_file_ids: str) -> list[Entry]:
    return [Entry(client_file_id, f"{client_file_id}.md") for client_file_id in client_file_ids]


def test_a_consistent_manifest_passes() -> None:
    check_manifest(entries("a", "b"), entries("b", "a"))


MANY = entries(*(str(number) for number in range(101)))


@pytest.mark.parametrize(
    ("items", "files", "unrouted", "code", "concerned"),
    [
        ([], [], [], "empty_batch", ()),
        (MANY, MANY, [], "batch_too_large", ()),
        (entries("a"), MANY, [], "batch_too_large", ()),
        (entries("a", "a"), entries("a"), [], "duplicate_client_file_id", ("a",)),
        (entries("a"), entries("a", "a"), [], "duplicate_client_file_id", ("a",)),
        (entries("a b"), entries("a b"), [], "invalid_client_file_id", ()),
        (entries("a", "b"), entries("a"), [], "missing_file_parts", ("b",)),
        (entries("a"), entries("b"), [], "missing_file_parts", ("a", "b")),
        (entries("a"), [Entry("a", "other.md")], [], "missing_file_parts", ("a",)),
        (entries("a", "b"), entries("a", "b"), ["b"], "bucket_required", ("b",)),
    ],
)
def test_each_inconsistency_has_the_code_of_the_api_and_names_the_files(
    items: list[Entry], files: list[Entry], unrouted: list[str], code: str, concerned: tuple[str, ...]
) -> None:
    with pytest.raises(ManifestError) as raised:
        check_manifest(items, files, unrouted=unrouted)

    assert (raised.value.code, raised.value.client_file_ids) == (code, concerned)
