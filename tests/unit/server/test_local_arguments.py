"""Arguments that name files on the server's disk are offered only where the server reads them."""

from __future__ import annotations

import json

import pytest

from calypso_mcp.server.calls.tool_list import listed_tools
from calypso_mcp.server.calls.tool_spec import ToolSpec
from calypso_mcp.server.registry import TOOLS

LOCAL = {
    "upload_file": {"path"},
    "upload_batch": {"directory", "include", "exclude", "paths", "remove_missing"},
}


@pytest.mark.parametrize("spec", TOOLS, ids=lambda spec: spec.name)
def test_without_files_no_argument_or_word_names_one(spec: ToolSpec) -> None:
    whole, remote = (listed_tools(reads_files=reads)[spec.name].input_schema for reads in (True, False))
    assert whole["properties"].keys() - remote["properties"].keys() == LOCAL.get(spec.name, set())
    assert '"path"' not in json.dumps(remote)
    assert "Local" not in json.dumps(remote)
