"""New versions of what a bucket holds: replaced, kept beside, skipped or relabelled, also in folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from calypso_mcp.domain.uploads.declaration import Declaration, Destination
from tests.support.asked_person import Person
from tests.support.mcp_answers import text
from tests.support.upload_rig import Rig, upload_rig

OLD = "# Leave\n\nEvery employee has 27 days of annual leave.\n"
NEW = "# Leave\n\nEvery employee has 31 days of annual leave.\n"


@pytest.fixture
def folder(folder: Path) -> Path:
    (folder / "hr").mkdir()
    return folder


async def upload(rig: Rig, content: str, **more: Any) -> dict[str, Any]:
    return await rig.ok("upload_file", text=content, filename="leave.md", bucket="docs", wait=True, **more)


async def days(rig: Rig) -> list[int]:
    """Return the days of leave that a search finds."""
    found = await rig.ok("search_bucket", query="days of annual leave", max_results=20)
    return sorted(number for hit in found["hits"] for number in (27, 31) if f"{number} days" in hit["text"])


async def names(rig: Rig) -> list[str]:
    return [source["name"] for source in (await rig.ok("list_sources"))["sources"]]


async def test_new_text_under_a_name_replaces_the_old_and_says_so(rig: Rig) -> None:
    old = await upload(rig, OLD)
    assert "reason" not in old
    result = await rig.call("upload_file", text=NEW, filename="leave.md", bucket="docs", wait=True)
    new = result.structured_content
    assert (new["outcome"], new["changed"], new["readiness"]) == ("accepted", True, "ready")
    assert new["reason"] == f"Replaced: the previous version ({old['file_id']}) is no longer searchable."
    assert new["reason"] in text(result)
    assert await days(rig) == [31]
    assert await names(rig) == ["leave.md"]


async def test_content_that_comes_back_while_its_successor_is_not_searchable_yet_is_the_newest(
    rig: Rig,
) -> None:
    for content in (OLD, NEW, OLD, NEW, OLD):
        await rig.ok("upload_file", text=content, filename="leave.md", bucket="docs")
    await rig.ok("wait_for_bucket_sync", bucket="docs")
    assert await days(rig) == [27]
    assert await names(rig) == ["leave.md"]


async def test_both_versions_stay_where_they_are_to_be_kept(rig: Rig) -> None:
    old = await upload(rig, OLD)
    new = await upload(rig, NEW, if_exists="keep_both")
    assert old["file_id"] in new["reason"]
    assert await days(rig) == [27, 31]


async def test_what_is_to_be_skipped_is_not_sent(rig: Rig) -> None:
    old = await upload(rig, OLD)
    rig.wire.bytes_put = 0
    skipped = await upload(rig, NEW, if_exists="skip")
    assert (skipped["outcome"], skipped["file_id"]) == ("replayed", old["file_id"])
    assert "Not sent" in skipped["reason"]
    assert rig.wire.bytes_put == 0
    assert await days(rig) == [27]


@pytest.mark.parametrize(
    ("labels", "is_new"),
    [
        ({"tags": ["hr", "legal"]}, True),
        ({"title": "Holidays"}, True),
        ({"metadata": {"owner": "ann"}}, True),
        ({"tags": ["hr"]}, False),
        ({}, False),
    ],
)
async def test_the_same_content_with_other_labels_takes_them_over(
    rig: Rig, labels: dict[str, Any], is_new: bool
) -> None:
    old = await upload(rig, OLD, title="Leave policy", tags=["hr"], metadata={"owner": "bob"})
    rig.wire.bytes_put = 0
    again = await upload(rig, OLD, **labels)
    assert (again["outcome"], again["file_id"], rig.wire.bytes_put) == ("replayed", old["file_id"], 0)
    assert ("only its title, tags" in again.get("reason", "")) is is_new
    stored = (await rig.calypso.files.get(old["file_id"])).model_dump()
    expected = {"title": "Leave policy", "tags": ("hr",), "metadata": {"owner": "bob"}, **labels}
    assert {name: stored[name] for name in expected} == {**expected, "tags": tuple(expected["tags"])}
    assert await names(rig) == ["leave.md"]


async def test_a_new_version_that_cannot_be_read_leaves_the_old_one(rig: Rig, folder: Path) -> None:
    (folder / "leave.pdf").write_bytes(b"%PDF-1.7\nbroken")
    await rig.ok("upload_file", text=OLD, filename="leave.md", external_id="7", bucket="docs", wait=True)
    failed = await rig.ok("upload_file", path="leave.pdf", external_id="7", bucket="docs", wait=True)
    assert failed["readiness"] == "failed"
    assert await days(rig) == [27]
    batch = await rig.ok(
        "upload_batch", items=[{"path": "leave.pdf", "external_id": "7"}], bucket="docs", wait=True
    )
    [broken] = (await rig.ok("list_sources", bucket="docs", state="failed"))["sources"]
    state = await rig.ok("wait_for_bucket_sync", bucket="docs", timeout_s=0)
    reasons = {told["reason"] for told in (failed, broken, *batch["outcomes"], *state["items"])}
    assert len(reasons) == 1
    assert reasons.pop().endswith(" The previous version was kept.")


async def test_a_source_that_failed_from_the_start_mentions_no_other_version(rig: Rig, folder: Path) -> None:
    (folder / "leave.pdf").write_bytes(b"%PDF-1.7\nbroken")
    for _ in range(2):
        failed = await rig.ok("upload_file", path="leave.pdf", bucket="docs", wait=True)
        assert failed["reason"] == "The file is cut off: it lacks the end of a PDF. Upload a complete copy."


@pytest.mark.parametrize(("others", "name"), [(0, "leave.md"), (12, "leave.md"), (0, "conge\u0301.md")])
async def test_a_file_keeps_its_name_in_whatever_way_it_is_sent_again(
    rig: Rig, folder: Path, others: int, name: str
) -> None:
    (folder / "hr" / "deep").mkdir()
    leave = folder / "hr" / "deep" / name
    leave.write_text(OLD)
    for number in range(others):
        (folder / "hr" / f"other-{number}.md").write_text(f"Text {number}.\n")
    await rig.ok("upload_batch", directory="hr", bucket="docs", wait=True)
    before = await names(rig)
    assert before[0] == f"deep/{name}"
    paths = [f"hr/{name}" for name in before]
    ways: tuple[tuple[str, dict[str, Any]], ...] = (
        ("upload_file", {"path": f"hr/deep/{name}"}),
        ("upload_batch", {"paths": paths}),
        ("upload_batch", {"items": [{"path": path} for path in paths]}),
        ("upload_batch", {"directory": "."}),
        ("upload_batch", {"directory": "hr/deep", "tags": ["leave"]}),
    )
    for number, (tool, way) in enumerate(ways):
        content, now, then = ((NEW, 31, 27), (OLD, 27, 31))[number % 2]
        assert await days(rig) == [then]
        leave.write_text(content)
        if tool == "upload_batch":
            planned = await rig.ok(tool, **way, bucket="docs", dry_run=True)
            assert planned["counts"]["would_send"] == 1
        await rig.ok(tool, **way, bucket="docs", wait=True)
        assert await days(rig) == [now], way
        assert await names(rig) == before
    await rig.ok("upload_file", path=f"hr/deep/{name}", filename="copy.md", bucket="docs", wait=True)
    assert await names(rig) == sorted([*before, "copy.md"])


@pytest.mark.parametrize("contents", [(OLD, NEW), (OLD, OLD)])
async def test_files_of_one_name_in_two_folders_do_not_replace_each_other(
    rig: Rig, folder: Path, contents: tuple[str, str]
) -> None:
    paths = ["hr/leave.md", "legal/leave.md"]
    (folder / "legal").mkdir()
    for path, content in zip(paths, contents, strict=True):
        (folder / path).write_text(content)
    for _ in range(2):
        sent = [await rig.ok("upload_file", path=path, bucket="docs", wait=True) for path in paths]
        assert [report["filename"] for report in sent] == paths
        assert await names(rig) == paths
    (folder / "legal" / "leave.md").write_text(f"{NEW}Ask Ann.\n")
    await rig.ok("upload_file", path="legal/leave.md", bucket="docs", wait=True)
    assert await names(rig) == paths
    assert await days(rig) == [27, 31]


async def test_new_content_that_is_named_without_its_folder_says_what_it_may_have_been_meant_for(
    rig: Rig, folder: Path
) -> None:
    for name in ("hr/leave.md", "hr/rota.md"):
        await rig.ok("upload_file", text=OLD, filename=name, bucket="docs", wait=True)
    assert (await upload(rig, NEW))["reason"] == (
        "Replaced nothing: the bucket also holds 'hr/leave.md'."
        " To replace it, give its whole name as filename."
    )
    (folder / "rota.md").write_text(NEW)
    assert "reason" not in await rig.ok("upload_file", path=str(folder / "rota.md"), bucket="docs", wait=True)


async def test_a_file_that_replaces_one_of_another_folder_says_so_before_and_after(
    rig: Rig, folder: Path
) -> None:
    rounds = [("hr", OLD, None, ""), ("hr", NEW, None, "disappears"), ("legal", OLD, "elsewhere", "both")]
    for place, content, reason, hint in rounds:
        (folder / place).mkdir(exist_ok=True)
        (folder / place / "leave.md").write_text(content)
        arguments = {"directory": str(folder / place), "bucket": "docs"}
        for more, outcome in (({"dry_run": True}, "would_send"), ({"wait": True}, "accepted")):
            done = await rig.ok("upload_batch", **arguments, **more)
            assert done["counts"] == {outcome: 1}
            [told] = done["outcomes"]
            assert told.get("changed", False) == bool(hint)
            assert (reason or "") in told.get("reason", "")
            assert ("reason" in told) == bool(reason)
            assert hint in done.get("hints", {}).get("changed", "")
    assert await names(rig) == ["leave.md"]


async def test_a_dry_run_claims_no_new_labels_and_hides_no_refusal(rig: Rig, folder: Path) -> None:
    (folder / "hr" / "leave.md").write_text(OLD)
    await rig.ok("upload_batch", directory="hr", bucket="docs", wait=True)
    (folder / "hr" / "in\u200bvisible").mkdir()
    (folder / "hr" / "in\u200bvisible" / "law.md").write_text(NEW)
    for more in ({"dry_run": True}, {}):
        done = await rig.ok("upload_batch", directory="hr", bucket="docs", tags=["new"], **more)
        assert done["counts"] == {"rejected": 1, "replayed": 1}
        refused, relabelled = done["outcomes"]
        assert refused["code"] == "invalid_path"
        assert "invalid_path" in done["hints"]
        assert relabelled["reason"].endswith("only its title, tags and metadata change")


async def test_new_text_under_the_file_name_of_another_folder_says_what_it_did_not_replace(rig: Rig) -> None:
    for place in ("", "hr/", "law/"):
        done = await rig.ok("upload_file", text=f"{OLD}{place}", filename=f"{place}leave.md", bucket="docs")
        held = {"": [], "hr/": ["leave.md"], "law/": ["hr/leave.md", "leave.md"]}[place]
        assert ("reason" in done) == bool(held)
        assert all(repr(name) in done["reason"] for name in held)
    again = await rig.ok("upload_file", text=f"{OLD}law/", filename="law/leave.md", bucket="docs")
    assert "reason" not in again
    other = await rig.ok("upload_file", text=OLD, filename="annual-leave.md", bucket="docs")
    assert "reason" not in other


async def test_two_hints_about_files_of_one_ending_are_both_said(rig: Rig, folder: Path) -> None:
    (folder / "legal").mkdir()
    for path in ("hr/leave.md", "legal/law.md"):
        (folder / path).write_text(OLD)
        await rig.ok("upload_batch", directory=str((folder / path).parent), bucket="docs")
    for path in ("legal/leave.md", "legal/law.md"):
        (folder / path).write_text(f"{NEW}{path}\n")
    done = await rig.ok("upload_batch", directory=str(folder / "legal"), bucket="docs", wait=True)
    [hint] = done["hints"].values()
    assert "disappears" in hint
    assert "keep both" in hint


async def test_a_file_that_the_caller_names_has_that_name_alone_and_in_a_batch(
    rig: Rig, folder: Path
) -> None:
    (folder / "hr" / "leave.md").write_text(OLD)
    (folder / "hr" / "old.md").write_text("# Old\n")
    await rig.ok("upload_file", path="hr/leave.md", filename="rules/days.md", bucket="docs")
    item = {"path": "hr/old.md", "filename": "rules/before.md"}
    await rig.ok("upload_batch", items=[item], bucket="docs", wait=True)
    assert await names(rig) == ["rules/before.md", "rules/days.md"]


async def test_a_file_whose_source_was_removed_gets_the_name_that_it_has_alone(
    rig: Rig, folder: Path
) -> None:
    (folder / "hr" / "deep").mkdir()
    (folder / "hr" / "deep" / "leave.md").write_text(OLD)
    await rig.ok("upload_batch", directory="hr", bucket="docs", wait=True)
    assert await names(rig) == ["deep/leave.md"]
    await rig.ok("remove_source", bucket="docs", name="deep/leave.md", confirm=True)
    await rig.ok("upload_file", path="hr/deep/leave.md", bucket="docs", wait=True)
    assert await names(rig) == ["hr/deep/leave.md"]


async def test_a_file_does_not_keep_a_name_that_another_file_of_the_call_has(rig: Rig, folder: Path) -> None:
    (folder / "hr" / "leave.md").write_text(OLD)
    (folder / "leave.md").write_text(NEW)
    await rig.ok("upload_batch", directory="hr", bucket="docs", wait=True)
    await rig.ok("upload_batch", directory=".", bucket="docs", wait=True)
    assert await names(rig) == ["hr/leave.md", "leave.md"]
    assert await days(rig) == [27, 31]


async def test_a_folder_is_brought_up_to_date_file_by_file(rig: Rig, folder: Path) -> None:
    for name in ("a.md", "hr/a.md", "hr/leave.md"):
        (folder / name).write_text(OLD if "leave" in name else f"Text of {name}.\n")
    await rig.ok("upload_batch", directory=".", bucket="docs", wait=True)
    (folder / "hr" / "leave.md").write_text(NEW)
    planned = await rig.ok("upload_batch", directory=".", bucket="docs", dry_run=True)
    assert planned["counts"] == {"would_send": 1, "replayed": 2}
    assert await days(rig) == [27]
    done = await rig.ok("upload_batch", directory=".", bucket="docs", wait=True)
    assert done["counts"] == {"accepted": 1, "replayed": 2}
    assert [outcome["path"] for outcome in done["outcomes"] if outcome.get("changed")] == ["hr/leave.md"]
    assert "disappears as soon as" in done["hints"]["changed"]
    assert await days(rig) == [31]
    assert await names(rig) == ["a.md", "hr/a.md", "hr/leave.md"]


async def test_a_file_in_a_folder_is_replaced_by_its_name_in_the_list(rig: Rig, folder: Path) -> None:
    (folder / "hr" / "leave.md").write_text(OLD)
    await rig.ok("upload_batch", directory=".", bucket="docs", wait=True)
    (name,) = await names(rig)
    done = await rig.ok("upload_file", text=NEW, filename=name, bucket="docs", wait=True)
    assert done["changed"] is True
    assert await days(rig) == [31]
    items = [{"text": OLD, "filename": name}]
    await rig.ok("upload_batch", items=items, bucket="docs", wait=True)
    assert await days(rig) == [27]
    assert await names(rig) == ["hr/leave.md"]


async def test_what_somebody_else_sent_is_not_sent_again(tmp_path: Path, folder: Path, era: str) -> None:
    (folder / "leave.md").write_text(OLD)
    async with upload_rig(tmp_path / "data", folder, era=era) as rig:
        await rig.ok("upload_batch", directory=".", bucket="docs", create_bucket=True, wait=True)
    (tmp_path / "data" / "sent.sqlite").unlink()
    async with upload_rig(tmp_path / "data", folder, era=era) as rig:
        done = await rig.ok("upload_batch", directory=".", bucket="docs", tags=["new"])
        assert (done["counts"], rig.wire.bytes_put) == ({"replayed": 1}, 0)
        assert "only its title, tags" in done["outcomes"][0]["reason"]
        assert (await rig.ok("list_sources", tag="new"))["total"] == 1


async def test_files_of_one_name_in_one_call_do_not_replace_each_other(rig: Rig) -> None:
    items = [{"text": content, "filename": "leave.md"} for content in (OLD, NEW)]
    for _ in range(2):
        done = await rig.ok("upload_batch", items=items, bucket="docs", wait=True)
        assert done["searchable"]["failed"] == 0
        assert await days(rig) == [27, 31]


async def test_a_batch_in_which_content_comes_back_ends_with_it(rig: Rig) -> None:
    for content in (OLD, NEW, OLD):
        item = {"text": content, "filename": "leave.md"}
        await rig.ok("upload_batch", items=[item], bucket="docs")
    await rig.ok("wait_for_bucket_sync", bucket="docs")
    assert await days(rig) == [27]


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"Text of {name}.\n")


async def synced(rig: Rig, directory: str = "hr", **more: Any) -> dict[str, Any]:
    return await rig.ok("upload_batch", directory=directory, bucket="docs", remove_missing=True, **more)


async def test_what_is_gone_from_a_folder_is_removed_and_nothing_else(rig: Rig, folder: Path) -> None:
    fill(folder, "hr/a.md", "hr/b.md", "hr/sub/c.md", "it/b2.md")
    await rig.ok("upload_file", text="Sent as text.", filename="note.md", bucket="docs")
    await rig.ok("upload_batch", directory="it", bucket="docs")
    await synced(rig)
    (folder / "hr" / "b.md").unlink()
    (folder / "hr" / "sub" / "c.md").unlink()
    planned = await synced(rig, dry_run=True)
    assert planned["counts"] == {"would_remove": 2, "replayed": 1}
    assert len(await names(rig)) == 5
    done = await synced(rig)
    assert done["counts"] == {"removed": 2, "replayed": 1}
    assert [outcome["path"] for outcome in done["outcomes"] if outcome["outcome"] == "removed"] == [
        "b.md",
        "sub/c.md",
    ]
    assert await names(rig) == ["a.md", "b2.md", "note.md"]
    assert (await synced(rig))["counts"] == {"replayed": 1}


async def test_every_source_that_would_be_removed_is_named(rig: Rig, folder: Path) -> None:
    gone = [f"hr/{number:02}.md" for number in range(30)]
    fill(folder, *gone, "hr/stays.md")
    await synced(rig)
    for path in gone:
        (folder / path).unlink()
    planned = await synced(rig, dry_run=True)
    assert planned["counts"] == {"would_remove": 30, "replayed": 1}
    assert len(planned["outcomes"]) == 31


async def test_what_is_gone_is_removed_in_whatever_way_it_was_sent(rig: Rig, folder: Path) -> None:
    fill(folder, "hr/a.md", "hr/sub/b.md", "hr/sub/c.md", "sub/c.md", "hr/sub/hr/sub/d.md", "hr/sub/e.md")
    await rig.ok("upload_batch", directory=".", exclude=["e.md"], bucket="docs")
    await rig.ok("upload_file", path="hr/sub/e.md", bucket="docs")
    for name in ("hr/a.md", "hr/sub/b.md", "hr/sub/hr/sub/d.md", "hr/sub/e.md"):
        (folder / name).unlink()
    done = await synced(rig, "hr/sub")
    removed = [outcome["path"] for outcome in done["outcomes"] if outcome["outcome"] == "removed"]
    assert removed == ["hr/sub/b.md", "hr/sub/e.md", "hr/sub/hr/sub/d.md"]
    assert await names(rig) == ["hr/a.md", "hr/sub/c.md", "sub/c.md"]


async def test_a_source_stays_that_has_the_name_of_a_file_that_never_arrived(rig: Rig, folder: Path) -> None:
    fill(folder, "hr/a.md", "hr/b.md")
    rig.wire.intercept = lambda request: httpx2.Response(503) if request.method == "PUT" else None
    assert (await synced(rig))["counts"] == {"failed": 2}
    rig.wire.intercept = lambda _: None
    (folder / "hr" / "a.md").unlink()
    await rig.ok("upload_file", text="Written by a person.", filename="a.md", bucket="docs")
    for directory in ("hr", "."):
        assert (await synced(rig, directory, dry_run=True))["counts"] == {"would_send": 1}


async def test_what_was_sent_with_a_folder_below_is_removed_and_no_other_of_its_name(
    rig: Rig, folder: Path
) -> None:
    fill(folder, "hr/a.md", "hr/b.md", "hr/sub/c.md", "it/b.md", "it/d.md")
    await synced(rig)
    await synced(rig, ".")
    (folder / "hr" / "sub" / "c.md").unlink()
    (folder / "it" / "b.md").unlink()
    done = await synced(rig, ".")
    assert done["counts"] == {"removed": 2, "replayed": 3}
    assert await names(rig) == ["a.md", "b.md", "it/d.md"]
    (folder / "hr" / "b.md").unlink()
    await synced(rig, ".")
    assert await names(rig) == ["a.md", "it/d.md"]


async def test_what_was_sent_with_a_folder_below_is_removed_also_if_its_accents_are_characters_of_their_own(
    rig: Rig, folder: Path
) -> None:
    fill(folder, "e\u0301quipe/re\u0301sume\u0301.md", "e\u0301quipe/e\u0301te\u0301.md")
    await synced(rig, "e\u0301quipe")
    (folder / "e\u0301quipe" / "re\u0301sume\u0301.md").unlink()
    assert (await synced(rig, "."))["counts"] == {"removed": 1, "replayed": 1}


@pytest.mark.parametrize("way", [1, -1])
async def test_a_file_is_the_same_whichever_system_spells_its_accents(
    rig: Rig, folder: Path, way: int
) -> None:
    first, second = ("e\u0301te\u0301.md", "\u00e9t\u00e9.md")[::way]
    (folder / "hr" / first).write_text(OLD)
    await synced(rig, "hr")
    (folder / "copy").mkdir()
    (folder / "copy" / second).write_text(OLD)
    assert (await synced(rig, "copy"))["counts"] == {"replayed": 1}
    (folder / "copy" / second).write_text(NEW)
    await synced(rig, "copy")
    await rig.ok("wait_for_bucket_sync", bucket="docs")
    [name] = await names(rig)
    assert (name in (first, second), await days(rig)) == (True, [31])


async def test_what_several_folders_below_hold_stays_while_one_of_them_has_it(rig: Rig, folder: Path) -> None:
    numbers = range(11)
    fill(folder, *(f"{number}/{name}{number}.md" for number in numbers for name in "ab"))
    for number in (*numbers, "last"):
        fill(folder, f"{number}/common.md")
        (folder / f"{number}" / "common.md").write_text("The same everywhere.")
        await synced(rig, f"{number}")
    for number in numbers:
        (folder / f"{number}" / "common.md").unlink()
    assert (await synced(rig, ".", dry_run=True))["counts"] == {"replayed": 23}
    (folder / "last" / "common.md").unlink()
    assert (await synced(rig, "."))["counts"] == {"removed": 1, "replayed": 22}


async def test_a_text_that_replaces_one_of_its_name_is_said_to_come_from_nowhere_else(rig: Rig) -> None:
    for content in (OLD, NEW):
        items = [{"text": content, "filename": "leave.md"}]
        done = await rig.ok("upload_batch", items=items, bucket="docs", wait=True)
    assert "disappears" in done["hints"]["changed"]


@pytest.mark.parametrize("changes", [1, 2, 3])
async def test_a_file_that_changed_before_it_went_is_removed(rig: Rig, folder: Path, changes: int) -> None:
    fill(folder, "hr/a.md", "hr/b.md", "hr/sub/c.md")
    await synced(rig)
    for change in range(changes):
        for name in ("b.md", "sub/c.md"):
            (folder / "hr" / name).write_text(f"Version {change} of {name}.")
        await synced(rig, wait=True)
    for name in ("b.md", "sub/c.md"):
        (folder / "hr" / name).unlink()
    assert (await synced(rig))["counts"] == {"removed": 2, "replayed": 1}
    assert await names(rig) == ["a.md"]


async def test_what_a_rule_leaves_out_is_not_gone(rig: Rig, folder: Path) -> None:
    fill(folder, "hr/a.md", "hr/b.md", "hr/drafts/c.md")
    await synced(rig)
    (folder / "hr" / ".calypsoignore").write_text("drafts/\n")
    done = await synced(rig, exclude=["b.md"])
    assert "removed" not in done["counts"]
    assert await names(rig) == ["a.md", "b.md", "drafts/c.md"]


async def test_a_folder_of_the_same_shape_elsewhere_removes_nothing_of_the_first(
    rig: Rig, folder: Path
) -> None:
    fill(folder, "hr/a.md", "hr/b.md", "it/a2.md")
    await synced(rig)
    done = await synced(rig, "it")
    assert "removed" not in done["counts"]
    assert await names(rig) == ["a.md", "a2.md", "b.md"]


async def test_a_version_sent_another_way_is_not_taken_for_the_folders(rig: Rig, folder: Path) -> None:
    fill(folder, "hr/a.md", "hr/leave.md")
    await synced(rig, wait=True)
    await upload(rig, NEW)
    (folder / "hr" / "leave.md").unlink()
    await synced(rig)
    assert await days(rig) == [31]


async def test_what_was_there_already_is_known_to_come_from_the_folder(
    tmp_path: Path, folder: Path, era: str
) -> None:
    fill(folder, "hr/a.md", "hr/b.md")
    async with upload_rig(tmp_path / "data", folder, era=era) as rig:
        await synced(rig, create_bucket=True)
    (tmp_path / "data" / "sent.sqlite").unlink()
    async with upload_rig(tmp_path / "data", folder, era=era) as rig:
        await synced(rig)
        (folder / "hr" / "b.md").unlink()
        assert (await synced(rig))["counts"] == {"removed": 1, "replayed": 1}


@pytest.mark.parametrize("left", [1, 0])
async def test_many_removals_and_an_empty_folder_need_a_yes(rig: Rig, folder: Path, left: int) -> None:
    fill(folder, *(f"hr/{number:02}.md" for number in range(12 if left else 2)))
    await synced(rig)
    for number in range(left, 12 if left else 2):
        (folder / "hr" / f"{number:02}.md").unlink()
    before = await names(rig)
    refused = await rig.refused("upload_batch", directory="hr", bucket="docs", remove_missing=True)
    assert refused["code"] == "confirmation_required"
    assert f"{len(before) - left} sources" in refused["message"]
    assert await names(rig) == before
    await synced(rig, confirm=True)
    assert len(await names(rig)) == left


@pytest.mark.parametrize("action", ["accept", "decline"])
async def test_a_client_that_can_ask_asks_before_many_removals(
    tmp_path: Path, folder: Path, era: str, action: str
) -> None:
    person = Person(action)
    fill(folder, *(f"hr/{number:02}.md" for number in range(12)))
    async with upload_rig(tmp_path / "data", folder, era=era, elicitation=person) as rig:
        await synced(rig, create_bucket=True)
        for number in range(1, 12):
            (folder / "hr" / f"{number:02}.md").unlink()
        (folder / "hr" / "new.md").write_text("New.")
        result = await rig.call(
            "upload_batch", directory="hr", bucket="docs", remove_missing=True, confirm=True
        )
        left = await names(rig)
    assert len(person.asked) == 1
    assert "11 sources from docs" in person.asked[0]
    assert result.is_error is (action == "decline")
    assert (left == ["00.md", "new.md"]) is (action == "accept")


async def test_many_new_files_need_a_yes_and_known_ones_do_not(
    tmp_path: Path, folder: Path, era: str
) -> None:
    fill(folder, *(f"hr/{number}.md" for number in range(4)))
    async with upload_rig(tmp_path / "data", folder, era=era, decisions={"confirm_uploads_over": 3}) as rig:
        call: dict[str, Any] = {"directory": "hr", "bucket": "docs", "create_bucket": True}
        refused = await rig.refused("upload_batch", **call)
        assert (refused["code"], (await rig.ok("list_buckets"))["total"]) == ("confirmation_required", 0)
        assert "Upload 4 files (68 B) to docs?" in refused["message"]
        assert (await rig.ok("upload_batch", **call, dry_run=True))["counts"] == {"would_send": 4}
        assert (await rig.ok("upload_batch", **call, confirm=True))["counts"] == {"accepted": 4}
        fill(folder, "hr/new.md")
        assert (await rig.ok("upload_batch", **call))["counts"] == {"accepted": 1, "replayed": 4}


@pytest.mark.parametrize(("action", "most"), [("accept", 3), ("decline", 3), ("decline", 0)])
async def test_uploads_and_removals_are_one_question(folder: Path, era: str, action: str, most: int) -> None:
    fill(folder, *(f"hr/{number:02}.md" for number in range(11)))
    data_dir = folder.parent / "data"
    async with upload_rig(data_dir, folder, era=era) as rig:
        await synced(rig, create_bucket=True)
    for path in (folder / "hr").iterdir():
        path.rename(path.with_name(f"new{path.name}"))
    person, rules = Person(action), {"confirm_uploads_over": most, "confirm_removals": bool(most)}
    async with upload_rig(data_dir, folder, era=era, elicitation=person, decisions=rules) as rig:
        await rig.call("upload_batch", directory="hr", bucket="docs", remove_missing=True)
        left = await names(rig)
    started = [question.partition(" that are")[0] for question in person.asked]
    assert started == ["Upload 11 files (198 B) to docs, and remove 11 sources from docs"] * bool(most)
    assert left[0] == ("00.md" if most and action == "decline" else "new00.md")
    assert len(left) == 11


async def test_removing_what_is_missing_needs_a_folder(rig: Rig) -> None:
    items = [{"text": "x", "filename": "x.md"}]
    refused = await rig.refused("upload_batch", items=items, bucket="docs", remove_missing=True)
    assert refused["code"] == "invalid_arguments"


async def test_a_backend_that_replaces_nothing_says_which_file_stays(
    tmp_path: Path, folder: Path, era: str
) -> None:
    fill(folder, "a.md")
    async with upload_rig(tmp_path / "data", folder, era=era, is_plain=True) as rig:
        first = await rig.ok("upload_file", path="a.md", bucket="docs", create_bucket=True)
        (folder / "a.md").write_text("Other text.")
        second = await rig.ok("upload_file", path="a.md", bucket="docs")
    assert f"({first['file_id']}) stays in the bucket" in second["reason"]


async def test_text_under_a_name_that_exists_says_which_file_stays_where_nothing_is_replaced(
    tmp_path: Path, folder: Path, era: str
) -> None:
    (folder / "leave.md").write_text(OLD)
    async with upload_rig(tmp_path / "data", folder, era=era, is_plain=True) as rig:
        sent = await rig.ok("upload_batch", directory=".", bucket="docs", create_bucket=True, wait=True)
        [old] = (await rig.ok("list_sources"))["sources"]
        assert sent["counts"] == {"accepted": 1}
        new = await upload(rig, NEW)
        assert (new["changed"], f"({old['file_id']}) stays in the bucket" in new["reason"]) == (True, True)
        again = await upload(rig, NEW)
        assert (again["outcome"], "reason" in again) == ("replayed", False)
        newest = await upload(rig, f"{NEW} Ask early.")
        assert f"({new['file_id']}) stays in the bucket" in newest["reason"]


@pytest.mark.parametrize("labels", [{"tags": ["b"]}, {"title": "Leave"}, {"metadata": {"year": 2026}}])
async def test_the_same_content_under_other_labels_stays_beside_where_nothing_is_relabelled(
    tmp_path: Path, era: str, labels: dict[str, Any]
) -> None:
    async with upload_rig(tmp_path / "data", era=era, is_plain=True) as rig:
        await rig.ok("create_bucket", name="docs")
        old = await upload(rig, OLD, tags=["a"])
        new = await upload(rig, OLD, **{"tags": ["a"], **labels})
        assert new["file_id"] != old["file_id"]
        assert f"({old['file_id']}) stays in the bucket" in new["reason"]
        items = [{"text": OLD, "filename": new["filename"], "tags": ["c"]}]
        [told] = (await rig.ok("upload_batch", items=items, bucket="docs"))["outcomes"]
        assert told["reason"] == f"the previous version ({new['file_id']}) stays in the bucket"
        again = await rig.ok("upload_batch", items=items, bucket="docs")
        assert (again["counts"], "hints" in again) == ({"replayed": 1}, False)


@pytest.mark.parametrize("labels", [{"tags": ["a"]}, {"title": "Leave"}, {"metadata": {"external_id": 7}}])
async def test_the_same_content_without_its_labels_changes_nothing_where_nothing_is_relabelled(
    tmp_path: Path, folder: Path, era: str, labels: dict[str, Any]
) -> None:
    (folder / "leave.md").write_text(OLD)
    file = {"path": "leave.md", "bucket": "docs", "wait": True}
    async with upload_rig(tmp_path / "data", folder, era=era, is_plain=True) as rig:
        first = await rig.ok("upload_file", **file, **labels, create_bucket=True)
        for again in (file, {**file, **labels}, file):
            same = await rig.ok("upload_file", **again)
            assert (same["outcome"], same["file_id"]) == ("replayed", first["file_id"])
            assert not {"changed", "reason"} & same.keys()
        done = await rig.ok("upload_batch", directory=".", bucket="docs")
        assert (done["counts"], "hints" in done) == ({"replayed": 1}, False)
        other = await rig.ok("upload_file", **file, tags=["b"])
        assert f"({first['file_id']}) stays in the bucket" in other["reason"]


async def test_a_batch_names_each_version_that_stays(tmp_path: Path, folder: Path, era: str) -> None:
    fill(folder, "a.md", "b.md")
    async with upload_rig(tmp_path / "data", folder, era=era, is_plain=True) as rig:
        first = await rig.ok("upload_file", path="a.md", bucket="docs", create_bucket=True)
        await rig.ok("upload_batch", directory=".", bucket="docs")
        (folder / "a.md").write_text("Other text.")
        result = await rig.call("upload_batch", directory=".", bucket="docs")
        [told] = [outcome for outcome in result.structured_content["outcomes"] if outcome["path"] == "a.md"]
        assert told["reason"] == f"the previous version ({first['file_id']}) stays in the bucket"
        assert told["reason"] in text(result)


async def test_texts_of_one_name_in_one_batch_are_no_versions_of_each_other(tmp_path: Path, era: str) -> None:
    items = [{"text": content, "filename": "leave.md"} for content in (OLD, NEW)]
    async with upload_rig(tmp_path / "data", era=era, is_plain=True) as rig:
        for outcome in ("accepted", "replayed"):
            done = await rig.ok("upload_batch", items=items, bucket="docs", create_bucket=True)
            assert (done["counts"], "hints" in done) == ({outcome: 2}, False)


async def test_what_was_removed_does_not_stay_beside_its_successor(rig: Rig, folder: Path) -> None:
    (folder / "leave.md").write_text(OLD)
    old = await rig.ok("upload_file", path="leave.md", bucket="docs", wait=True)
    await rig.ok("remove_source", file_id=old["file_id"], confirm=True)
    (folder / "leave.md").write_text(NEW)
    new = await rig.ok("upload_file", path="leave.md", bucket="docs", wait=True)
    assert (new["outcome"], new.get("changed"), new.get("reason")) == ("accepted", None, None)


async def test_the_version_before_one_that_is_yet_to_come_is_known(tmp_path: Path) -> None:
    """What a one-time address says where the backend replaces nothing: this client's memory knows."""
    async with upload_rig(tmp_path / "data", is_plain=True) as rig:
        made = await rig.ok("create_bucket", name="docs")
        declared = Declaration("leave.md", Destination(bucket_ids=(made["id"],)))
        assert await rig.calypso.uploads.version_before(declared) is None
        old = await upload(rig, OLD)
        before = await rig.calypso.uploads.version_before(declared)
        assert before is not None
        assert (before.earlier, before.earlier_id) == ("beside", old["file_id"])
        await rig.calypso.uploads.note_sent(declared, "file_other")
        newer = await upload(rig, NEW)
        assert "(file_other) stays in the bucket" in newer["reason"]
