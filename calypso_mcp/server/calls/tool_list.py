"""The tools as clients list them.

Making their schemas takes a tenth of the whole start, so a file holds them. A test compares it with the
functions, and `python -m tests.protocol.tool_snapshots` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources

from mcp_types import Tool


@cache
def listed_tools(*, reads_files: bool) -> Mapping[str, Tool]:
    """Return the tools of every profile by name.

    Unless this server `reads_files` by their paths, no argument names any.
    """
    listed = json.loads(
        resources.files("calypso_mcp.server.calls").joinpath("tool_list.json").read_text("utf-8")
    )
    if not reads_files:
        listed["all"] |= listed["without_files"]
    return {name: Tool.model_validate(tool) for name, tool in listed["all"].items()}
