"""What `token new` prints can be piped and pasted as it is."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from calypso_mcp.cli import main
from calypso_mcp.server.access.access_file.access_file import load
from calypso_mcp.server.access.access_file.tokens import hash_token


def test_standard_output_is_the_token_and_standard_error_an_access_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    access = tmp_path / "access.toml"
    for name in ("support", "editor"):
        assert main(["token", "new", name]) == 0
        printed = capsys.readouterr()
        [token] = printed.out.splitlines()
        with access.open("a", encoding="utf-8") as file:
            file.write(printed.err.replace("…", "docs"))
        entry = tomllib.loads(access.read_text(encoding="utf-8"))["agents"][name]
        assert entry["token_hash"] == hash_token(token)
    access.chmod(0o600)
    load(access, {})
