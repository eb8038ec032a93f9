"""Every tool in one list, and how each becomes an MCP tool.

A tool is a plain async function: `Annotated` arguments for the model, `CurrentAccess` for what the server
supplies, a docstring that is its description, and `-> Annotated[CallToolResult, Model]`, from which the
output schema is published. It returns `answer(Model(...))` and raises errors of the project's tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from calypso_mcp.api.connection import Extension
from calypso_mcp.server.calls.tool_spec import ToolSpec
from calypso_mcp.server.tools.agents import create_agent, list_agents
from calypso_mcp.server.tools.answers import ask_agent
from calypso_mcp.server.tools.batches import upload_batch
from calypso_mcp.server.tools.buckets import create_bucket, list_buckets
from calypso_mcp.server.tools.documents import fetch, search
from calypso_mcp.server.tools.readiness import wait_for_bucket_sync
from calypso_mcp.server.tools.search import search_bucket
from calypso_mcp.server.tools.sources import list_sources, read_source, remove_source
from calypso_mcp.server.tools.uploads import upload_file
from calypso_mcp.server.tools.websites import add_qa, add_website

_reads = partial(ToolSpec, read_only=True)
_adds = partial(ToolSpec, idempotent=True)

#: In the order agents read them: look, search, put in, wait, make.
TOOLS: tuple[ToolSpec, ...] = (
    _reads(list_buckets, "List buckets", has_view=True),
    _reads(list_sources, "List sources"),
    _reads(search_bucket, "Search buckets", open_world=True, has_view=True),
    _reads(read_source, "Read a source", needs=Extension.READ),
    _reads(ask_agent, "Ask an agent", open_world=True),
    _adds(upload_file, "Upload a file", has_view=True),
    _adds(upload_batch, "Upload files", has_view=True),
    _adds(add_website, "Add a web page", open_world=True),
    _adds(add_qa, "Add an answer"),
    ToolSpec(remove_source, "Remove a source", destructive=True, idempotent=False, needs=Extension.REMOVE),
    _reads(wait_for_bucket_sync, "Wait for sync", has_view=True),
    _adds(create_bucket, "Create bucket", makes=True),
    _reads(list_agents, "List agents"),
    _adds(create_agent, "Create agent", makes=True),
)

#: The tools of each `--profile`. ChatGPT and deep research accept a server by these two names.
PROFILES: Mapping[str, tuple[ToolSpec, ...]] = {
    "full": TOOLS,
    "chatgpt": (
        _reads(search, "Search documents", open_world=True),
        _reads(fetch, "Fetch a document"),
    ),
}
