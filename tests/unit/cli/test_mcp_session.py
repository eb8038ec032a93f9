"""Texts for agents become texts for people: a person types commands and calls no tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from calypso_mcp.cli.calls.mcp_session import in_commands, open_session
from calypso_mcp.server.registry import TOOLS
from calypso_mcp.settings import load_settings


@pytest.mark.parametrize("name", sorted(tool.name for tool in TOOLS))
def test_a_person_reads_a_command_in_place_of_every_tool(name: str) -> None:
    text = in_commands(f"This backend cannot do what {name} does. Call {name} again.")
    assert name not in text
    assert "what `calypso-mcp " in text
    assert ". Run `calypso-mcp " in text


def test_a_tool_that_is_not_there_keeps_its_name() -> None:
    assert in_commands("There is no tool 'upload_file' here.") == "There is no tool 'upload_file' here."


@pytest.mark.parametrize(
    "path", ["/srv/upload_file/a.md", "docs/search_bucket.md", "C:\\ask_agent", "x-add_qa-2"]
)
def test_a_path_that_holds_the_name_of_a_tool_stays_as_it_is(path: str) -> None:
    assert in_commands(f"{path} is empty. Look at {path}.") == f"{path} is empty. Look at {path}."


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
