"""How long the server takes from being started to its first answers, beside two servers that do nothing.

    python -m tests.benchmarks.startup [ROUNDS]

The three are started in turn, so that a busy machine slows all of them: this server, a bare one of the `mcp`
package, and one of the TypeScript SDK (`npm install --prefix tests/node`) that lists the same tools and
answers a call with nothing. Each is asked to initialize, for its tools, and to call the first tool. Printed
are medians, and the ratios to the Node server, each taken within one round.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.node import ENVIRON, MODULES, find_program

BARE = """\
from mcp.server.mcpserver import MCPServer
server = MCPServer("bare")
@server.tool()
def list_buckets() -> str:
    return "none"
server.run()
"""
_CLIENT = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "startup", "version": "1"},
}
#: What a client asks first, and whether it waits for the answer.
REQUESTS: tuple[dict[str, Any], ...] = (
    {"id": 1, "method": "initialize", "params": _CLIENT},
    {"method": "notifications/initialized"},
    {"id": 2, "method": "tools/list"},
    {"id": 3, "method": "tools/call", "params": {"name": "list_buckets", "arguments": {}}},
)
POINTS = ("initialize", "tool list", "first call", "exit", "processor time")
OURS = [sys.executable, "-m", "calypso_mcp"]


def seconds_of_a_start(command: Sequence[str], environ: Mapping[str, str]) -> tuple[list[float], Any]:
    """Return the seconds of each of `POINTS`, and the tool list.

    They count from the spawn to each answer, and from the end of input to the exit; the processor time is
    that of the whole run.
    """
    seconds: list[float] = []
    before = _processor_time()
    tools: Any = None
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ
    )
    assert process.stdin
    assert process.stdout
    with process.stdin, process.stdout:
        for request in REQUESTS:
            process.stdin.write(json.dumps({"jsonrpc": "2.0", **request}).encode() + b"\n")
            process.stdin.flush()
            if "id" not in request:
                continue
            answer = json.loads(process.stdout.readline())
            seconds.append(time.perf_counter() - started)
            assert "result" in answer, answer
            tools = answer["result"].get("tools", tools)
        closed = time.perf_counter()
        process.stdin.close()
        process.wait(timeout=30)
    seconds.append(time.perf_counter() - closed)
    seconds.append(_processor_time() - before)
    return seconds, tools


def _processor_time() -> float:
    """Return the seconds that all processes took which have ended."""
    times = os.times()
    return times.children_user + times.children_system


def measure(rounds: int) -> dict[str, list[list[float]]]:
    """Return what `seconds_of_a_start` returns for each server in each round."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {**ENVIRON, "CALYPSO_DATA_DIR": folder}
        commands: dict[str, Sequence[str]] = {"calypso-mcp": OURS, "bare mcp": [sys.executable, "-c", BARE]}
        node = find_program("node")
        if node is not None and (MODULES / "@modelcontextprotocol").is_dir():
            tool_list = Path(folder, "tools.json")
            tool_list.write_text(json.dumps(seconds_of_a_start(OURS, environ)[1]), encoding="utf-8")
            reference = MODULES.parent / "start_reference.mjs"
            commands["Node"] = [node, str(reference), str(tool_list)]
        times: dict[str, list[list[float]]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                times[name].append(seconds_of_a_start(command, environ)[0])
    return times


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    times = measure(rounds)
    print(f"{rounds} rounds, load {os.getloadavg()[0]:.1f}; milliseconds to: {', '.join(POINTS)}")
    for name, rows in times.items():
        medians = [statistics.median(column) * 1_000 for column in zip(*rows, strict=True)]
        print(f"{name:12}" + "".join(f"{median:8.0f}" for median in medians))
    if "Node" in times:
        pairs = zip(times["calypso-mcp"], times["Node"], strict=True)
        ratios = [[ours / node for ours, node in zip(*pair, strict=True)] for pair in pairs]
        middle = [statistics.median(column) for column in zip(*ratios, strict=True)]
        print("ratio       " + "".join(f"{ratio:8.2f}" for ratio in middle))


if __name__ == "__main__":
    main()
