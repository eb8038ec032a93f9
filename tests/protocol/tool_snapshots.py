"""What every tool publishes, kept in a file so that a start need not make it, and a change is seen and meant.

Accept a change with: python -m tests.protocol.tool_snapshots
"""

from __future__ import annotations

import json
from collections.abc import Callable
from inspect import cleandoc
from pathlib import Path
from typing import Any

from mcp.server.mcpserver.tools import Tool

from calypso_mcp.server.calls import tool_list
from calypso_mcp.server.calls.tool_spec import ToolSpec
from calypso_mcp.server.chat_view import TOOL_META
from calypso_mcp.server.registry import PROFILES
from tests.support.tool_schemas import compact_input, compact_output

FILE = Path(tool_list.__file__).with_suffix(".json")
ACCEPT = "python -m tests.protocol.tool_snapshots"
#: The tools of every profile.
EVERY_TOOL = tuple(spec for tools in PROFILES.values() for spec in tools)


def published(spec: ToolSpec, *, reads_files: bool = True) -> dict[str, Any]:
    """Return the tool as a client lists it; `reads_files` as `listed_tools` has it."""
    hints = {
        "readOnlyHint": spec.read_only,
        "destructiveHint": spec.destructive,
        "idempotentHint": spec.idempotent,
        "openWorldHint": spec.open_world,
    }
    listed = {
        "name": spec.name,
        "title": spec.title,
        "description": " ".join(cleandoc(spec.function.__doc__ or "").split()),
        **published_schemas(spec.function, reads_files=reads_files),
        "annotations": {name: hint for name, hint in hints.items() if hint is not None},
    }
    return {**listed, "_meta": TOOL_META} if spec.has_view else listed


def published_schemas(function: Callable[..., Any], *, reads_files: bool = True) -> dict[str, Any]:
    """Return the schemas of what a tool takes and returns.

    Raises:
        TypeError: The function does not say what it returns.
    """
    tool = Tool.from_function(function)
    if tool.output_schema is None:
        raise TypeError(f"{tool.name} must return Annotated[CallToolResult, Model]")
    return {
        "inputSchema": compact_input(tool.parameters, reads_files=reads_files),
        "outputSchema": compact_output(tool.output_schema),
    }


def text_of_file() -> str:
    """Return the content of the file: every tool, and those that differ where no files are read."""
    whole = {spec.name: published(spec) for spec in EVERY_TOOL}
    remote = {spec.name: published(spec, reads_files=False) for spec in EVERY_TOOL}
    differing = {name: tool for name, tool in remote.items() if tool != whole[name]}
    return json.dumps({"all": whole, "without_files": differing}, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text_of_file(), encoding="utf-8")
