"""How fast a folder moves into a bucket, beside the raw limit measured in the same run.

    python tests/benchmarks/uploads.py [--scenario NAME ...] [--repeat N] [--tls]

Every scenario sends the same files to a loopback API three ways: one `upload_batch` call of a real MCP
client to a `calypso-mcp` child process over stdio, a bare httpx2 loop with the same parallelism, and a bare
sequential loop. Wall time is that of the call (the server is already running), memory is the child's own.
The call is the first upload of its process, in a new data folder that has only the compiled patterns of the
search for secrets: a record of sent files that other runs have filled would be slower. With `--tls`, all
three send over https, as to the hosted API.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from mcp import Client, StdioServerParameters, stdio_client

PARALLEL = 8
_MIB = 1 << 20


@dataclass(frozen=True)
class Scenario:
    """Files to send and how long the storage takes to answer each PUT."""

    name: str
    files: int
    size_bytes: int
    put_delay_ms: int
    suffix: Literal["txt", "pdf"] = "txt"


SCENARIOS = (
    Scenario("100 files, 0 ms", 100, 4096, 0),
    Scenario("100 files, 50 ms", 100, 4096, 50),
    Scenario("100 files, 200 ms", 100, 4096, 200),
    Scenario("100 x 5 MiB", 100, 5 * _MIB, 0, suffix="pdf"),
    Scenario("100 x 5 MiB of text", 100, 5 * _MIB, 0),
    Scenario("one 25 MB file", 1, 25_000_000, 0),
    Scenario("1,000 small files", 1000, 1024, 0),
)


@dataclass(frozen=True)
class Measured:
    """One run: seconds, those of the child's processor, its memory in MB, requests by kind."""

    wall_s: float
    cpu_s: float
    idle_mb: float
    peak_mb: float
    requests: dict[str, int]


def make_files(folder: Path, scenario: Scenario) -> list[Path]:
    """Write the scenario's files, each with its own content."""
    paths: list[Path] = []
    for number in range(scenario.files):
        if scenario.suffix == "pdf":
            content = b"%PDF-1.7\n" + random.Random(number).randbytes(scenario.size_bytes - 9)
        else:
            line = f"File {number} of the benchmark, a line of ordinary text.\n".encode()
            content = (line * (scenario.size_bytes // len(line) + 1))[: scenario.size_bytes]
        path = folder / f"file-{number:04}.{scenario.suffix}"
        path.write_bytes(content)
        paths.append(path)
    return paths


def make_certificate(path: Path) -> None:
    """Write a key and a certificate of this host's name, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, socket.gethostname())])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(socket.gethostname())]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    path.write_bytes(key.private_bytes(pem, *form) + certificate.public_bytes(pem))


@asynccontextmanager
async def sink(put_delay_ms: int, certificate: Path | None) -> AsyncGenerator[str]:
    """Start a loopback API in a process of its own, over TLS if there is a certificate; yield its origin."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("sink_server.py")),
        f"--put-delay-ms={put_delay_ms}",
        *([f"--certificate={certificate}"] if certificate else []),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    assert process.stdin
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        await process.wait()


async def bare_loop(origin: str, paths: list[Path], parallel: int) -> tuple[float, float]:
    """PUT every file whole from a plain httpx2 client; return seconds, and those of the processors."""
    room = asyncio.Semaphore(parallel)
    async with httpx2.AsyncClient(timeout=60) as client:

        async def put(path: Path) -> None:
            async with room:
                content = await asyncio.to_thread(path.read_bytes)
                headers = {"Content-Range": f"bytes 0-{len(content) - 1}/{len(content)}"}
                answer = await client.put(f"{origin}/upload/{path.name}", content=content, headers=headers)
                answer.raise_for_status()

        started, cpu_started = time.perf_counter(), time.process_time()
        await asyncio.gather(*(put(path) for path in paths))
        return time.perf_counter() - started, time.process_time() - cpu_started


async def through_mcp(origin: str, folder: Path, data_folder: Path) -> Measured:
    """Send the folder with one `upload_batch` call of a new server on `data_folder`; return what it took."""
    with tempfile.TemporaryDirectory() as scratch:
        parameters = StdioServerParameters(
            command=sys.executable,
            # The shell reports its own pid and becomes the server, so that its memory can be read.
            args=["-c", _LAUNCHER, f"{scratch}/pid", "--allow-path", str(folder), "--log-level", "error"],
            env={
                **os.environ,
                "CALYPSO_API_KEY": "sk_benchmark",
                "CALYPSO_API_BASE_URL": f"{origin}/v1",
                "CALYPSO_DATA_DIR": str(data_folder),
            },
        )
        async with Client(stdio_client(parameters), read_timeout_seconds=600) as client:
            await client.call_tool("list_buckets", {})
            pid_file = Path(scratch, "pid")
            idle_mb = _memory_mb(pid_file, "VmRSS")
            started, cpu_before_s = time.perf_counter(), _cpu_s(pid_file)
            result = await client.call_tool(
                "upload_batch",
                {"directory": str(folder), "bucket": "bench", "confirm": True, "timeout_s": 300},
            )
            wall_s = time.perf_counter() - started
            assert not result.is_error, result.content
            cpu_s = _cpu_s(pid_file) - cpu_before_s
            peak_mb = _memory_mb(pid_file, "VmHWM")
    async with httpx2.AsyncClient() as plain:
        stats: dict[str, Any] = (await plain.get(f"{origin}/stats")).json()
    return Measured(wall_s, cpu_s, idle_mb, peak_mb, stats["requests"])


_LAUNCHER = """
import os, pathlib, sys
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
os.execv(sys.executable, [sys.executable, "-m", "calypso_mcp", *sys.argv[2:]])
"""


def _memory_mb(pid_file: Path, field: str) -> float:
    """Return a line of the kernel's memory account (Linux) of the process whose id `pid_file` holds."""
    pid = pid_file.read_text()
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise LookupError(field)


def _cpu_s(pid_file: Path) -> float:
    """Return the seconds of the processors that the process whose id `pid_file` holds has taken (Linux)."""
    fields = Path(f"/proc/{pid_file.read_text()}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def run(scenario: Scenario, repeat: int, certificate: Path | None = None) -> dict[str, Any]:
    """Measure one scenario `repeat` times, over TLS if there is a certificate; return medians."""
    ours: list[Measured] = []
    parallel: list[tuple[float, float]] = []
    sequential: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as name:
        folder, first, data_folder = (Path(name, part) for part in ("files", "first", "data"))
        folder.mkdir()
        first.mkdir()
        paths = make_files(folder, scenario)
        make_files(first, replace(scenario, files=1))
        async with sink(0, certificate) as origin:
            await through_mcp(origin, first, data_folder)  # only the first server compiles the patterns
        for _ in range(repeat):
            async with sink(scenario.put_delay_ms, certificate) as origin:
                ours.append(await through_mcp(origin, folder, data_folder))
            async with sink(scenario.put_delay_ms, certificate) as origin:
                parallel.append(await bare_loop(origin, paths, PARALLEL))
            async with sink(scenario.put_delay_ms, certificate) as origin:
                sequential.append(await bare_loop(origin, paths, 1))
    wall_s = statistics.median(measured.wall_s for measured in ours)
    bare_wall_s = statistics.median(wall for wall, _ in parallel)
    return {
        "scenario": scenario.name,
        "wall_s": round(wall_s, 2),
        "bare parallel s": round(bare_wall_s, 2),
        "bare sequential s": round(statistics.median(wall for wall, _ in sequential), 2),
        "ratio": round(wall_s / bare_wall_s, 2),
        "cpu s": round(statistics.median(measured.cpu_s for measured in ours), 2),
        "bare cpu s": round(statistics.median(cpu for _, cpu in parallel), 2),
        "idle MB": round(statistics.median(measured.idle_mb for measured in ours)),
        "peak MB": round(max(measured.peak_mb for measured in ours)),
        "requests": sum(ours[-1].requests.values()),
    }


async def main() -> None:
    """Run the chosen scenarios and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenario", action="append", help="part of a scenario's name; repeatable")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--tls", action="store_true", help="send over https")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        certificate = Path(folder, "certificate.pem") if arguments.tls else None
        if certificate:
            make_certificate(certificate)
            os.environ["SSL_CERT_FILE"] = str(certificate)
        for scenario in SCENARIOS:
            if arguments.scenario and not any(part in scenario.name for part in arguments.scenario):
                continue
            row = await run(scenario, arguments.repeat, certificate)
            text = json.dumps(row) if arguments.json else "  ".join(f"{k}: {v}" for k, v in row.items())
            print(text, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
