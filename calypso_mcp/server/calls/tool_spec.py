"""A tool as a host sees it: its function, its title and its hints for the host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pkgutil import resolve_name
from typing import Any

from mcp.server.mcpserver.tools import Tool

from calypso_mcp.api.connection import Extension
from calypso_mcp.server import sdk
from calypso_mcp.server.state import CallContext

_TOOLS = "calypso_mcp.server.tools"


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool and the hints a host decides by; every host is told all of them.

    `path` is its `module:function` below `server.tools`, which the first call imports.
    `idempotent` says nothing of a tool that only reads (MCP, tool annotations): None there.
    `needs` is what a backend must be able to do for the tool to be offered.
    `makes` is whether it makes buckets or agents, which a limited caller may not always do.
    `has_view` is whether hosts may show its results in the view of `chat_view`.
    """

    path: str
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
        return self.path.rpartition(":")[2]

    @property
    def function(self) -> Callable[..., Any]:
        """What answers a call."""
        return resolve_name(f"{_TOOLS}.{self.path}")

    def build(self) -> Tool:
        """Return what the SDK calls; `tool_list` has what clients see of it."""
        return make_tool(self.function)


@cache  # making one takes a hundredth of a second, in which no other call is answered
def make_tool(function: Callable[..., Any]) -> Tool:
    """Return the tool whose calls `function` answers."""
    tool = Tool.from_function(function, structured_output=False)
    tool.fn_metadata = sdk.as_given(tool.fn_metadata)
    _supply(tool)
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
