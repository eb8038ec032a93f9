"""Commands call the tools of a server in this process, and wait as long as they need."""

from __future__ import annotations

from pathlib import Path

from calypso_mcp.cli.calls.mcp_session import open_session
from calypso_mcp.settings import load_settings


async def test_a_command_waits_longer_than_a_host_would(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    rules = (f"Rule {number} applies to the harbour on day {number}.\n" for number in range(60_000))
    (folder / "rules.txt").write_text("".join(rules))
    settings = load_settings(
        {"backend": "embedded", "data_dir": str(tmp_path / "data"), "allow_paths": [str(folder)]}
    )
    asked = {"directory": str(folder), "bucket": "b", "create_bucket": True, "wait": True, "timeout_s": 1}
    async with open_session(settings) as session:
        assert (await session.call("upload_batch", asked))["readiness"] == "ready"
