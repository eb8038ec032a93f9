"""The backend's disk runs full: a clear error, nothing lost, and all works again when there is room."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import anyio
import pytest
from httpx2 import ASGITransport, AsyncClient

from calypso_mcp.api.problem import to_error
from calypso_mcp.client import CalypsoClient, ClientPolicies
from calypso_mcp.domain.retry import RetryPolicy
from calypso_mcp.errors import CalypsoError
from calypso_mcp.local.app import open_backend
from tests.support.faulty_calypso import BUCKET, as_stored, content, knowledge_counts, upload_of
from tests.support.live_backend import API_KEY, BackendProcess, options_for
from tests.support.searchable import assert_each_found_once, found_by, wait_until_indexed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs tmpfs or prlimit")

#: Gives up quickly: a full disk does not pass by itself.
IMPATIENT = ClientPolicies(
    retry=RetryPolicy(attempts=2, base_s=0.01), storage_retry=RetryPolicy(attempts=2, base_s=0.01)
)
MEBIBYTE = 1_048_576
UPLOADS = [upload_of(f"part-{n}.md", content(n, MEBIBYTE + n)) for n in range(6)]
EARLIER = upload_of("earlier.md", content(6, 500))
MARKERS = {**{f"marker{n}": f"part-{n}.md" for n in range(6)}, "marker6": "earlier.md"}

#: Takes the room away from a running backend, or none at all, and returns what gives it back.
Shortage = Callable[[BackendProcess], Callable[[], None]]


def may_mount() -> bool:
    """Whether this user may mount at all, tried out of everybody's sight."""
    attempt = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    try:
        return subprocess.run(attempt, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@contextmanager
def small_disk(folder: Path) -> Generator[Shortage]:
    """A disk of its own under the data folder, which another program fills but for 1.5 MiB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    subprocess.run(mount, capture_output=True, check=True)

    def fill(_: BackendProcess) -> Callable[[], None]:
        disk = os.statvfs(folder)
        ballast = folder / "ballast"
        ballast.write_bytes(bytes(disk.f_bavail * disk.f_frsize - MEBIBYTE * 3 // 2))
        return ballast.unlink

    try:
        yield fill
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def small_files(_: Path) -> Generator[Shortage]:
    """No file of the process may grow beyond 700,000 bytes, the database included, until that is lifted."""
    import resource

    def limit(backend: BackendProcess) -> Callable[[], None]:
        pid = backend._process.pid
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (700_000, resource.RLIM_INFINITY))

        def lift() -> None:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

        return lift

    yield limit


@pytest.mark.parametrize(
    "shortage",
    [
        pytest.param(small_disk, marks=pytest.mark.skipif(not may_mount(), reason="may not mount here")),
        small_files,
    ],
)
async def test_without_room_nothing_is_lost_and_searches_work_and_with_room_everything_arrives(
    tmp_path: Path, shortage: Callable[[Path], AbstractContextManager[Shortage]]
) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    with shortage(data_dir) as take_room, BackendProcess(data_dir) as backend, anyio.fail_after(120):
        base_url = f"{backend.origin}/v1"
        async with CalypsoClient(base_url=base_url, api_key=API_KEY, policies=IMPATIENT) as client:
            await client.uploads.upload(EARLIER)
            await wait_until_indexed(client, BUCKET)

            give_room = take_room(backend)
            first = await client.uploads.upload_all(UPLOADS)
            with pytest.raises(CalypsoError) as refused:
                await client.uploads.upload(UPLOADS[-1])
            found = await found_by(client, BUCKET, ["marker6"])

            give_room()
            second = await client.uploads.upload_all(UPLOADS)

            lost = [outcome for outcome in first if not outcome.is_uploaded]
            assert lost
            assert all(outcome.outcome in {"failed", "pending"} and outcome.retryable for outcome in lost)
            assert all(outcome.message and outcome.hint for outcome in lost)
            assert refused.value.retryable
            assert refused.value.hint
            assert found == {"marker6": ["earlier.md"]}
            assert all(outcome.is_uploaded for outcome in second), second
            kept = {index: outcome.file_id for index, outcome in enumerate(first) if outcome.is_uploaded}
            assert {index: second[index].file_id for index in kept} == kept
            await assert_each_found_once(client, BUCKET, MARKERS)
            assert await knowledge_counts(None, base_url, API_KEY) == await as_stored([*UPLOADS, EARLIER])


def let_grow_no_more(store: sqlite3.Connection) -> None:
    store.execute("PRAGMA max_page_count = 1")


async def test_a_full_disk_costs_the_memory_of_a_conversation_but_no_answer(tmp_path: Path) -> None:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    async with (
        open_backend(options_for(tmp_path)) as app,
        AsyncClient(
            transport=ASGITransport(app), base_url="http://calypso.localhost/v1", headers=headers
        ) as api,
    ):
        await app.state.backend.database.write(let_grow_no_more)
        question = {"input": f"Where does the zebra live? {'zebra ' * 160}", "model": "calypso-agent"}
        answers = [await api.post("/responses", json=question) for _ in range(12)]
        assert [answer.status_code for answer in answers] == [200] * len(answers)
        buckets = [{"name": f"zebras {number}", "description": "zebras " * 200} for number in range(12)]
        full = [await api.post("/knowledge/buckets", json=bucket) for bucket in buckets][-1]
        assert full.status_code == 507
        assert "room" in to_error(507, full.content).hint
