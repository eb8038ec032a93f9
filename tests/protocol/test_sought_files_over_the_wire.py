"""A sentence in any kind of file is the first hit of a question for it, cited where it stands."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from calypso_mcp.local.indexing.chunking import split
from calypso_mcp.local.indexing.documents import FileContent
from calypso_mcp.local.indexing.formats.registry import choose_entry
from tests.support.sought import Sought, sought_files
from tests.support.sought_office import sought_office_files
from tests.support.upload_rig import Rig, upload_rig

ALL = (*sought_files(), *sought_office_files())


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncGenerator[Rig]:
    """A server over a folder with every file in it."""
    folder = tmp_path / "allowed"
    folder.mkdir()
    for entry in ALL:
        (folder / entry.name).write_bytes(entry.data)
    async with upload_rig(tmp_path / "data", folder) as opened:
        yield opened


def is_placed(one: Sought, place: str) -> bool:
    """Whether the place that a hit names is the one where the sentence stands."""
    named = {"section": 'section "{}"', "sheet": 'sheet "{}"'}
    words = re.split(r"lines? |[-, ]", place)
    return all(
        str(value) in words if key == "line_start" else named.get(key, key + " {}").format(value) in place
        for key, value in one.place.items()
    )


async def test_every_sentence_is_found_first_and_cited_where_it_stands(rig: Rig) -> None:
    files = len({entry.name for entry in ALL})
    done = await rig.ok("upload_batch", directory=".", bucket="all", create_bucket=True, wait=True)
    assert done["searchable"] == {"ready": files, "failed": 0, "pending": 0}
    missed: list[tuple[str, str, object]] = []
    for entry in ALL:
        found = await rig.ok("search_bucket", query=entry.query, bucket="all", max_results=1)
        hit = found["hits"][0] if found["hits"] else {}
        is_right = hit.get("filename") == entry.name and entry.text in hit["text"]
        if not is_right or not is_placed(entry, hit.get("place", "")):
            missed.append((entry.name, entry.query, hit))
    assert missed == []


@pytest.mark.parametrize("one", [item for item in ALL if item.never], ids=lambda case: case.name)
def test_no_passage_holds_markup_escapes_or_encoded_bytes(one: Sought) -> None:
    entry = choose_entry(one.name, "", one.data[:8_192])
    passages = split(entry.read(FileContent(one.data, one.name)))
    assert passages
    assert not [passage.text for passage in passages if one.never in passage.text]
