"""Texts for agents become texts for people: a person types commands and calls no tools."""

from __future__ import annotations

import pytest

from calypso_mcp.cli.printing.tool_names import in_commands
from calypso_mcp.server.registry import TOOLS


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
