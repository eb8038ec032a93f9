"""Reading what an MCP server answered."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from mcp.client import Client
from mcp_types import CallToolResult, TextContent

#: `connect(**decisions)`: a client of a server with the operator's decisions.
Connect = Callable[..., AbstractAsyncContextManager[Client]]


def facts(result: CallToolResult) -> dict[str, Any]:
    """Return the structured content of a call that went well."""
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return result.structured_content


def text(result: CallToolResult) -> str:
    """Return the text of a result."""
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


def error(result: CallToolResult) -> dict[str, Any]:
    """Return the structured error of a call that failed."""
    assert result.is_error
    assert result.structured_content is not None
    return result.structured_content["error"]
