"""Every tool in one list, and how each becomes an MCP tool.

A tool is a plain async function: `Annotated` arguments for the model, `CurrentAccess` for what the server
supplies, a docstring that is its description, and `-> Annotated[CallToolResult, Model]`, from which the
output schema is published. It returns `answer(Model(...))` and raises errors of the project's tree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any

from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations

from calypso_mcp.server import schemas
from calypso_mcp.server.tools.buckets import list_buckets


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool and the hints a host decides by. All four are stated: their defaults would mislead."""

    function: Callable[..., Any]
    title: str
    read_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool

    @property
    def name(self) -> str:
        """The name agents call."""
        return self.function.__name__

    def build(self) -> Tool:
        """Return the MCP tool, with schemas that every client can read."""
        tool = Tool.from_function(
            self.function,
            title=self.title,
            description=" ".join(cleandoc(self.function.__doc__ or "").split()),
            annotations=ToolAnnotations(
                read_only_hint=self.read_only,
                destructive_hint=self.destructive,
                idempotent_hint=self.idempotent,
                open_world_hint=self.open_world,
            ),
        )
        tool.parameters = schemas.compact_input(tool.parameters)
        output = tool.fn_metadata.output_schema
        if output is None:
            raise TypeError(f"{self.name} must return Annotated[CallToolResult, Model]")
        tool.fn_metadata.output_schema = schemas.compact_output(output)
        return tool


#: In the order agents read them: look, search, put in, wait, make.
TOOLS: tuple[ToolSpec, ...] = (
    ToolSpec(
        list_buckets, "List buckets", read_only=True, destructive=False, idempotent=True, open_world=False
    ),
)
