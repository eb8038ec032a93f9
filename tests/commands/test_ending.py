"""Whatever is under way, a process that is told to stop ends within two seconds."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from calypso_mcp.local.options import STORE_FILE
from calypso_mcp.local.store.connections.migrations import MIGRATIONS
from calypso_mcp.sqlite.connections import migrate, open_private
from tests.commands.processes import COMMAND, LIMIT_S, ROOT

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals and pipes"),
]

#: Seconds promised, and what a machine under load may add to them.
PROMISED_S = 2.0
LOAD_S = 1.0
HANDSHAKE: list[dict[str, Any]] = [
    {
        "jsonrpc": "2.0",
        "id": "hello",
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"},
        },
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
]
PING = {"jsonrpc": "2.0", "id": "ping", "method": "ping"}
#: Starts the server with pipes of its own, as a host does, and passes on what it is to be told.
HOST = """
import subprocess, sys
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
for line in sys.stdin.buffer:
    server.stdin.write(line)
    server.stdin.flush()
    if b'"ping"' in line:
        while b'"ping"' not in server.stdout.readline():
            pass
        print("under way", flush=True)
"""
#: The same, and leaves the pipes to a process that outlives it.
HOST_WITH_AN_HEIR = HOST.replace(
    "for line",
    "ends = (server.stdin.fileno(), server.stdout.fileno())\n"
    "subprocess.Popen(['sleep', '15'], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=ends)\n"
    "for line",
    1,
)


@dataclass(frozen=True, slots=True)
class Work:
    """Something that keeps a server busy for much longer than it may take to end."""

    flags: Sequence[str]
    requests: Sequence[dict[str, Any]]
    environ: dict[str, str]


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "id": "work",
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments},
    }


def walk_a_folder(folder: Path, _origin: str) -> Work:
    # Each entry costs the walk several looks; a link back would end it at once.
    for number in range(60):
        (folder / f"{number}").mkdir()
        for name in range(100):
            (folder / f"{number}" / f"{name}.bin").touch()
    globs = [f"**/a{number}*b*c*d*" for number in range(400)]
    return Work(
        ["--allow-path", str(folder)],
        [call("upload_batch", directory=str(folder), exclude=globs, dry_run=True, timeout_s=300)],
        {},
    )


def scan_for_secrets(folder: Path, _origin: str) -> Work:
    lines = b"".join(b"key %d: value = %x, token none\n" % (n, n * 7919) for n in range(600_000))
    (folder / "large.txt").write_bytes(lines[:20_000_000])
    names = []
    for number in range(300):
        names.append(str(folder / f"{number}.txt"))
        os.link(folder / "large.txt", names[-1])
    return Work(
        ["--allow-path", str(folder)], [call("upload_batch", paths=names, dry_run=True, timeout_s=300)], {}
    )


def index(folder: Path, _origin: str) -> Work:
    for number in range(4):
        text = "".join(f"Sentence {line} of text {number}.\n" for line in range(200_000))
        (folder / f"{number}.txt").write_text(text)
    arguments = {"directory": str(folder), "bucket": "b", "create_bucket": True, "wait": True}
    return Work(["--allow-path", str(folder)], [call("upload_batch", **arguments, timeout_s=300)], {})


def hang(_folder: Path, origin: str) -> Work:
    return Work([], [call("list_buckets")], hosted(origin))


def upload_to_a_hanging_storage(folder: Path, origin: str) -> Work:
    (folder / "note.md").write_text("A note.")
    return Work(
        ["--allow-path", str(folder)],
        [call("upload_file", path=str(folder / "note.md"), bucket="handbook", timeout_s=300)],
        hosted(origin),
    )


def wait(_folder: Path, origin: str) -> Work:
    return Work([], [call("wait_for_bucket_sync", bucket="handbook", timeout_s=300)], hosted(origin))


def hosted(origin: str) -> dict[str, str]:
    return {"CALYPSO_API_BASE_URL": f"{origin}/v1", "CALYPSO_API_KEY": "sk_hanging"}


class Api(BaseHTTPRequestHandler):
    """Knows one bucket that is never done, takes a session and then no bytes, and hangs at all else."""

    protocol_version = "HTTP/1.1"
    reached = threading.Event()

    def do_GET(self) -> None:
        if not self.path.startswith("/v1/knowledge/buckets") or not self.server_knows_buckets:
            self.reached.set()
            threading.Event().wait()
        bucket = {
            "id": "bucket_1",
            "slug": "handbook",
            "name": "Handbook",
            "status": "active",
            "bucketStore": {"status": "active", "indexed_member_count": 0, "pending_member_count": 1},
        }
        self._answer({"team_id": "t", "buckets": [bucket]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        address = self.headers["Host"]
        self._answer(
            {
                "id": "session_1",
                "session_id": "session_1",
                "upload_url": f"http://{address}/put",
                "status": "pending",
            }
        )

    def do_PUT(self) -> None:
        threading.Event().wait()

    @property
    def server_knows_buckets(self) -> bool:
        return self.headers["Authorization"] != "Bearer sk_silent"

    def _answer(self, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def origin() -> Generator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def started(command: Sequence[str], environ: dict[str, str]) -> Generator[subprocess.Popen[bytes]]:
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **environ}, stdin=pipe, stdout=pipe, stderr=pipe
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def send(process: subprocess.Popen[bytes], messages: Sequence[dict[str, Any]]) -> None:
    assert process.stdin
    process.stdin.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))
    process.stdin.flush()


def read_until(process: subprocess.Popen[bytes], mark: bytes) -> None:
    assert process.stdout
    for line in process.stdout:
        assert b'"work"' not in line, line
        if mark in line:
            return
    raise AssertionError(process.stderr.read() if process.stderr else "")


def close_input(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin
    process.stdin.close()


def terminate(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)


def seconds_to_end(process: subprocess.Popen[bytes], end: Callable[[subprocess.Popen[bytes]], None]) -> float:
    """Return how long it takes until nothing of the process is left that holds its stderr."""
    assert process.stderr
    stop = time.monotonic()
    end(process)
    killer = threading.Timer(LIMIT_S, process.kill)
    killer.start()
    process.stderr.read()
    process.wait()
    killer.cancel()
    return time.monotonic() - stop


STATES = [walk_a_folder, scan_for_secrets, index, hang, upload_to_a_hanging_storage, wait]


@pytest.mark.parametrize("end", [close_input, terminate])
@pytest.mark.parametrize("state", STATES)
@pytest.mark.usefixtures("clean_environment")
def test_a_server_ends_when_its_input_does_or_it_is_told_to(
    tmp_path: Path,
    origin: str,
    state: Callable[[Path, str], Work],
    end: Callable[[subprocess.Popen[bytes]], None],
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    work = state(folder, origin)
    with started([*COMMAND, *work.flags], work.environ) as process:
        send(process, [*HANDSHAKE, *work.requests, PING])
        read_until(process, b'"ping"')
        took_s = seconds_to_end(process, end)
        assert process.returncode == 0
    assert took_s < PROMISED_S + LOAD_S


@pytest.mark.parametrize("state", STATES)
@pytest.mark.usefixtures("clean_environment")
def test_a_server_ends_with_its_parent(
    tmp_path: Path, origin: str, state: Callable[[Path, str], Work]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    work = state(folder, origin)
    with started([sys.executable, "-c", HOST, *COMMAND, *work.flags], work.environ) as host:
        send(host, [*HANDSHAKE, *work.requests, PING])
        read_until(host, b"under way")
        took_s = seconds_to_end(host, lambda process: process.kill())
    assert took_s < PROMISED_S + LOAD_S


@pytest.mark.parametrize("state", [hang, scan_for_secrets])
@pytest.mark.usefixtures("clean_environment")
def test_a_server_ends_with_its_parent_though_another_process_holds_its_pipes(
    tmp_path: Path, origin: str, state: Callable[[Path, str], Work]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    work = state(folder, origin)
    with started([sys.executable, "-c", HOST_WITH_AN_HEIR, *COMMAND, *work.flags], work.environ) as host:
        send(host, [*HANDSHAKE, *work.requests, PING])
        read_until(host, b"under way")
        took_s = seconds_to_end(host, lambda process: process.kill())
    assert took_s < PROMISED_S + LOAD_S


@pytest.mark.parametrize("end", [close_input, terminate])
@pytest.mark.usefixtures("clean_environment")
def test_a_server_ends_while_its_client_reads_no_answers(
    end: Callable[[subprocess.Popen[bytes]], None],
) -> None:
    with started(COMMAND, {}) as process:
        send(process, [*HANDSHAKE, PING])
        read_until(process, b'"ping"')
        # Malformed messages are answered before the next is read: the pipe fills, and reading stands still.
        flood = b"x" * 100 + b"\n"
        assert process.stdin
        os.set_blocking(process.stdin.fileno(), False)
        written = 0
        while written < 2_000_000:
            try:
                written += os.write(process.stdin.fileno(), flood * 100)
            except BlockingIOError:
                break
            time.sleep(0.001)
        assert seconds_to_end(process, end) < PROMISED_S + LOAD_S
        assert process.returncode == 0


def port_of(process: subprocess.Popen[bytes], *, on_stderr: bool) -> int:
    stream = process.stderr if on_stderr else process.stdout
    assert stream
    return int(stream.readline().split()[-1].decode().split(":")[2].split("/")[0])


def request(path: str, body: str, *more: str) -> bytes:
    head = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        *more,
    ]
    return "\r\n".join([*head, "", body]).encode()


@pytest.mark.usefixtures("clean_environment")
def test_a_server_on_a_port_ends_while_the_api_hangs(origin: str) -> None:
    Api.reached.clear()
    message = json.dumps(call("list_buckets"))
    environ = hosted(origin) | {"CALYPSO_API_KEY": "sk_silent"}
    with started([*COMMAND, "http", "--port", "0"], environ) as process:
        port = port_of(process, on_stderr=True)
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(request("/mcp", message, f"Content-Length: {len(message)}"))
            assert Api.reached.wait(LIMIT_S)
            assert seconds_to_end(process, terminate) < PROMISED_S + LOAD_S
        assert process.returncode == 0


@pytest.mark.parametrize(("command", "path"), [("http", "/mcp"), ("backend", "/v1/search")])
@pytest.mark.usefixtures("clean_environment")
def test_a_server_on_a_port_ends_while_a_request_never_does(tmp_path: Path, command: str, path: str) -> None:
    environ = {"CALYPSO_API_KEY": "sk_own"} if command == "backend" else {}
    with started([*COMMAND, command, "--port", "0", "--data-dir", str(tmp_path)], environ) as process:
        port = port_of(process, on_stderr=command == "http")
        with socket.create_connection(("127.0.0.1", port)) as connection:
            login = "Authorization: Bearer sk_own"
            connection.sendall(request(path, "{", login, "Content-Length: 9", "Expect: 100-continue"))
            assert b"100 Continue" in connection.recv(1000)
            assert seconds_to_end(process, terminate) < PROMISED_S + LOAD_S
        assert process.returncode == 0


def until_open(process: subprocess.Popen[bytes], file: Path) -> None:
    """Return once the process reads the SQLite file."""
    # SQLite maps the file beside it.
    maps = Path(f"/proc/{process.pid}/maps")
    while str(file.resolve()) not in maps.read_text():
        assert process.poll() is None


@pytest.mark.skipif(sys.platform != "linux", reason="Linux lists the files that a process has mapped")
@pytest.mark.usefixtures("clean_environment")
def test_a_command_ends_at_ctrl_c_while_it_waits_for_another_program_to_leave_the_store(
    tmp_path: Path,
) -> None:
    (tmp_path / "note.md").write_text("A note.")
    store = tmp_path / "data" / STORE_FILE
    arguments = ["upload", str(tmp_path / "note.md"), "--bucket", "b", "--create-bucket"]
    with closing(open_private(store)) as connection:
        migrate(connection, MIGRATIONS[:1])
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with started([*COMMAND, *arguments, "--data-dir", str(store.parent)], {}) as process:
            until_open(process, store)
            took_s = seconds_to_end(process, lambda process: process.send_signal(signal.SIGINT))
    assert process.returncode == 130
    assert took_s < PROMISED_S + LOAD_S
