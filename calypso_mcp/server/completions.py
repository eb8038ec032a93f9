"""Completions of arguments: bucket slugs, sources, agents and guide topics, within the request's scope."""

from __future__ import annotations

from collections.abc import Sequence

from mcp.server.mcpserver import MCPServer
from mcp_types import CompleteRequestParams, CompleteResult, Completion

from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.server import sdk
from calypso_mcp.server.resources import GUIDES, reported
from calypso_mcp.server.scope.request_scope import access_of
from calypso_mcp.server.scope.rules import agent_names
from calypso_mcp.server.state import McpRequest, ServerState

_VALUE_CHARS = 200
#: Most values one answer may hold (MCP).
_MOST_VALUES = 100
#: Arguments that take the name of a source, and the one that takes its id.
_SOURCE_NAMES = ("source", "filename")
_FILE_ID = "file_id"


async def _on_complete(request: McpRequest, params: CompleteRequestParams) -> CompleteResult:
    name, typed = params.argument.name, params.argument.value
    if name in (*_SOURCE_NAMES, _FILE_ID):
        given = (params.context.arguments if params.context else None) or {}
        bucket = given.get("slug") or given.get("bucket") or ""
        return CompleteResult(completion=await reported(lambda: _sources(request, name, bucket, typed)))
    known = await reported(lambda: _known(request, name))
    return CompleteResult(completion=_matching(known, typed))


async def _sources(request: McpRequest, argument: str, reference: str, typed: str) -> Completion:
    """Return the sources whose name holds `typed`, in the bucket `reference` or in the only bucket."""
    from calypso_mcp.api.sources import SourcesQuery
    from calypso_mcp.server.scope.source_lists import list_page

    access = access_of(request)
    bucket = await access.target_bucket(reference)
    page = await list_page(access, bucket, SourcesQuery(bucket=bucket.id, query=typed, limit=_MOST_VALUES))
    values = [
        source.id if argument == _FILE_ID else clean_line(source.name, _VALUE_CHARS)
        for source in page.sources
    ]
    return Completion(
        values=list(dict.fromkeys(values)), total=page.total, has_more=bool(page.next_cursor) or None
    )


async def _known(request: McpRequest, argument: str) -> Sequence[str]:
    access = access_of(request)
    if argument in ("slug", "bucket"):
        return [bucket.slug for bucket in await access.buckets()]
    if argument == "agent":
        return sorted({name for agent in await access.agents() for name in agent_names(agent)})
    return list(GUIDES) if argument == "topic" else []


def _matching(known: Sequence[str], typed: str) -> Completion:
    wanted = typed.casefold()
    starting = [value for value in known if value.casefold().startswith(wanted)]
    containing = [value for value in known if wanted in value.casefold() and value not in starting]
    found = [clean_line(value, _VALUE_CHARS) for value in starting + containing]
    return Completion(
        values=found[:_MOST_VALUES], total=len(found), has_more=len(found) > _MOST_VALUES or None
    )


def register(server: MCPServer[ServerState]) -> None:
    """Let `server` complete arguments."""
    sdk.handle(server, "completion/complete", CompleteRequestParams, _on_complete)
