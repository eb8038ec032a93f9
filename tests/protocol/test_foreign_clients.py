"""A client that is not ours: the MCP inspector's command line, on the official TypeScript SDK.

Runs where `mcp-inspector` is installed (npm i -g @modelcontextprotocol/inspector@2.12, Node 22 or later).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.team_server import team_server

INSPECTOR = shutil.which("mcp-inspector")

pytestmark = pytest.mark.skipif(INSPECTOR is None, reason="mcp-inspector is not installed")

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
        [*command, *arguments], capture_output=True, text=True, timeout=60, check=False, cwd=config.parent
    )
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)["result"]


def call(config: Path, tool: str, *arguments: str, code: int = 0) -> dict[str, Any]:
    return inspect(config, "--method", "tools/call", "--tool-name", tool, "--tool-arg", *arguments, code=code)


def test_the_tool_list_passes_the_strict_lint(config: Path):
    listed = inspect(config, "--method", "tools/list", "--strict")
    assert len(listed["tools"]) >= 9


def test_the_main_job_works_from_the_typescript_client(config: Path):
    (config.parent / "refunds.md").write_text("Refunds take 14 days.\n", encoding="utf-8")
    call(config, "create_bucket", "name=Docs", "slug=docs")
    uploaded = call(config, "upload_file", f"path={config.parent / 'refunds.md'}", "bucket=docs", "wait=true")
    assert uploaded["structuredContent"]["readiness"] == "ready"
    found = call(config, "search_bucket", "query=How long do refunds take?")
    assert "14 days" in found["structuredContent"]["hits"][0]["text"]
    assert inspect(config, "--method", "resources/read", "--uri", "bucket://docs")["contents"]
    assert inspect(config, "--method", "prompts/list")["prompts"]


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
