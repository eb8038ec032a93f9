"""Every tool in one list, with what hosts are told about it.

A tool is a plain async function: `Annotated` arguments for the model, `CurrentAccess` for what the server
supplies, a docstring that is its description, and `-> Annotated[CallToolResult, Model]`, from which the
output schema is published. It returns `answer(Model(...))` and raises errors of the project's tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from calypso_mcp.api.connection import Extension
from calypso_mcp.server.calls.tool_spec import ToolSpec

_reads = partial(ToolSpec, read_only=True)
_adds = partial(ToolSpec, idempotent=True)

#: In the order agents read them: look, search, put in, wait, make.
TOOLS: tuple[ToolSpec, ...] = (
    _reads("buckets:list_buckets", "List buckets", has_view=True),
    _reads("sources:list_sources", "List sources"),
    _reads("search:search_bucket", "Search buckets", open_world=True, has_view=True),
    _reads("sources:read_source", "Read a source", needs=Extension.READ),
    _reads("answers:ask_agent", "Ask an agent", open_world=True),
    _adds("uploads:upload_file", "Upload a file", has_view=True),
    _adds("batches:upload_batch", "Upload files", has_view=True),
    _adds("websites:add_website", "Add a web page", open_world=True),
    _adds("websites:add_qa", "Add an answer"),
    ToolSpec(
        "sources:remove_source",
        "Remove a source",
        destructive=True,
        idempotent=False,
        needs=Extension.REMOVE,
    ),
    _reads("readiness:wait_for_bucket_sync", "Wait for sync", has_view=True),
    _adds("buckets:create_bucket", "Create bucket", makes=True),
    _reads("agents:list_agents", "List agents"),
    _adds("agents:create_agent", "Create agent", makes=True),
)

#: The tools of each `--profile`. ChatGPT and deep research accept a server by these two names.
PROFILES: Mapping[str, tuple[ToolSpec, ...]] = {
    "full": TOOLS,
    "chatgpt": (
        _reads("documents:search", "Search documents", open_world=True),
        _reads("documents:fetch", "Fetch a document"),
    ),
}
