"""The program itself over stdio: a child process on the embedded Calypso, and a real client."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import anyio
import pytest
from mcp import Client, StdioServerParameters

import calypso_mcp
from tests.support.mcp_answers import error, facts

HANDSHAKE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


def arguments(folder: Path, *more: str) -> list[str]:
    return ["-m", "calypso_mcp", "--data-dir", str(folder / "data"), *more]


def zipped(folder: Path) -> dict[str, Any]:
    """Return what lets Python import the package from an archive in `folder`, as some installers leave it."""
    package = Path(calypso_mcp.__file__).parent
    with ZipFile(folder / "package.zip", "w") as archive:
        for path in package.rglob("*.*"):
            archive.write(path, path.relative_to(package.parent))
    return {"env": {"PYTHONPATH": str(folder / "package.zip")}, "cwd": folder}


@pytest.mark.parametrize("is_zipped", [False, True], ids=["folder", "zip"])
async def test_the_main_job_end_to_end(tmp_path: Path, era: str, *, is_zipped: bool):
    where = zipped(tmp_path) if is_zipped else {}
    server = StdioServerParameters(command=sys.executable, args=arguments(tmp_path), **where)
    heard: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        assert message or total is None
        heard.append(progress)

    with anyio.fail_after(60):
        async with Client(server, mode=era) as client:
            assert facts(await client.call_tool("list_buckets"))["backend"] == "embedded"
            await client.call_tool("create_bucket", {"name": "Handbook", "slug": "handbook"})
            uploaded = facts(
                await client.call_tool(
                    "upload_file",
                    {"text": "Refunds take 14 days.", "filename": "refunds.md", "bucket": "handbook"},
                )
            )
            waited = await client.call_tool(
                "wait_for_bucket_sync", {"file_ids": [uploaded["file_id"]]}, progress_callback=hear
            )
            assert facts(waited)["readiness"] == "ready"
            [hit] = facts(await client.call_tool("search_bucket", {"query": "How long do refunds take?"}))[
                "hits"
            ]
            assert "14 days" in hit["text"]
            assert (hit["filename"], hit["bucket"], hit["place"]) == ("refunds.md", "handbook", "line 1")
    assert heard


async def test_a_bucket_flag_limits_every_tool(tmp_path: Path, era: str):
    with anyio.fail_after(60):
        everything = StdioServerParameters(command=sys.executable, args=arguments(tmp_path))
        async with Client(everything, mode=era) as client:
            for slug in ("open", "vault"):
                await client.call_tool("create_bucket", {"name": slug, "slug": slug})
        limited = StdioServerParameters(command=sys.executable, args=arguments(tmp_path, "--bucket", "open"))
        async with Client(limited, mode=era) as client:
            listed = facts(await client.call_tool("list_buckets"))
            assert [entry["slug"] for entry in listed["buckets"]] == ["open"]
            for slug in ("vault", "nosuch"):
                told = error(await client.call_tool("search_bucket", {"query": "x", "bucket": slug}))
                assert told["message"] == f"There is no bucket {slug!r} here."


@pytest.fixture
def child(tmp_path: Path):
    command = [sys.executable, *arguments(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as process:
        yield process
        process.kill()


@pytest.mark.alone
def test_nothing_but_json_rpc_is_on_stdout_and_the_process_ends_with_its_input(
    child: subprocess.Popen[bytes],
):
    assert child.stdin is not None
    assert child.stdout is not None
    requests = [HANDSHAKE, {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}]
    child.stdin.write(b"".join(json.dumps(request).encode() + b"\n" for request in requests))
    child.stdin.flush()
    answers = [json.loads(child.stdout.readline()) for _ in requests]
    assert [answer["id"] for answer in answers] == [1, 2]
    started = time.monotonic()
    child.stdin.close()
    assert child.stdout.read() == b""
    # The promise is 0.2 s on an idle machine; a busy one takes longer to unload Python itself.
    assert child.wait(timeout=10) == 0
    assert time.monotonic() - started < 3
