"""A tool as a host sees it: its function, its title and its hints for the host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from inspect import cleandoc
from typing import Any

from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations

from calypso_mcp.api.connection import Extension
from calypso_mcp.server import schemas, sdk
from calypso_mcp.server.chat_view import TOOL_META
from calypso_mcp.server.state import CallContext


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool and the hints a host decides by; every host is told all of them.

    `idempotent` says nothing of a tool that only reads (MCP, tool annotations): None there.
    `needs` is what a backend must be able to do for the tool to be offered.
    `makes` is whether it makes buckets or agents, which a limited caller may not always do.
    `has_view` is whether hosts may show its results in the view of `chat_view`.
    """

    function: Callable[..., Any]
    title: str
    read_only: bool = False
    destructive: bool = False
    idempotent: bool | None = None
    open_world: bool = False
    needs: Extension | None = None
    makes: bool = False
    has_view: bool = False

    @property
    def name(self) -> str:
        """The name agents call."""
        return self.function.__name__

    def build(self, *, reads_files: bool = True) -> Tool:
        """Return the MCP tool, with schemas that every client can read.

        Unless this server reads files by their paths, no argument names any.
        """
        return _build(self, reads_files)


@cache  # the schemas of one tool take a hundredth of a second, in which no other call is answered
def _build(spec: ToolSpec, reads_files: bool) -> Tool:
    tool = Tool.from_function(
        spec.function,
        title=spec.title,
        description=" ".join(cleandoc(spec.function.__doc__ or "").split()),
        annotations=ToolAnnotations(
            read_only_hint=spec.read_only,
            destructive_hint=spec.destructive,
            idempotent_hint=spec.idempotent,
            open_world_hint=spec.open_world,
        ),
        meta=TOOL_META if spec.has_view else None,
    )
    _supply(tool)
    tool.parameters = schemas.compact_input(tool.parameters, reads_files=reads_files)
    output = tool.fn_metadata.output_schema
    if output is None:
        raise TypeError(f"{spec.name} must return Annotated[CallToolResult, Model]")
    tool.fn_metadata = sdk.as_given(tool.fn_metadata)
    tool.fn_metadata.output_schema = schemas.compact_output(output)
    return tool


def _supply(tool: Tool) -> None:
    """Supply what the model does not see; the SDK's way, made for questions to the user, takes longer."""
    function, resolved, context_name = tool.fn, tool.resolved_params, tool.context_kwarg

    async def run(*, context: CallContext, **arguments: Any) -> Any:
        supplied = {name: await resolve.fn(context) for name, (resolve, _) in resolved.items()}
        if context_name is not None:
            supplied[context_name] = context
        return await function(**arguments, **supplied)

    tool.fn, tool.resolved_params, tool.context_kwarg = run, {}, "context"
