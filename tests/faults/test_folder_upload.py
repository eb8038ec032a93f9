"""A folder as an agent sends it: several batches, files failing, files ignored, and each accounted for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import anyio

from tests.support.fault_script import CREATE_BATCH, FINALIZE_BATCH, PUT, Answer, LoseAnswer, On, Script
from tests.support.faulty_calypso import BUCKET, as_stored, content, small_uploads
from tests.support.faulty_server import faulty_server

SENT = 250
FAILING = 12
IGNORED = 20
#: A folder that is ignored is one input; what lies in it is never looked at.
SKIPPED = {
    "ignored": 1,
    "ignore_file": 1,
    "empty_file": 1,
    "file_too_large": 1,
    "secret_name": 1,
}


def folder_of(parent: Path) -> Path:
    """Make a folder with files to send in two subfolders, and everything that must stay behind."""
    folder = parent / "documents"
    for number in range(SENT):
        path = folder / ("odd" if number % 2 else "even") / f"note-{number:03}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(number, 400 + number))
    (folder / "drafts").mkdir()
    for number in range(IGNORED):
        (folder / "drafts" / f"draft-{number}.md").write_text("not yet", encoding="utf-8")
    (folder / ".gitignore").write_text("drafts/\n", encoding="utf-8")
    (folder / "empty.md").touch()
    (folder / "server.pem").write_text("secret", encoding="utf-8")
    with (folder / "huge.md").open("wb") as file:
        file.truncate(26_214_401)
    return folder


def check_sums(report: dict[str, Any], skipped: int) -> None:
    """Check that a report counts every file once; most of those that need nothing are only counted."""
    counts = Counter(report["counts"])
    listed = Counter(outcome["outcome"] for outcome in report["outcomes"])
    assert {kind["code"]: kind["count"] for kind in report["skipped"]} == SKIPPED
    assert report["total"] == SENT + skipped == counts.total()
    assert len({outcome["path"] for outcome in report["outcomes"]}) == listed.total()
    assert listed.total() == SENT - report.get("omitted", 0)
    assert listed <= counts
    assert listed["failed"] == counts["failed"]


async def test_250_files_have_one_outcome_each_and_a_second_call_sends_only_what_failed(
    tmp_path: Path,
) -> None:
    folder = folder_of(tmp_path)
    script = Script(
        On(CREATE_BATCH, Answer(503)),
        On(PUT, Answer(403, times=FAILING), nth=60),
        On(FINALIZE_BATCH, LoseAnswer()),
    )
    async with faulty_server(tmp_path, folder, script) as (calypso, agent):

        async def upload() -> dict[str, Any]:
            arguments = {"directory": str(folder), "bucket": BUCKET, "create_bucket": True}
            with anyio.fail_after(40):
                result = await agent.call_tool("upload_batch", arguments)
            assert not result.is_error, result.content
            return result.structured_content or {}

        first = await upload()
        script.clear()
        sent = len(script.of(PUT))
        second = await upload()
        third = await upload()

        assert await calypso.stored() == await as_stored(small_uploads(SENT))

    skipped = sum(SKIPPED.values())
    for report in (first, second, third):
        check_sums(report, skipped)
    assert first["counts"] == {"accepted": SENT - FAILING, "failed": FAILING, "skipped": skipped}
    assert {outcome["outcome"] for outcome in first["outcomes"][:FAILING]} == {"failed"}
    assert second["counts"] == {"replayed": SENT - FAILING, "accepted": FAILING, "skipped": skipped}
    assert third["counts"] == {"replayed": SENT, "skipped": skipped}
    assert len(script.of(PUT)) - sent == FAILING
