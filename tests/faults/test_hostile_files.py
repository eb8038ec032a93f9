"""Files made to hurt: each fails alone or is read, while the server answers and other files are read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
import pytest_asyncio

from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.local.indexing.child_process import ExtractionLimits
from calypso_mcp.local.indexing.documents import Document, ExtractionFailed
from calypso_mcp.local.indexing.extraction import Extractor
from tests.support.hostile import HOSTILE, PRIVATE_FILE
from tests.support.own_time import own_time
from tests.support.pdfs import text_pdf
from tests.support.upload_rig import upload_rig

#: Tighter than the usual ones, so that a file that goes to them does so soon.
LIMITS = ExtractionLimits(memory_bytes=512 * 1_048_576, cpu_s=5, wall_s=120)
#: A turn of the event loop, its waits for a CPU left out; parsing in it would take seconds.
LONGEST_TURN_S = 2.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def extractor() -> AsyncIterator[Extractor]:
    async with Extractor(LIMITS) as opened:
        yield opened


async def outcome(extractor: Extractor, path: Path) -> Document | ExtractionFailed:
    try:
        return await extractor.extract(path, Declaration(path.name))
    except ExtractionFailed as failure:
        return failure


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_file_is_contained(extractor: Extractor, tmp_path: Path, name: str) -> None:
    hostile, good = tmp_path / name, tmp_path / "good.pdf"
    hostile.write_bytes(HOSTILE[name]())
    good.write_bytes(text_pdf([["good text"]]))
    found: list[Document | ExtractionFailed] = []
    others: list[Document | ExtractionFailed] = []
    longest = 0.0

    async def read_hostile() -> None:
        found.append(await outcome(extractor, hostile))

    with anyio.fail_after(200):
        async with anyio.create_task_group() as group:
            group.start_soon(read_hostile)
            others.append(await outcome(extractor, good))
            while not found:
                started = own_time()
                await anyio.sleep(0.02)
                longest = max(longest, own_time() - started)
        others.append(await outcome(extractor, good))
    assert [isinstance(other, Document) for other in others] == [True, True]
    assert longest < LONGEST_TURN_S
    [result] = found
    if isinstance(result, Document):
        assert Path(PRIVATE_FILE).read_text().splitlines()[0] not in result.text
        assert len(result.text) <= LIMITS.max_chars
    else:
        assert result.message.endswith(".")


async def test_good_files_in_a_batch_of_hostile_ones_become_ready(tmp_path: Path) -> None:
    folder = tmp_path / "allowed"
    folder.mkdir()
    quick = (
        "entity.docx",
        "laughs.xml",
        "cyclic.doc",
        "pages-cycle.pdf",
        "deep.json",
        "nested.eml",
        "deep.rtf",
    )
    for name in quick:
        (folder / name).write_bytes(HOSTILE[name]())
    for index in range(5):
        (folder / f"good-{index}.pdf").write_bytes(text_pdf([[f"Heron {index} is on duty."]]))
    async with upload_rig(tmp_path / "data", folder) as rig:
        done = await rig.ok("upload_batch", directory=".", bucket="mixed", create_bucket=True, wait=True)
        assert done["searchable"]["pending"] == 0
        assert done["searchable"]["ready"] >= 5
        found = await rig.ok("search_bucket", query="heron on duty", bucket="mixed", max_results=20)
        assert {hit["filename"] for hit in found["hits"]} >= {f"good-{index}.pdf" for index in range(5)}


async def test_files_of_another_bucket_do_not_wait_for_all_that_keep_their_readers_busy(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "allowed"
    (folder / "hostile").mkdir(parents=True)
    hostile = HOSTILE["cells.xlsx"]()
    for index in range(20):
        (folder / "hostile" / f"{index}.xlsx").write_bytes(hostile + b"\n%d" % index)
    (folder / "good.pdf").write_bytes(text_pdf([["Heron is on duty."]]))
    (folder / "good.md").write_text("# Heron")
    async with upload_rig(tmp_path / "data", folder) as rig:
        await rig.ok("upload_batch", directory="hostile", bucket="hostile", create_bucket=True)
        await rig.ok("create_bucket", name="Good", slug="good")
        for name in ("good.pdf", "good.md"):
            await rig.ok("upload_file", bucket="good", path=name)
        await rig.ok("wait_for_bucket_sync", bucket="good")
        waiting = await rig.ok("wait_for_bucket_sync", bucket="hostile", timeout_s=0)
    assert waiting["pending"] > 10
