"""Real processes, and their sudden death: the uploader in the middle of a folder, the backend in a batch."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

import anyio
import pytest
from anyio import to_thread
from mcp import MCPError

from calypso_mcp.client import CalypsoClient, ClientPolicies
from calypso_mcp.domain.retry import RetryPolicy
from calypso_mcp.domain.states.file_state import FileState
from tests.faults.test_many_at_once import most_in_a_second
from tests.support.fault_proxy import fault_proxy
from tests.support.fault_script import (
    CREATE,
    FINALIZE_BATCH,
    PUT,
    Hang,
    Kind,
    LoseAnswer,
    On,
    Rule,
    Script,
)
from tests.support.faulty_calypso import BUCKET, as_stored, content, knowledge_counts, small_uploads
from tests.support.live_backend import API_KEY, BackendProcess
from tests.support.mcp_child import hosted_child, mcp_child
from tests.support.searchable import assert_each_found_once

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and a POSIX shell")

FILES = 40
ARRIVED = 15
PARALLEL = 8


def folder_of(parent: Path, count: int) -> Path:
    folder = parent / "documents"
    folder.mkdir()
    for number in range(count):
        (folder / f"note-{number:03}.md").write_bytes(content(number, 400 + number))
    return folder


def port_of(backend: BackendProcess) -> int:
    return int(backend.origin.rpartition(":")[2])


def markers(count: int) -> dict[str, str]:
    return {f"marker{number}": f"note-{number:03}.md" for number in range(count)}


KILLS: dict[str, tuple[Rule, Kind, int, int]] = {
    "while sending": (On(PUT, Hang(times=999), nth=ARRIVED + 1), PUT, ARRIVED + PARALLEL, FILES - ARRIVED),
    "while finalizing": (On(FINALIZE_BATCH, Hang()), FINALIZE_BATCH, 1, 0),
}


@pytest.mark.parametrize(("rule", "kind", "count", "left"), KILLS.values(), ids=KILLS)
async def test_after_the_uploader_was_killed_a_second_call_finishes_the_folder(
    tmp_path: Path, rule: Rule, kind: Kind, count: int, left: int
) -> None:
    folder, script = folder_of(tmp_path, FILES), Script(rule)
    arguments = {"directory": str(folder), "bucket": BUCKET, "create_bucket": True}
    with BackendProcess(tmp_path / "data") as backend:
        async with fault_proxy(port_of(backend), script) as proxy:
            base_url = f"{proxy.origin}/v1"
            with anyio.fail_after(60):
                async with (
                    hosted_child(folder, base_url, API_KEY) as child,
                    anyio.create_task_group() as tasks,
                ):

                    async def first_call() -> None:
                        with pytest.raises(MCPError):
                            await child.client.call_tool("upload_batch", arguments)

                    tasks.start_soon(first_call)
                    await script.reached(kind, count)
                    os.kill(child.pid, signal.SIGKILL)
            script.clear()
            script.seen.clear()

            with anyio.fail_after(60):
                async with hosted_child(folder, base_url, API_KEY) as child:
                    report = await child.call("upload_batch", **arguments)
                    ready = await child.call("wait_for_bucket_sync", bucket=BUCKET)

        counts = report["counts"]
        assert counts.get("accepted", 0) + counts.get("replayed", 0) == FILES == report["total"]
        assert len(script.of(PUT)) == left
        assert ready["readiness"] == "ready", ready
        async with CalypsoClient(base_url=f"{backend.origin}/v1", api_key=API_KEY) as client:
            await assert_each_found_once(client, BUCKET, markers(FILES))


async def test_after_a_server_with_its_embedded_backend_was_killed_the_next_one_finishes_the_folder(
    tmp_path: Path,
) -> None:
    """Uploader and backend die together in the middle of sending."""
    folder, data_dir = folder_of(tmp_path, FILES), tmp_path / "data"
    arguments = {"directory": str(folder), "bucket": BUCKET, "create_bucket": True}
    with anyio.fail_after(60):
        async with (
            mcp_child(folder, "--data-dir", data_dir) as child,
            anyio.create_task_group() as tasks,
        ):

            async def first_call() -> None:
                with pytest.raises(MCPError):
                    await child.client.call_tool("upload_batch", arguments)

            tasks.start_soon(first_call)
            while len(list(data_dir.rglob("sealed/*"))) < ARRIVED:
                await anyio.sleep(0.002)
            os.kill(child.pid, signal.SIGKILL)

        async with mcp_child(folder, "--data-dir", data_dir) as child:
            report = await child.call("upload_batch", **arguments)
            ready = await child.call("wait_for_bucket_sync", bucket=BUCKET)
            listing = await child.call("list_buckets")
            hits = await child.call("search_bucket", query="marker17", bucket=BUCKET)

    counts = report["counts"]
    assert counts.get("accepted", 0) + counts.get("replayed", 0) == FILES == report["total"]
    assert ready["readiness"] == "ready"
    [bucket] = listing["buckets"]
    assert (bucket["sources"], bucket["readiness"]) == ({"file": FILES}, "ready")
    assert [hit["filename"] for hit in hits["hits"] if "marker17" in hit["text"].split()] == ["note-017.md"]


@pytest.mark.alone
async def test_a_cancelled_upload_batch_stops_within_a_second_and_the_next_call_continues(
    tmp_path: Path,
) -> None:
    folder, script = folder_of(tmp_path, FILES), Script(On(PUT, Hang(times=999), nth=ARRIVED + 1))
    arguments = {"directory": str(folder), "bucket": BUCKET, "create_bucket": True}
    with BackendProcess(tmp_path / "data") as backend, anyio.fail_after(60):
        async with (
            fault_proxy(port_of(backend), script) as proxy,
            hosted_child(folder, f"{proxy.origin}/v1", API_KEY) as child,
        ):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(child.client.call_tool, "upload_batch", arguments)
                await script.reached(PUT, ARRIVED + PARALLEL)
                tasks.cancel_scope.cancel()
            with anyio.fail_after(1):
                for hanging in script.struck:
                    await hanging.over.wait()
            script.clear()
            script.seen.clear()

            report = await child.call("upload_batch", **arguments)

        assert report["counts"] == {"accepted": FILES}, report
        assert len(script.of(PUT)) == FILES - ARRIVED
        stored = await knowledge_counts(None, f"{backend.origin}/v1", API_KEY)
        assert stored == await as_stored(small_uploads(FILES))


async def test_a_client_survives_the_death_and_return_of_the_backend(tmp_path: Path) -> None:
    uploads, script = small_uploads(FILES), Script()
    again = RetryPolicy(attempts=200, base_s=0.1, factor=1)
    policies = ClientPolicies(retry=again, storage_retry=again)
    outcomes: list[FileState] = []
    with anyio.fail_after(60), BackendProcess(tmp_path / "data") as first, ExitStack() as later:
        async with (
            fault_proxy(port_of(first), script) as proxy,
            CalypsoClient(base_url=f"{proxy.origin}/v1", api_key=API_KEY, policies=policies) as client,
        ):

            async def upload() -> None:
                outcomes.extend(await client.uploads.upload_all(uploads))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(upload)
                await script.reached(PUT, ARRIVED)
                first.kill()
                second = later.enter_context(await to_thread.run_sync(BackendProcess, tmp_path / "data"))
                proxy.upstream_port = port_of(second)

            assert all(outcome.is_uploaded for outcome in outcomes), outcomes
            assert await knowledge_counts(None, f"{proxy.origin}/v1", API_KEY) == await as_stored(uploads)
            await assert_each_found_once(client, BUCKET, markers(FILES))


async def test_30_upload_file_calls_at_once_make_at_most_5_creates_in_any_second(tmp_path: Path) -> None:
    """The whole way in real time: MCP client, stdio child, sockets, and a backend that counts, too."""
    folder, script = folder_of(tmp_path, 30), Script(On(CREATE, LoseAnswer(), nth=7))
    with BackendProcess(tmp_path / "data", creates_per_second=5) as backend:
        with anyio.fail_after(60):
            async with (
                fault_proxy(port_of(backend), script) as proxy,
                hosted_child(folder, f"{proxy.origin}/v1", API_KEY) as child,
                anyio.create_task_group() as tasks,
            ):

                async def upload(path: Path) -> None:
                    await child.call("upload_file", path=str(path), bucket=BUCKET, create_bucket=True)

                for path in sorted(folder.iterdir()):
                    tasks.start_soon(upload, path)

        creates = script.of(CREATE)
        print([round(request.at - creates[0].at, 2) for request in creates])
        assert len(creates) == 31
        assert {request.status for request in creates} == {201, None}
        assert most_in_a_second(creates) <= 5
        stored = await knowledge_counts(None, f"{backend.origin}/v1", API_KEY)
        assert stored == await as_stored(small_uploads(30))
