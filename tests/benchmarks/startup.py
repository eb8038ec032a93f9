"""How long the server takes from being started to answering `initialize`, beside a bare `mcp` server.

    python tests/benchmarks/startup.py [ROUNDS]

Both are started in turn, so that a busy machine slows both. Medians and the difference are printed, and what
our own modules add to the imports.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

BARE = """\
from mcp.server.mcpserver import MCPServer
server = MCPServer("bare")
@server.tool()
def hello(name: str) -> str:
    return name
server.run()
"""
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "startup", "version": "1"},
    },
}
OURS = [sys.executable, "-m", "calypso_mcp"]


def seconds_to_initialize(command: list[str], environ: dict[str, str]) -> tuple[float, float]:
    """Return the seconds from spawn to the answer, and from end of input to exit."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ
    )
    assert process.stdin
    assert process.stdout
    with process.stdin, process.stdout:
        process.stdin.write(json.dumps(INITIALIZE).encode() + b"\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        answered = time.perf_counter()
        assert "result" in answer, answer
        process.stdin.close()
        process.wait(timeout=30)
    return answered - started, time.perf_counter() - answered


def measure(rounds: int) -> dict[str, tuple[float, float]]:
    """Return the medians of each server, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "CALYPSO_DATA_DIR": folder}
        commands = {"bare": [sys.executable, "-c", BARE], "calypso-mcp": OURS}
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                times[name].append(seconds_to_initialize(command, environ))
    return {
        name: (statistics.median(start for start, _ in rows), statistics.median(end for _, end in rows))
        for name, rows in times.items()
    }


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    medians = measure(rounds)
    for name, (start, end) in medians.items():
        print(
            f"{name:12} spawn to initialize {start * 1000:6.0f} ms, end of input to exit {end * 1000:6.0f} ms"
        )
    print(f"difference   {(medians['calypso-mcp'][0] - medians['bare'][0]) * 1000:6.0f} ms ({rounds} rounds)")


if __name__ == "__main__":
    main()
