"""How many tool calls a second the HTTP server answers, beside a bare server of the MCP SDK in the same run.

    python -m tests.benchmarks.http_rates [--calls N] [--repeat N]

Both servers answer the same request over streamable HTTP, from the same client: the bare one with a tool
that returns a word, ours with `list_buckets` and `search_bucket` of an embedded Calypso with a few documents.
They take short turns, and the ratios are medians of those of each round: a machine that other work slows down
slows both. Beside the rate stands the processor time of the server for a call; the last column is the bare
server's divided by ours.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.support.team_server import Worker

PARALLEL = 8
_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2025-06-18",
}
_BARE = """
import uvicorn
from mcp.server.mcpserver import MCPServer

server = MCPServer("bare")

@server.tool()
def word() -> str:
    return "word"

app = server.streamable_http_app(streamable_http_path="/mcp", stateless_http=True)
config = uvicorn.Config(app, port=0, log_level="info", access_log=False, loop="asyncio")
uvicorn.Server(config).run()
"""


@dataclass(frozen=True)
class Peer:
    """A running server: where it is, and the id of its process."""

    origin: str
    pid: int


@dataclass(frozen=True)
class Measured:
    """What one run of calls took, for a call."""

    calls_a_second: float
    cpu_ms: float


@contextmanager
def bare_server() -> Generator[Peer]:
    """Run a server of the SDK with one trivial tool."""
    process = subprocess.Popen([sys.executable, "-c", _BARE], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if "running on" in line:
                # What it goes on to say would fill the pipe and stop it.
                threading.Thread(target=process.stderr.read, daemon=True).start()
                yield Peer(line.split("running on ")[1].split()[0], process.pid)
                break
    finally:
        process.kill()  # told to end it would wait for calls that a failed run has left open
        process.wait()


@contextmanager
def our_server(documents: int) -> Generator[Peer]:
    """Run `calypso-mcp http` over an embedded Calypso with some documents in one bucket."""
    with tempfile.TemporaryDirectory() as name:
        folder, data = Path(name, "notes"), Path(name, "data")
        folder.mkdir()
        for number in range(documents):
            (folder / f"note-{number}.md").write_text(
                f"# Note {number}\n\nRefunds of order {number} are paid within {number + 3} working days.\n"
            )
        environment = {"CALYPSO_DATA_DIR": str(data)}
        upload = [sys.executable, "-m", "calypso_mcp", "upload", str(folder), "--bucket=notes"]
        subprocess.run(
            [*upload, "--create-bucket", "--wait"],
            env={**os.environ, **environment},
            check=True,
            capture_output=True,
        )
        worker = Worker(environment)
        try:
            yield Peer(worker.origin, worker.process.pid)
        finally:
            worker.stop()


async def measure(peer: Peer, tool: str, arguments: Mapping[str, Any], calls: int) -> Measured:
    """Call a tool many times, some at the same time."""
    body = json.dumps(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": tool, "arguments": arguments},
        }
    ).encode()
    left = iter(range(calls))
    async with httpx2.AsyncClient(headers=_HEADERS, timeout=60) as client:

        async def call() -> None:
            answer = await client.post(f"{peer.origin}/mcp", content=body)
            assert answer.status_code == 200, answer.text
            assert '"isError":true' not in answer.text, answer.text
            assert '"result"' in answer.text, answer.text

        async def call_on() -> None:
            for _ in left:
                await call()

        await call()  # what is built with the first call is not counted
        started, cpu_started_s = time.perf_counter(), _cpu_s(peer.pid)
        await asyncio.gather(*(call_on() for _ in range(PARALLEL)))
        wall_s, cpu_s = time.perf_counter() - started, _cpu_s(peer.pid) - cpu_started_s
    return Measured(calls / wall_s, cpu_s / calls * 1000)


def _cpu_s(pid: int) -> float:
    """Return the seconds of the processors that a process has taken (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def main() -> None:
    """Print a row for each tool."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--documents", type=int, default=20)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        bare = stack.enter_context(bare_server())
        ours = stack.enter_context(our_server(arguments.documents))
        rows: dict[str, tuple[Peer, Mapping[str, Any]]] = {
            "word": (bare, {}),
            "list_buckets": (ours, {}),
            "search_bucket": (ours, {"query": "when are refunds of order 7 paid", "bucket": "notes"}),
        }
        runs: dict[str, list[Measured]] = {name: [] for name in rows}
        for _ in range(arguments.repeat):
            for name, (peer, given) in rows.items():
                runs[name].append(await measure(peer, name, given, arguments.calls))
        for name, of in runs.items():
            rounds = list(zip(of, runs["word"], strict=True))
            rate = statistics.median(run.calls_a_second for run in of)
            rate_ratio = statistics.median(run.calls_a_second / bare.calls_a_second for run, bare in rounds)
            cpu_ms = statistics.median(run.cpu_ms for run in of)
            cpu_ratio = statistics.median(bare.cpu_ms / run.cpu_ms for run, bare in rounds)
            print(
                f"{name}: {rate:.0f} calls/s ({rate_ratio:.2f} of bare), "
                f"{cpu_ms:.2f} ms CPU a call ({cpu_ratio:.2f} of bare)",
                flush=True,
            )


if __name__ == "__main__":
    asyncio.run(main())
