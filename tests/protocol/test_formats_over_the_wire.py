"""Files of many formats, from a folder to a hit that says where the passage stands."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.support.producers import SENTENCES, SOUGHT, made_by_libraries
from tests.support.upload_rig import Rig, upload_rig

RUSSIAN = "Отпуск составляет двадцать восемь дней. Срок уведомления один месяц.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The allowed folder, empty."""
    inside = tmp_path / "allowed"
    inside.mkdir()
    return inside


@pytest.fixture
async def rig(folder: Path, tmp_path: Path) -> AsyncGenerator[Rig]:
    async with upload_rig(tmp_path / "data", folder) as opened:
        yield opened


async def test_every_format_of_a_folder_is_found_and_cited_where_it_stands(rig: Rig, folder: Path):
    files = {made.name: made.data for made in made_by_libraries()}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    done = await rig.ok("upload_batch", directory=".", bucket="office", create_bucket=True, wait=True)
    assert done["searchable"] == {"ready": len(files), "failed": 0, "pending": 0}
    found = await rig.ok("search_bucket", query=SENTENCES[SOUGHT], bucket="office", max_results=20)
    holding = [hit for hit in reversed(found["hits"]) if SENTENCES[SOUGHT] in hit["text"]]
    # A file whose passage reads like another's is named beside it, with no place of its own.
    places = {name: "" for hit in holding for name in hit.get("also_in", [])}
    places |= {hit["filename"]: hit.get("place", "") for hit in holding}
    for twins, place in (
        (("python-pptx.pptx", "odfpy.odp"), "slide 4"),
        (("openpyxl.xlsx", "odfpy.ods"), 'sheet "Rules 2026", row'),
    ):
        cited = [places[name] for name in twins if places[name]]
        assert cited
        assert all(shown.startswith(place) for shown in cited)
    assert places.keys() == files.keys()


async def test_what_was_guessed_is_said_wherever_a_file_is_told_of(rig: Rig, folder: Path):
    (folder / "plain.md").write_text("Nothing to say of this one.")
    (folder / "leave.txt").write_bytes(RUSSIAN.encode("cp1251"))
    done = await rig.ok("upload_batch", directory=".", bucket="old", create_bucket=True, wait=True)
    assert done["counts"] == {"accepted": 2}
    [noted] = [outcome for outcome in done["outcomes"] if "reason" in outcome]
    assert noted["path"] == "leave.txt"
    assert "windows-1251" in noted["reason"]
    status = await rig.ok("wait_for_bucket_sync", file_ids=[noted["file_id"]], timeout_s=0)
    assert "windows-1251" in status["items"][0]["reason"]
    waited = await rig.ok("wait_for_bucket_sync", file_ids=[noted["file_id"]])
    assert "windows-1251" in waited["items"][0]["reason"]
    single = await rig.ok("upload_file", path="leave.txt", bucket="other", create_bucket=True, wait=True)
    assert "windows-1251" in single["reason"]


async def test_what_cannot_be_read_is_refused_in_every_way_to_send_it(rig: Rig, folder: Path):
    (folder / "film.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42")
    by_path = await rig.refused("upload_file", path="film.mp4", bucket="d", create_bucket=True)
    inline = await rig.refused(
        "upload_file", content_base64="R0lGODlhAAA=", filename="a.gif", bucket="d", create_bucket=True
    )
    for refused in (by_path, inline):
        assert refused["code"] == "unsupported_type"
        assert refused["next_step"].startswith("Send")
    dry = await rig.ok("upload_batch", directory=".", bucket="d", create_bucket=True, dry_run=True)
    assert dry["skipped"][0]["code"] == "unsupported_type"
