"""What every tool publishes, kept as files so that a change is seen and meant.

Accept a change with: python -m tests.protocol.tool_snapshots
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from calypso_mcp.server.calls.tool_spec import ToolSpec
from calypso_mcp.server.registry import PROFILES

FOLDER = Path(__file__).parent.parent / "snapshots"
ACCEPT = "python -m tests.protocol.tool_snapshots"
#: The tools of every profile.
EVERY_TOOL = tuple(spec for tools in PROFILES.values() for spec in tools)


def published(spec: ToolSpec) -> dict[str, Any]:
    """Return the tool as a client lists it."""
    tool = spec.build()
    annotations = tool.annotations
    assert annotations is not None
    listed = {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.parameters,
        "outputSchema": tool.output_schema,
        "annotations": annotations.model_dump(by_alias=True, exclude_none=True),
    }
    return listed if tool.meta is None else {**listed, "_meta": tool.meta}


def text_of(published: dict[str, Any]) -> str:
    """Return the content of a snapshot file."""
    return json.dumps(published, indent=2, ensure_ascii=False) + "\n"


def accept() -> None:
    """Write the present state of every tool, and drop files of tools that are gone."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.json"):
        old.unlink()
    for spec in EVERY_TOOL:
        (FOLDER / f"{spec.name}.json").write_text(text_of(published(spec)), encoding="utf-8")


if __name__ == "__main__":
    accept()
