"""`calypso-mcp install CLIENT`, as a person runs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from calypso_mcp.cli.clients.command import server_command
from calypso_mcp.cli.clients.facts import CLIENTS
from calypso_mcp.cli.clients.places import Places
from calypso_mcp.server.registry import TOOLS
from tests.commands.processes import ROOT, run
from tests.support.live_backend import API_KEY

CURSOR = ".cursor/mcp.json"


def _install(home: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return run("install", *arguments, environ={"HOME": str(home), "XDG_CONFIG_HOME": "", **environ})


def test_a_server_is_shown_written_and_started_and_taken_out_again(tmp_path: Path) -> None:
    before = (
        '{\n  "mcpServers": {\n    "other": {"command": "x", "env": {"KEY": "sk-theirs"}} // mine\n  }\n}\n'
    )
    config = tmp_path / CURSOR
    config.parent.mkdir()
    config.write_text(before, encoding="utf-8")
    ended = _install(tmp_path, "cursor", "--yes", "--allow-path", str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    assert '+    "calypso": {' in ended.stdout
    assert "sk-theirs" not in ended.stdout
    assert f"answers with {len(TOOLS)} tools" in ended.stdout
    assert str(server_command()[0]) in config.read_text(encoding="utf-8")
    [backup] = config.parent.glob("mcp.json.before-calypso-*")
    assert backup.read_text(encoding="utf-8") == before
    ended = _install(tmp_path, "cursor", "--yes", "--uninstall")
    assert ended.returncode == 0
    assert config.read_text(encoding="utf-8") == before


def test_nothing_is_written_without_a_yes_nor_into_what_cannot_be_read(tmp_path: Path) -> None:
    config = tmp_path / CURSOR
    assert _install(tmp_path, "cursor").returncode == 2
    assert not config.parent.exists()
    config.parent.mkdir()
    config.write_text("{broken", encoding="utf-8")
    ended = _install(tmp_path, "cursor", "--yes")
    assert ended.returncode == 1
    assert "is unchanged" in ended.stderr
    assert '"calypso"' in ended.stderr
    assert config.read_text(encoding="utf-8") == "{broken"


def test_another_program_of_the_same_name_is_left_alone(tmp_path: Path) -> None:
    config = tmp_path / CURSOR
    config.parent.mkdir()
    text = '{"mcpServers": {"calypso": {"command": "npx", "args": ["something-else"]}}}'
    config.write_text(text, encoding="utf-8")
    for arguments in (["--yes"], ["--yes", "--uninstall"]):
        ended = _install(tmp_path, "cursor", *arguments)
        assert ended.returncode == 1
        assert "is another program" in ended.stderr
    assert config.read_text(encoding="utf-8") == text


def test_after_a_teams_server_was_written_the_client_is_asked_for_it_too(tmp_path: Path) -> None:
    client = tmp_path / "bin" / "claude"
    client.parent.mkdir()
    client.write_text('#!/bin/sh\necho "asked: $*"\n', encoding="utf-8")
    client.chmod(0o755)
    arguments = ("claude-code", "--yes", "--http", "https://mcp.example.org/mcp", "--token-env", "X")
    search_path = os.pathsep.join([str(client.parent), os.environ["PATH"]])
    ended = _install(tmp_path, *arguments, PATH=search_path)
    assert ended.returncode == 0, ended.stderr
    assert "asked: mcp get calypso" in ended.stdout


def test_a_key_is_never_written(tmp_path: Path) -> None:
    ended = _install(tmp_path, "claude-code", "--print", CALYPSO_API_KEY=API_KEY)
    [server] = json.loads(ended.stdout)["mcpServers"].values()
    assert server["env"] == {"CALYPSO_API_KEY": "${CALYPSO_API_KEY}"}
    assert server["args"][-2:] == ["--backend", "hosted"]
    ended = _install(tmp_path, "cursor", "--print", CALYPSO_API_KEY=API_KEY)
    assert ended.returncode == 2
    assert "--api-key-file" in ended.stderr
    key = tmp_path / "key"
    key.write_text(API_KEY, encoding="utf-8")
    ended = _install(tmp_path, "cursor", "--print", "--api-key-file", str(key), CALYPSO_API_KEY=API_KEY)
    [server] = json.loads(ended.stdout)["mcpServers"].values()
    assert server["args"] == [*server_command()[1:], "--api-key-file", str(key)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cursor", "--http", "http://mcp.example.org/mcp"], "https"),
        (["cursor", "--http", "https://mcp.example.org/mcp", "--read-only"], "Leave these out"),
        (["cursor", "--token-env", "X"], "--http"),
        (["claude-desktop", "--http", "https://mcp.example.org/mcp"], "only starts commands"),
        (
            ["zed", "--http", "https://mcp.example.org/mcp", "--token-env", "X"],
            "cannot read a value from a variable",
        ),
        (["windsurf", "--project", "--yes"], "no configuration for a project"),
        (["cursor", "--allow-path", "/no/such", "--yes"], "is not a folder"),
        (["nothing"], "CLIENT"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], words: str, tmp_path: Path) -> None:
    ended = _install(tmp_path, *arguments)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_every_client_has_a_place_on_every_system(system: str, tmp_path: Path) -> None:
    places = Places(tmp_path, {}, tmp_path / "project", system)
    for client in CLIENTS:
        files = places.user_files(client)
        assert files
        assert all(tmp_path in path.parents for path in files)


#: Each client's own words for a server that answers.
CONNECTED = {"claude-code": "Connected", "gemini": "Connected", "opencode": "connected", "codex": "calypso"}
_ABSENT = [
    client for client in CLIENTS if client.name in CONNECTED and shutil.which(client.status[0]) is None
]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            client.name,
            marks=pytest.mark.skipif(client in _ABSENT, reason=f"{client.title} is not installed here"),
        )
        for client in CLIENTS
        if client.name in CONNECTED
    ],
)
def test_the_client_itself_says_that_it_is_connected(name: str, tmp_path: Path) -> None:
    if name == "gemini":
        # It starts no server in a folder that the person has not called trusted.
        (tmp_path / ".gemini").mkdir()
        trusted = json.dumps({str(ROOT): "TRUST_FOLDER"})
        (tmp_path / ".gemini" / "trustedFolders.json").write_text(trusted, encoding="utf-8")
    ended = _install(tmp_path, name, "--yes")
    assert ended.returncode == 0, ended.stderr
    assert CONNECTED[name] in ended.stdout.partition("answers with")[2]
