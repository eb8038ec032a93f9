"""What the container image is told to run, run here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from calypso_mcp.server.access.access_file.tokens import access_file_entry, new_token
from tests.commands.processes import LIMIT_S, ROOT, running

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def _health(port: str) -> int:
    [check] = re.findall(r"^HEALTHCHECK .* CMD (\[.*\])$", DOCKERFILE.replace("\\\n", ""), re.MULTILINE)
    [_python, *arguments] = json.loads(check)
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "CALYPSO_HTTP_PORT": port},
        stderr=subprocess.DEVNULL,
        check=False,
        timeout=LIMIT_S,
    ).returncode


def test_the_health_check_asks_the_server_that_the_image_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in re.findall(r"(CALYPSO_HTTP_HOST)=(\S+)", DOCKERFILE):
        monkeypatch.setenv(name, value)
    access = tmp_path / "access.toml"
    access.write_text(access_file_entry("bot", new_token("bot")).replace("…", "docs"), encoding="utf-8")
    command = ["http", "--port", "0", "--access-file", str(access), "--allowed-host", "mcp.example.org"]
    with running(*command) as server:
        assert server.stderr
        port = ""
        while not port:
            line = server.stderr.readline()
            assert line
            port = "".join(re.findall(r"MCP: http://[^ ]*:(\d+)/mcp", line))
        assert _health(port) == 0
    assert _health(port) != 0
