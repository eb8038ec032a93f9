"""A server that is killed while a file arrives at a one-time address, and the printed command afterwards."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import anyio
import pytest
from mcp.client import Client

from tests.support.team_server import BOUND_S, call, team_server

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")

WORDS = "The quince ripens in October.\n"


async def test_the_printed_command_stores_the_file_once_after_a_kill(tmp_path: Path):
    (tmp_path / "fruit.txt").write_text(WORDS + "filler of the fruit file\n" * 80_000)
    with team_server(tmp_path, {"one": "all_buckets = true"}) as team:
        async with team.client("one") as client:
            await call(client, "create_bucket", name="docs")
            address = await call(client, "upload_file", bucket="docs", filename="fruit.txt")
            command = shlex.split(address["next_step"].splitlines()[-1])
            slowly = [command[0], "--limit-rate", "100k", *command[1:]]
            async with await anyio.open_process(slowly, cwd=tmp_path, stdout=subprocess.DEVNULL) as uploading:
                try:
                    await until_receiving(client, address["file_id"])
                    await anyio.to_thread.run_sync(team.workers[0].kill)
                finally:
                    uploading.kill()
        team.workers[0] = await anyio.to_thread.run_sync(team.workers[0].again)
        try:
            done = await anyio.run_process(command, cwd=tmp_path, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            async with team.client("one") as client:
                waited = await call(client, "wait_for_bucket_sync", file_ids=[address["file_id"]])
                assert waited["readiness"] == "ready"
                listed = await call(client, "list_sources", bucket="docs")
                assert [source["name"] for source in listed["sources"]] == ["fruit.txt"]
                found = await call(client, "search_bucket", query="quince October")
                assert "quince" in found["hits"][0]["text"]
        finally:
            await anyio.to_thread.run_sync(team.workers[0].stop)


async def until_receiving(client: Client, upload_id: str) -> None:
    """Return once the server has taken part of the file."""
    with anyio.fail_after(BOUND_S):
        while True:
            told = await call(client, "wait_for_bucket_sync", file_ids=[upload_id], timeout_s=0)
            if told["status"] == "receiving":
                return
            await anyio.lowlevel.checkpoint()
