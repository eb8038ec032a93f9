"""What a list of very many buckets costs: the time of each call and the memory of the server.

    python -m tests.benchmarks.many_buckets [--buckets 100000] [--calls 10]

A `calypso-mcp http` asks a Calypso in a process of its own, which has this many buckets of three files each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median

from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.support.scripted_calypso import bucket
from tests.support.team_server import Worker

_END_OF_HEAD = b"\r\n\r\n"


def list_of(buckets: int) -> bytes:
    """Return the list as the API sends it."""
    return json.dumps(
        {
            "team_id": "team",
            "buckets": [
                bucket(f"area-{number:06}", files=tuple(f"file_{number:08}_{place}" for place in range(3)))
                for number in range(buckets)
            ],
        }
    ).encode()


async def serve(buckets: int) -> None:
    """Answer like Calypso, and print the port, until the process is ended."""
    listed, empty = list_of(buckets), json.dumps({"data": []}).encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _read_head(reader):
            body = listed if b"/knowledge/buckets" in head.splitlines()[0] else empty
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            )
            writer.write(body)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(_END_OF_HEAD)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


@contextmanager
def calypso(buckets: int) -> Generator[str]:
    """Run a Calypso with this many buckets, and yield its address."""
    command = [sys.executable, "-m", "tests.benchmarks.many_buckets", "--serve", "--buckets", str(buckets)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


@asynccontextmanager
async def client_of(worker: Worker) -> AsyncGenerator[Client]:
    """Yield a client of the server."""
    async with Client(streamable_http_client(f"{worker.origin}/mcp")) as client:
        yield client


async def measured(worker: Worker, calls: int) -> list[float]:
    """Return how long each call took, in seconds."""
    times: list[float] = []
    async with client_of(worker) as client:
        for _ in range(calls):
            started = time.perf_counter()
            answer = await client.call_tool("list_buckets", {})
            times.append(time.perf_counter() - started)
            assert not answer.is_error, answer.content
    return times


def cpu_seconds(process: Path) -> float:
    """Return the processor time that a process has used, from its folder under /proc."""
    user, system = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Print one row for each kind of call."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--buckets", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=10)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.buckets))
        return
    print("| limited to | first s | later, median | longest | CPU s, first | later | memory MB, most |")
    print("|---|---|---|---|---|---|---|")
    for limit in ("", "area-000007"):
        with calypso(given.buckets) as address, tempfile.TemporaryDirectory() as folder:
            worker = Worker(
                {
                    "CALYPSO_DATA_DIR": str(Path(folder) / "mcp"),
                    "CALYPSO_API_BASE_URL": f"{address}/v1",
                    "CALYPSO_API_KEY": "sk-many-buckets",
                    **({"CALYPSO_BUCKETS": limit} if limit else {}),
                }
            )
            try:
                process = Path(f"/proc/{worker.process.pid}")
                started = cpu_seconds(process)
                first, *_ = asyncio.run(measured(worker, 1))
                after_first = cpu_seconds(process)
                later = asyncio.run(measured(worker, given.calls))
                cpu_first = after_first - started
                cpu_later = (cpu_seconds(process) - after_first) / given.calls
                peak = int((process / "status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
            finally:
                worker.stop()
        cells = (first, median(later), max(later), cpu_first, cpu_later)
        print(f"| {limit or '-'} | {' | '.join(f'{cell:.2f}' for cell in cells)} | {peak:.0f} |")


if __name__ == "__main__":
    main()
