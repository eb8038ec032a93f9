"""One-time upload addresses over real connections: curl, cut connections, other workers, wrong hands."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import zlib
from collections.abc import Generator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest
from mcp.client import Client

from calypso_mcp.server.access.access_file.tokens import hash_token
from calypso_mcp.server.sealing import Seal
from tests.support.team_server import BOUND_S, Team, call, team_server

GRANULARITY = 262_144
PATH = re.compile(r"/uploads/[^'\s]+")
AGENTS = {
    "one": 'buckets = ["docs"]',
    "two": 'buckets = ["other"]',
    "both": 'buckets = ["docs", "other"]',
    "operator": "all_buckets = true",
}


@pytest.fixture(scope="module", params=[1, 2], ids=["one-worker", "two-workers"])
def team(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Team]:
    with team_server(tmp_path_factory.mktemp("once"), AGENTS, workers=request.param) as running:
        anyio.run(_make_bucket, running)
        yield running


async def _make_bucket(team: Team) -> None:
    async with team.client("operator") as client:
        for name in ("docs", "other"):
            await call(client, "create_bucket", name=name)


async def issued(client: Client, filename: str, **arguments: Any) -> tuple[str, str, list[str]]:
    """Return upload id, path of the address, and the command."""
    address = await call(client, "upload_file", filename=filename, **arguments)
    assert address["outcome"] == "address"
    command = shlex.split(address["next_step"].splitlines()[-1])
    return address["file_id"], "/" + command[-1].split("/", 3)[3], command


async def searchable(client: Client, upload_id: str, words: str) -> str:
    waited = await call(client, "wait_for_bucket_sync", file_ids=[upload_id])
    assert waited["readiness"] == "ready"
    return (await call(client, "search_bucket", query=words))["hits"][0]["text"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
async def test_the_command_works_as_it_is_printed(team: Team, tmp_path: Path) -> None:
    async with team.client("one") as client:
        name = 'it\'s a "plan" $(x) `y`.txt'
        upload_id, _, command = await issued(client, name, title="Plan", tags=["t"], metadata={"k": 1})
        assert (await call(client, "wait_for_bucket_sync", file_ids=[upload_id], timeout_s=0))[
            "status"
        ] == "issued"
        (tmp_path / name).write_text("The marmalade plan is quoted.")
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "marmalade" in await searchable(client, upload_id, "marmalade")
        again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert again.returncode != 0
        assert "already_used" in again.stdout


async def test_content_under_another_name_is_uploaded_instead_of_an_address_issued(team: Team) -> None:
    async with team.client("one") as client:
        sent = await call(client, "upload_file", filename="said.md", content="A kumquat.", wait=True)
        assert (sent["outcome"], sent["readiness"]) == ("accepted", "ready")


async def test_an_address_says_what_becomes_of_the_source_that_has_the_name(team: Team) -> None:
    async with team.client("one") as client, team.http() as http:
        old, path, _ = await issued(client, "rule.md")
        first = (await put(http, path, b"The papaya rule is old.")).json()
        assert "earlier" not in first
        await searchable(client, old, "papaya")
        kept = await call(client, "upload_file", filename="rule.md", if_exists="skip")
        assert (kept["outcome"], kept["file_id"]) == ("replayed", first["file_id"])
        address = await call(client, "upload_file", filename="rule.md")
        ends = "disappears as soon as this one is searchable"
        told = f"Replaced: the previous version ({first['file_id']}) {ends}."
        assert told in address["reason"]
        path = PATH.search(address["next_step"])
        assert path is not None
        assert (await put(http, path[0], b"The papaya rule is new.")).json()["earlier"] == told
        assert "new" in await searchable(client, address["file_id"], "papaya")


async def test_an_address_does_not_take_a_file_that_came_meanwhile_and_is_to_be_kept(team: Team) -> None:
    async with team.client("one") as client, team.http() as http:
        _, path, _ = await issued(client, "kept.md", if_exists="skip")
        there = await call(client, "upload_file", text="It came first.", filename="kept.md")
        refused = await put(http, path, b"It came second.")
        assert (refused.status_code, refused.json()["error"]) == (400, "source_exists")
        assert there["file_id"] in refused.text


async def test_a_cut_upload_continues_at_the_offset_the_server_tells(team: Team) -> None:
    async with team.client("one") as client:
        content = b"".join(b"line %07d of the long kumquat file\n" % number for number in range(40_000))
        upload_id, path, _ = await issued(client, "long.txt")
        total = len(content)
        async with team.http() as http:
            first = await put(
                http, path, content[: 2 * GRANULARITY + 9], f"bytes 0-{2 * GRANULARITY + 8}/{total}"
            )
            assert first.status_code == 308
            asked = await put(http, path, b"", f"bytes */{total}")
            assert asked.status_code == 308
            kept = int(asked.headers["range"].removeprefix("bytes=0-")) + 1
            assert kept % GRANULARITY == 0
            assert 0 < kept <= 2 * GRANULARITY + 9
            assert (await call(client, "wait_for_bucket_sync", file_ids=[upload_id], timeout_s=0))[
                "status"
            ] == "interrupted"
            gap = await put(http, path, content[kept + 5 :], f"bytes {kept + 5}-{total - 1}/{total}")
            assert gap.status_code == 308
            rest = await put(http, path, content[kept:], f"bytes {kept}-{total - 1}/{total}")
        assert rest.status_code == 201
        assert "kumquat" in await searchable(client, upload_id, "kumquat 0039999")


@pytest.mark.parametrize("units", [1, 3, 9])
async def test_a_file_arrives_in_parts_of_any_number_of_units(team: Team, units: int) -> None:
    part_bytes = units * GRANULARITY
    total = 2 * part_bytes + 1_000
    content = (b"A sliced papaya. " * (total // 17 + 1))[:total]
    async with team.client("one") as client, team.http() as http:
        _, path, _ = await issued(client, f"sliced-{units}.txt")
        answers: list[httpx2.Response] = []
        for start in range(0, total, part_bytes):
            part = content[start : start + part_bytes]
            answers.append(await put(http, path, part, f"bytes {start}-{start + len(part) - 1}/{total}"))
    kept = [answer.headers.get("range") for answer in answers]
    assert kept == [f"bytes=0-{part_bytes - 1}", f"bytes=0-{2 * part_bytes - 1}", None]
    assert answers[-1].status_code == 201


async def put(
    http: httpx2.AsyncClient, path: str, content: bytes, content_range: str = ""
) -> httpx2.Response:
    headers = {"Content-Range": content_range} if content_range else {}
    return await http.put(path, content=content, headers=headers)


async def test_of_two_files_that_arrive_at_once_one_is_taken(team: Team) -> None:
    async with team.client("one") as client, httpx2.AsyncClient(timeout=BOUND_S) as http:
        for number in range(10):
            _, path, _ = await issued(client, f"{number}.txt")
            statuses: list[int] = []

            async def send(origin: str, content: bytes, path: str = path, to: list[int] = statuses) -> None:
                to.append((await http.put(f"{origin}{path}", content=content)).status_code)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send, team.workers[0].origin, b"apples " * 200_000)
                tasks.start_soon(send, team.workers[-1].origin, b"berries " * 175_000)
            assert sorted(statuses) in ([201, 409], [201, 503])


async def test_a_large_file_arrives_whole(team: Team) -> None:
    async with team.client("one") as client:
        content = b"papaya sentence number one.\n" * 300_000
        upload_id, path, _ = await issued(client, "large.txt")
        async with team.http() as http:
            assert (await put(http, path, content)).status_code == 201
        assert "papaya" in await searchable(client, upload_id, "papaya")


@pytest.mark.parametrize(
    ("content", "content_range", "refusal"),
    [
        (b"", "", (400, "empty_file")),
        (b"x", "bytes 0-0/26214401", (413, "file_too_large")),
        (b"x", "bytes 0-5/6", (400, "invalid_range")),
        (b"x", "bytes 5-4/6", (400, "invalid_range")),
        (b"x", "bytes 0-0/*", (400, "invalid_range")),
        (b"x", "pages 0-0/1", (400, "invalid_range")),
        (b"", "bytes */0", (400, "empty_file")),
    ],
)
async def test_what_cannot_be_a_file_is_refused_and_the_address_stays_good(
    team: Team, content: bytes, content_range: str, refusal: tuple[int, str]
) -> None:
    async with team.client("one") as client:
        _, path, _ = await issued(client, "a.txt")
        async with team.http() as http:
            refused = await put(http, path, content, content_range)
            assert (refused.status_code, refused.json()["error"]) == refusal
            assert (await put(http, path, b"good after all")).status_code == 201


async def test_a_file_too_large_and_one_of_unknown_length_are_refused_unread(team: Team) -> None:
    async with team.client("one") as client:
        _, path, _ = await issued(client, "a.txt")
    parts = urlsplit(team.origin)
    for framing, status in (("Content-Length: 26214401", b" 413 "), ("Transfer-Encoding: chunked", b" 411 ")):
        async with await anyio.connect_tcp(parts.hostname or "", parts.port or 0) as stream:
            await stream.send(f"PUT {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{framing}\r\n\r\n".encode())
            with anyio.fail_after(BOUND_S):
                assert status in (await stream.receive()).split(b"\r\n")[0]


async def test_an_address_changed_anywhere_or_used_otherwise_is_a_strangers(team: Team) -> None:
    async with team.client("one") as client:
        _, path, _ = await issued(client, "a.txt")
        async with team.http() as http:
            middle = len(path) // 2
            other = "A" if path[middle] != "A" else "B"
            for wrong in (
                path[:-5],
                path[:middle] + other + path[middle + 1 :],
                path + "/",
                path.upper(),
                "/uploads/",
            ):
                assert (await put(http, wrong, b"x")).status_code == 401
            for method in ("GET", "POST", "DELETE", "PATCH"):
                assert (await http.request(method, path)).status_code == 401


def resealed(team: Team, path: str, **changes: Any) -> str:
    """Return an address that says something else, sealed with the secret of the server."""
    seal = Seal("one-time uploads", bytes.fromhex((team.folder / "data" / "sealing-secret").read_text()))
    content = json.loads(zlib.decompress(seal.open(path.removeprefix("/uploads/")) or b""))
    return f"/uploads/{seal.seal(zlib.compress(json.dumps(content | changes).encode()))}"


async def test_an_address_that_another_version_sealed_is_refused_with_what_to_do(team: Team) -> None:
    async with team.client("one") as client, team.http() as http:
        _, path, _ = await issued(client, "a.txt")
        for other in ({"priority": 3}, {"grant": {"name": "one"}}):
            refused = await put(http, resealed(team, path, **other), b"x")
            assert (refused.status_code, refused.json()["error"]) == (410, "upload_address_expired")
            assert "Ask for a new one" in refused.json()["error_description"]


async def test_an_address_dies_with_the_grant_of_its_caller(team: Team) -> None:
    async with team.client("one") as client:
        _, path, _ = await issued(client, "a.txt")
        access_file = team.folder / "access.toml"
        before = access_file.read_text()

        def written(text: str) -> None:
            fresh = access_file.with_suffix(".new")
            fresh.write_text(text)
            fresh.replace(access_file)

        try:
            async with team.http() as http:
                written(before.replace('buckets = ["docs"]', 'buckets = ["other"]'))
                assert (await put(http, path, b"x")).status_code == 404
                written(before.replace('buckets = ["docs"]', 'buckets = ["docs"]\nread_only = true'))
                assert (await put(http, path, b"x")).status_code == 404
                written(before.replace('[agents."one"]', '[agents."renamed"]'))
                assert (await put(http, path, b"x")).status_code == 401
                written(before.replace(hash_token(team.tokens["one"]), hash_token("another")))
                assert (await put(http, path, b"x")).status_code == 401
                written(before)
                assert (await put(http, path, b"x")).status_code == 201
        finally:
            written(before)


async def test_where_an_upload_stands_is_told_within_the_scope_of_the_request_only(team: Team) -> None:
    async with (
        team.client("both", query="?buckets=docs") as client,
        team.client("both", query="?buckets=other") as narrowed,
    ):
        upload_id, path, _ = await issued(client, "a.txt")
        made_up = f"{upload_id[:-4]}AAAA"

        async def told(upload: str) -> list[str]:
            asked = [
                await narrowed.call_tool("wait_for_bucket_sync", {"file_ids": [upload], "timeout_s": 0}),
                await narrowed.call_tool("wait_for_bucket_sync", {"file_ids": [upload], "timeout_s": 0}),
            ]
            return [repr(result).replace(upload, "?") for result in asked]

        assert await told(upload_id) == await told(made_up)
        async with team.http() as http:
            assert (await put(http, path, b"arrived words")).status_code == 201
        assert await told(upload_id) == await told(made_up)
        assert (await call(client, "wait_for_bucket_sync", file_ids=[upload_id], timeout_s=0))["readiness"]


async def test_without_a_name_or_against_the_rules_no_address_is_given(team: Team) -> None:
    async with team.client("one") as client:
        for arguments in (
            {},
            {"filename": "../x.txt"},
            {"filename": "a.txt", "tags": ["t"] * 21},
            {"filename": "a.txt", "bucket": "other"},
        ):
            assert (await client.call_tool("upload_file", arguments)).is_error


async def test_an_address_is_given_for_no_file_that_cannot_be_read(team: Team) -> None:
    async with team.client("one") as client:
        refused = await client.call_tool("upload_file", {"filename": "film.mp4", "bucket": "docs"})
    assert refused.is_error
    assert refused.structured_content["error"]["code"] == "unsupported_type"


async def test_what_arrives_and_cannot_be_read_is_refused_and_the_address_stays_good(team: Team) -> None:
    async with team.client("one") as client:
        upload_id, path, _ = await issued(client, "minutes.txt")
        async with team.http() as http:
            refused = await put(http, path, b"\x00\x00\x00\x18ftypmp42" + bytes(20_000))
            assert (refused.status_code, refused.json()["error"]) == (400, "unsupported_type")
            status = await call(client, "wait_for_bucket_sync", file_ids=[upload_id], timeout_s=0)
            assert status["readiness"] == "failed", status
            assert "minutes.txt" in str(status)
            assert (await put(http, path, b"Minutes of the regatta")).status_code == 201
        assert "regatta" in await searchable(client, upload_id, "regatta")


async def test_a_page_of_an_allowed_origin_may_send_and_read_the_answers(team: Team) -> None:
    page = {"Origin": "http://localhost:5173"}
    async with team.client("one") as client, team.http() as http:
        _, path, _ = await issued(client, "page.txt")
        asked = await http.options(path, headers={**page, "Access-Control-Request-Method": "PUT"})
        assert (asked.status_code, asked.headers["access-control-allow-methods"]) == (204, "PUT")
        refused = await http.put(path, content=b"", headers=page)
        done = await http.put(path, content=b"From a page.", headers=page)
        assert (refused.status_code, done.status_code) == (400, 201)
        for answer in (asked, refused, done):
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "Range" in answer.headers["access-control-expose-headers"]
        # What the operator did not allow stays out, and a stranger's address is none.
        foreign = await http.options(path, headers={"Origin": "https://evil.example"})
        stranger = await http.options(f"{path}x", headers=page)
        assert (foreign.status_code, stranger.status_code) == (403, 401)


async def test_a_page_learns_that_its_address_has_expired_and_that_no_repetition_helps(team: Team) -> None:
    page = {"Origin": "http://localhost:5173"}
    async with team.client("one") as client, team.http() as http:
        _, path, _ = await issued(client, "late.txt")
        late = resealed(team, path, expires_at=1)
        asked = await http.options(late, headers={**page, "Access-Control-Request-Method": "PUT"})
        refused = await http.put(late, content=b"Too late.", headers=page)
        assert asked.status_code == 204
        assert (refused.status_code, refused.json()["error"]) == (410, "upload_address_expired")
        assert refused.headers["access-control-allow-origin"] == "*"
        assert "retry-after" not in refused.headers
