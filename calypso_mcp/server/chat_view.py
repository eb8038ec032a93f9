"""The view that hosts show in a chat beside what some tools return (MCP Apps, revision 2026-01-26).

It calls the same tools as the model, through the host, so that scope and read-only hold by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mcp.server.extension import Extension
from mcp_types import ListToolsResult, ReadResourceResult, TextResourceContents, Tool

from calypso_mcp.server.state import McpRequest

VIEW_URI = "ui://calypso/view"
_EXTENSION = "io.modelcontextprotocol/ui"
_MIME_TYPE = "text/html;profile=mcp-app"
#: Metadata of a tool with the view.
TOOL_META = {"ui": {"resourceUri": VIEW_URI}}
#: No `csp`: hosts then let the view load and request nothing. It draws its edges itself.
_RESOURCE_META: dict[str, Any] = {"ui": {"prefersBorder": False}}


class ChatViewExtension(Extension):
    """Announces that this server has views."""

    identifier = _EXTENSION


def listed_for(request: McpRequest, tools: Iterable[Tool]) -> ListToolsResult:
    """Return the list of tools; without views for a client that declares its abilities but no views."""
    if _may_show_views(request):
        return ListToolsResult(tools=list(tools))
    return ListToolsResult(tools=[tool.model_copy(update={"meta": None}) for tool in tools])


def _may_show_views(request: McpRequest) -> bool:
    capabilities = request.session.client_capabilities
    if capabilities is None:
        # A request of an older client that keeps no session: what it declared went with another request.
        return True
    declared = (capabilities.extensions or {}).get(_EXTENSION) or {}
    mime_types = declared.get("mimeTypes")
    return isinstance(mime_types, list) and _MIME_TYPE in mime_types


def read_view(request: McpRequest, tools: Iterable[str]) -> ReadResourceResult:
    """Return the view as a resource, for a caller who may call `tools`."""
    from calypso_mcp.page.chat_view import chat_view

    html = chat_view(tools, request.lifespan_context.page_address(request))
    contents = TextResourceContents(uri=VIEW_URI, text=html, mime_type=_MIME_TYPE, _meta=_RESOURCE_META)
    return ReadResourceResult(contents=[contents])
