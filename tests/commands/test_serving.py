from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.commands.processes import LIMIT_S, run, running

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    },
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
LIST_BUCKETS = {
    "jsonrpc": "2.0",
    "id": 2,
    "method": "tools/call",
    "params": {"name": "list_buckets", "arguments": {}},
}
SIGNALS = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


def _ask(process: subprocess.Popen[str], *messages: Mapping[str, object]) -> Mapping[str, object]:
    """Send messages over stdio and return the answer to the last one."""
    assert process.stdin
    assert process.stdout
    for message in messages:
        process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()
    answers = [json.loads(process.stdout.readline()) for message in messages if "id" in message]
    return answers[-1]


def test_stdio_speaks_json_only_and_ends_with_its_input(clean_environment: Path) -> None:
    with running() as process:
        answer = _ask(process, INITIALIZE, INITIALIZED, LIST_BUCKETS)
        assert process.stdin
        process.stdin.close()
        assert process.wait(LIMIT_S) == 0
        assert process.stdout
        assert process.stderr
        assert process.stdout.read() == ""
        assert process.stderr.read() == ""
    assert "result" in answer
    assert [entry.name for entry in clean_environment.iterdir()] == ["calypso-mcp"]


def test_nothing_is_written_before_the_first_request_needs_it(clean_environment: Path) -> None:
    with running() as process:
        _ask(process, INITIALIZE)
        assert list(clean_environment.iterdir()) == []


@SIGNALS
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_stdio_ends_when_told_to_even_while_its_backend_runs(number: signal.Signals, code: int) -> None:
    with running() as process:
        _ask(process, INITIALIZE, INITIALIZED, LIST_BUCKETS)
        process.send_signal(number)
        assert process.wait(LIMIT_S) == code
        assert process.stderr
        assert process.stderr.read() == ""


def _address(process: subprocess.Popen[str], *, on_stderr: bool) -> str:
    stream = process.stderr if on_stderr else process.stdout
    assert stream
    return stream.readline().split()[-1]


@SIGNALS
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_backend_keeps_its_key_to_itself_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with running("backend", "--port", "0", "--data-dir", str(tmp_path)) as process:
        base_url = _address(process, on_stderr=False)
        key = (tmp_path / "api-key").read_text().strip()
        headers = {"Authorization": f"Bearer {key}"}
        assert httpx2.get(f"{base_url}/knowledge/buckets", headers=headers).json()["buckets"] == []
        assert httpx2.get(f"{base_url}/knowledge/buckets").status_code == 401
        process.send_signal(number)
        assert process.wait(LIMIT_S) == 0
        assert process.stdout
        assert process.stderr
        assert key not in process.stdout.read() + process.stderr.read()


def test_the_server_prints_the_address_that_callers_use() -> None:
    with running("http", "--port", "0", "--public-url", "https://mcp.example.com/team") as process:
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(4)]
    assert lines[:2] == [
        "MCP: https://mcp.example.com/team/mcp\n",
        "Page: https://mcp.example.com/team/ui/\n",
    ]
    assert lines[2].startswith("On this machine: http://127.0.0.1:")


@SIGNALS
async def test_a_server_that_stops_ends_its_streams_and_tells_no_more_of_cut_requests() -> None:
    with running("http", "--port", "0") as process:
        address = _address(process, on_stderr=True)
        host, _, port = urlsplit(address).netloc.partition(":")
        with socket.create_connection((host, int(port))) as unfinished:
            unfinished.sendall(
                b"POST /mcp HTTP/1.1\r\nHost: %b\r\nContent-Length: 9\r\n\r\n{" % host.encode()
            )
            async with Client(address) as client:
                with anyio.fail_after(LIMIT_S):
                    async with client.listen(resource_subscriptions=["bucket://notes"]) as events:
                        process.send_signal(signal.SIGTERM)
                        # A stream that is cut raises instead of ending.
                        assert [event async for event in events] == []
            assert process.wait(LIMIT_S) == 0
        assert process.stderr
        assert "Traceback" not in process.stderr.read()


@pytest.mark.skipif(sys.platform == "win32", reason="deletes no open file")
@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_backend_whose_data_folder_vanishes_ends_and_says_so(tmp_path: Path, is_replaced: bool) -> None:
    data_dir = tmp_path / "data"
    with running("backend", "--port", "0", "--data-dir", str(data_dir)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("Embedded Calypso")
        data_dir.rename(tmp_path / "away")
        if is_replaced:
            shutil.copytree(tmp_path / "away", data_dir)
        assert process.wait(LIMIT_S) == 1
        told = process.stderr.read()
    assert f"calypso-mcp: {data_dir / 'calypso.db'} was deleted or replaced while it was in use." in told
    assert "Traceback" not in told
    assert data_dir.exists() == is_replaced


#: A server that does not finish closing, on a store that is gone.
SLOW_TO_CLOSE = """
import signal, sys, time
from pathlib import Path
import anyio
from calypso_mcp.cli import embedded
from calypso_mcp.cli.process.ending import end_soon
from calypso_mcp.sqlite.faults import FileWatch
signal.signal(signal.SIGTERM, lambda *_: end_soon())
store = Path(sys.argv[1])
watch = FileWatch(store)
store.unlink()
anyio.run(embedded._stop_when_gone, watch)
time.sleep(float(sys.argv[2]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="deletes no open file")
def test_a_backend_whose_store_is_gone_fails_also_where_closing_takes_too_long(tmp_path: Path) -> None:
    store = tmp_path / "calypso.db"
    store.write_bytes(b"data")
    command = [sys.executable, "-c", SLOW_TO_CLOSE, str(store), str(LIMIT_S)]
    assert subprocess.run(command, timeout=LIMIT_S, check=False).returncode == 1


async def test_the_server_uses_a_backend_on_a_port_like_the_hosted_api(tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("# Note\n\nThe gate code changes every Monday.\n")
    environ = {"CALYPSO_API_KEY": "sk_shared"}
    with running("backend", "--port", "0", "--data-dir", str(tmp_path / "data"), environ=environ) as process:
        hosted = {**environ, "CALYPSO_API_BASE_URL": _address(process, on_stderr=False)}
        uploaded = run(
            "upload",
            str(tmp_path / "note.md"),
            "--bucket",
            "notes",
            "--create-bucket",
            "--wait",
            environ=hosted,
        )
        assert uploaded.returncode == 0, uploaded.stdout + uploaded.stderr
        with running("http", "--port", "0", "--bucket", "notes", environ=hosted) as server:
            async with Client(_address(server, on_stderr=True)) as client:
                found = await client.call_tool("search_bucket", {"query": "gate code"})
                listed = await client.call_tool("list_buckets", {})
    assert found.structured_content
    assert found.structured_content["hits"][0]["filename"] == "note.md"
    assert listed.structured_content
    assert listed.structured_content["backend"] == "hosted"


async def test_an_access_file_lets_its_agents_in_and_nobody_else(tmp_path: Path) -> None:
    made = run("token", "new", "support-bot")
    token = made.stdout.strip()
    entry = made.stderr[made.stderr.index("[agents") :].replace('["…"]', '["support"]')
    access = tmp_path / "access.toml"
    access.write_text(entry)
    with running("http", "--port", "0", "--access-file", str(access)) as server:
        url = _address(server, on_stderr=True)
        assert httpx2.post(url, json=INITIALIZE).status_code == 401
        assert httpx2.get(url.replace("/mcp", "/metrics")).status_code == 401
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            names = {tool.name for tool in (await client.list_tools()).tools}
    assert "search_bucket" in names
    assert "upload_file" not in names


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], ["--host", "CALYPSO_HTTP_HOST"]),
        (["--access-file", "absent.toml"], ["--access-file", "CALYPSO_ACCESS_FILE", "absent.toml"]),
        (["--caller-key-header", "X-Key", "--access-file", "a"], ["--caller-key-header", "--access-file"]),
    ],
)
def test_http_refuses_to_start_where_its_settings_are_wrong(arguments: list[str], words: list[str]) -> None:
    done = run("http", "--port", "0", *arguments)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    for word in words:
        assert word in line


def test_a_damaged_store_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "calypso.db").write_bytes(b"no database at all" * 500)
    ran = run("backend", "--port", "0", "--data-dir", str(tmp_path))
    assert ran.returncode != 0
    assert not ran.stdout
    assert "Traceback" not in ran.stderr
    assert "calypso.db is damaged. The operator must" in ran.stderr
    assert "--data-dir" in ran.stderr


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with running("backend", "--port", "0", "--data-dir", str(tmp_path)) as process:
        port = _address(process, on_stderr=False).rpartition(":")[2].removesuffix("/v1")
        done = run("http", "--port", port)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "--port" in line
    assert "in use" in line
