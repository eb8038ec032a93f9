"""Quotas of the access file over real connections, counted by two workers together."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any
from urllib.parse import urlsplit

import anyio
import pytest
from mcp.client import Client

from tests.support.team_server import Team, call, team_server

AGENTS = {
    "operator": "all_buckets = true",
    "bytes": "all_buckets = true\nbytes_per_bucket = 1000",
    "sources": "all_buckets = true\nsources_per_bucket = 3",
    "day": "all_buckets = true\nbytes_per_day = 1000",
    "batch": "all_buckets = true\nbytes_per_bucket = 1000",
    "addresses": "all_buckets = true\nbytes_per_bucket = 1000",
    "second": "all_buckets = true\nsources_per_bucket = 1",
    "racing": "all_buckets = true\nsources_per_bucket = 3",
    "living": "all_buckets = true\nsources_per_bucket = 2\nbytes_per_day = 200",
    "full": "all_buckets = true\nsources_per_bucket = 2",
    "same": "all_buckets = true\nsources_per_bucket = 1",
}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Generator[Team]:
    with team_server(tmp_path_factory.mktemp("quotas"), AGENTS, workers=2) as running:
        anyio.run(_make_buckets, running)
        yield running


async def _make_buckets(team: Team) -> None:
    async with team.client("operator") as client:
        for name in ("docs", "other"):
            await call(client, "create_bucket", name=name)


def sized(name: str, size: int) -> dict[str, Any]:
    return {"filename": f"{name}.txt", "text": f"{name} " + "x" * (size - len(name) - 1)}


async def refused(client: Client, **arguments: Any) -> str:
    result = await client.call_tool("upload_file", {"bucket": "docs", **arguments})
    assert result.is_error
    text = str(result.content)
    assert "quota_exceeded" in text
    return text


async def test_bytes_of_one_bucket_run_out_and_another_bucket_has_its_own(team: Team) -> None:
    async with team.client("bytes") as client:
        await call(client, "upload_file", bucket="docs", **sized("bytes-1", 600))
        text = await refused(client, **sized("bytes-2", 401))
        assert "1.0 KB a bucket" in text
        assert "bytes_per_bucket for agent 'bytes'" in text
        await call(client, "upload_file", bucket="docs", **sized("bytes-3", 400))
        await refused(client, **sized("bytes-4", 10))
        await call(client, "upload_file", bucket="other", **sized("bytes-5", 1000))


async def test_sources_of_one_bucket_run_out(team: Team) -> None:
    async with team.client("sources") as client:
        for number in range(3):
            await call(client, "upload_file", bucket="docs", **sized(f"sources-{number}", 20))
        assert "3 sources a bucket" in await refused(client, **sized("sources-3", 20))


async def test_bytes_of_a_day_count_over_all_buckets(team: Team) -> None:
    async with team.client("day") as client:
        await call(client, "upload_file", bucket="docs", **sized("day-1", 600))
        await call(client, "upload_file", bucket="other", **sized("day-2", 300))
        assert "after midnight UTC" in await refused(client, **sized("day-3", 101))


async def test_a_batch_sends_what_fits_and_says_what_does_not(team: Team) -> None:
    async with team.client("batch") as client:
        items = [sized("batch-1", 500), sized("batch-2", 600), sized("batch-3", 400)]
        report = await call(client, "upload_batch", bucket="docs", items=items)
        assert report["counts"] == {"accepted": 2, "rejected": 1}
        (outcome,) = [entry for entry in report["outcomes"] if entry["outcome"] == "rejected"]
        assert (outcome["path"], outcome["code"]) == ("batch-2.txt", "quota_exceeded")
        # What is there already is counted once, however often it is sent.
        again = await call(client, "upload_batch", bucket="docs", items=items)
        assert again["counts"] == {"replayed": 2, "rejected": 1}
        await call(client, "upload_file", bucket="docs", **sized("batch-4", 100))
        await refused(client, **sized("batch-5", 10))


async def test_what_was_removed_or_replaced_takes_no_room_but_was_sent_that_day(team: Team) -> None:
    async with team.client("living") as client:
        first = await call(client, "upload_file", bucket="docs", wait=True, **sized("living-1", 40))
        await call(client, "upload_file", bucket="docs", wait=True, **sized("living-2", 40))
        assert "2 sources a bucket" in await refused(client, **sized("living-3", 40))
        await call(client, "remove_source", file_id=first["file_id"], confirm=True)
        await call(client, "upload_file", bucket="docs", wait=True, **sized("living-3", 40))
        await call(client, "remove_source", bucket="docs", name="living-3.txt", confirm=True)
        planned = await call(
            client,
            "upload_batch",
            bucket="docs",
            dry_run=True,
            items=[sized("living-4", 40), sized("living-5", 40)],
        )
        assert (planned["counts"], planned["bytes"]) == ({"rejected": 1, "would_send": 1}, 40)
        assert planned["outcomes"][0]["code"] == "quota_exceeded"
        newer = {**sized("living-2", 40), "text": "y" * 40}
        assert (await call(client, "upload_file", bucket="docs", wait=True, **newer))["changed"] is True
        await call(client, "upload_file", bucket="docs", wait=True, **sized("living-4", 40))
        await call(client, "remove_source", bucket="docs", name="living-4.txt", confirm=True)
        assert "a day" in await refused(client, **sized("living-5", 60))


async def test_a_new_version_fits_into_a_full_bucket(team: Team) -> None:
    async with team.client("full") as client, team.http() as http:

        async def put(content: str) -> int:
            address = await call(client, "upload_file", bucket="docs", filename="full-2.txt")
            path = urlsplit(address["next_step"].splitlines()[-1].rpartition("'http")[2].strip("'")).path
            answer = await http.put("/uploads" + path.partition("/uploads")[2], content=content.encode())
            if answer.status_code == 201:
                await call(client, "wait_for_bucket_sync", file_ids=[answer.json()["file_id"]])
            return answer.status_code

        await call(client, "upload_file", bucket="docs", wait=True, **sized("full-1", 40))
        assert await put("first") == 201
        await refused(client, **sized("full-3", 40))
        await refused(client, filename="full-3.txt")

        newer = {"filename": "full-1.txt", "text": "a newer version"}
        planned = await call(client, "upload_batch", bucket="docs", dry_run=True, items=[newer])
        assert planned["counts"] == {"would_send": 1}
        sent = await call(client, "upload_batch", bucket="docs", wait=True, items=[newer])
        assert sent["counts"] == {"accepted": 1}
        newest = {**newer, "text": "the newest version"}
        assert (await call(client, "upload_file", bucket="docs", wait=True, **newest))["changed"] is True
        assert await put("second") == 201
        assert "2 sources a bucket" in await refused(client, **sized("full-3", 40))
        await refused(client, **{**newest, "text": "beside it"}, if_exists="keep_both")


async def test_the_same_source_again_is_no_second_one(team: Team) -> None:
    async with team.client("same") as client:
        for outcome in ("accepted", "replayed", "replayed"):
            report = await call(client, "upload_file", bucket="docs", **sized("same", 50))
            assert report["outcome"] == outcome


async def test_what_somebody_else_has_stored_is_given_back(team: Team) -> None:
    async with team.client("operator") as operator:
        await call(operator, "upload_file", bucket="docs", **sized("second-1", 50))
    async with team.client("second") as client:
        report = await call(client, "upload_file", bucket="docs", **sized("second-1", 50))
        assert report["outcome"] == "replayed"
        await call(client, "upload_file", bucket="docs", **sized("second-2", 50))
        await refused(client, **sized("second-3", 50))


async def test_uploads_at_once_do_not_pass_together(team: Team) -> None:
    outcomes: list[bool] = []

    async def upload(client: Client, number: int) -> None:
        arguments = {"bucket": "docs", **sized(f"racing-{number}", 50)}
        outcomes.append((await client.call_tool("upload_file", arguments)).is_error or False)

    async with team.client("racing") as client, anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(upload, client, number)
    assert sorted(outcomes) == [False] * 3 + [True] * 7


async def test_a_one_time_address_takes_what_is_left(team: Team) -> None:
    async with team.client("addresses") as client, team.http() as http:

        async def put(filename: str, size: int) -> Any:
            address = await call(client, "upload_file", bucket="docs", filename=filename)
            path = urlsplit(address["next_step"].splitlines()[-1].rpartition("'http")[2].strip("'")).path
            return await http.put("/uploads" + path.partition("/uploads")[2], content=b"y" * size)

        assert (await put("first.txt", 700)).status_code == 201
        answer = await put("second.txt", 301)
        assert answer.status_code == 507
        assert answer.json()["error"] == "quota_exceeded"
        assert (await put("third.txt", 300)).status_code == 201
        await refused(client, filename="fourth.txt")
