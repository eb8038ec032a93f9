"""Clients that are not ours: the MCP inspector's command line, and both lines of the official TypeScript SDK.

Runs where tests/node is installed (`npm install --prefix tests/node`, Node 22 or later).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.node import ENVIRON, MODULES, find_program, why_no_node
from tests.support.team_server import team_server

INSPECTOR = find_program("mcp-inspector")
NODE = find_program("node")
WHY_NOT = why_no_node("mcp-inspector")
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))

#: Lines of the TypeScript SDK, with the protocol revision that a client of it chooses.
SDKS = ("v1", "v2-legacy", "v2-modern")

#: The inspector's exit codes.
TOOL_ERROR = 5


@pytest.fixture
def config(tmp_path: Path) -> Path:
    command = ["-m", "calypso_mcp", "--data-dir", str(tmp_path / "data"), "--allow-path", str(tmp_path)]
    servers = {"calypso": {"command": sys.executable, "args": command}}
    path = tmp_path / "servers.json"
    path.write_text(json.dumps({"mcpServers": servers}), encoding="utf-8")
    return path


def inspect(config: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    assert INSPECTOR is not None
    command = [INSPECTOR, "--cli", "--config", str(config), "--server", "calypso", "--format", "json"]
    done = subprocess.run(
        [*command, *arguments],
        env=ENVIRON,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=config.parent,
    )
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)["result"]


def call(config: Path, tool: str, *arguments: str, code: int = 0) -> dict[str, Any]:
    return inspect(config, "--method", "tools/call", "--tool-name", tool, "--tool-arg", *arguments, code=code)


def test_the_tool_list_passes_the_strict_lint(config: Path):
    listed = inspect(config, "--method", "tools/list", "--strict")
    assert len(listed["tools"]) >= 9


def test_an_error_is_a_tool_error_that_says_what_to_do(config: Path):
    refused = call(config, "search_bucket", "query=x", "bucket=nosuch", code=TOOL_ERROR)
    assert "list_buckets" in refused["content"][0]["text"]


def test_a_typescript_client_with_a_token_stays_in_its_buckets_over_http(tmp_path: Path):
    agents = {"operator": "all_buckets = true", "support": 'buckets = ["support"]'}
    with team_server(tmp_path, agents) as team:

        def over_http(agent: str | None, *arguments: str) -> subprocess.CompletedProcess[str]:
            header = ["--header", f"Authorization: Bearer {team.tokens[agent]}"] if agent else []
            command = [INSPECTOR or "", "--cli", f"{team.origin}/mcp", "--transport", "http", *header]
            return subprocess.run(
                [*command, "--format", "json", "--method", *arguments],
                env=ENVIRON,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
                cwd=tmp_path,
            )

        for slug in ("support", "finance"):
            made = [
                "tools/call",
                "--tool-name",
                "create_bucket",
                "--tool-arg",
                f"name={slug}",
                f"slug={slug}",
            ]
            assert over_http("operator", *made).returncode == 0
        listed = over_http("support", "tools/call", "--tool-name", "list_buckets")
        assert listed.returncode == 0, listed.stderr
        buckets = json.loads(listed.stdout)["result"]["structuredContent"]["buckets"]
        assert [bucket["slug"] for bucket in buckets] == ["support"]
        assert over_http(None, "tools/list").returncode != 0


def run_main_job(sdk: str, *arguments: str) -> None:
    done = subprocess.run(
        [NODE or "", str(MODULES.parent / "main_job.mjs"), sdk, *arguments],
        env=ENVIRON,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert {"list_buckets", "search_bucket", "upload_file"} <= set(seen["tools"])
    assert seen["readiness"] == "ready"
    assert "14 days" in seen["hit"]
    assert seen["refused"] is True
    assert seen["resource"] == "bucket://docs"
    assert seen["prompts"]


@pytest.mark.parametrize("sdk", SDKS)
def test_a_client_of_the_typescript_sdk_does_the_main_job_over_stdio(sdk: str, tmp_path: Path):
    command = [sys.executable, "-m", "calypso_mcp", "--data-dir", str(tmp_path / "data")]
    run_main_job(sdk, "stdio", *command)


@pytest.mark.parametrize("sdk", SDKS)
def test_a_client_of_the_typescript_sdk_does_the_main_job_over_http(sdk: str, tmp_path: Path):
    with team_server(tmp_path, {"operator": "all_buckets = true"}) as team:
        run_main_job(sdk, "http", f"{team.origin}/mcp", team.tokens["operator"])
