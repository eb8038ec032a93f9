"""Typed async client of the Calypso REST API: upload, wait until searchable, search.

    async with CalypsoClient(base_url=base_url, api_key=api_key) as client:
        bucket = Destination(bucket="docs", create_missing_buckets=True)
        file = await client.uploads.upload(Upload.of_file("a.md", Declaration(destination=bucket)))
        await client.readiness.wait(ReadinessTarget(file_ids=(file.id,)), timeout_s=60)
        found = await client.search.search(SearchRequest(query="...", buckets=("docs",)))

What this package exports is public; its modules are not. Errors: `calypso_mcp.errors`.
The names below are loaded when first used: a server is started far more often than it makes a request.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calypso_mcp.api.agents import (
        AgentModel as AgentModel,
        AgentModelList as AgentModelList,
        CreateAgent as CreateAgent,
        CreatedAgent as CreatedAgent,
        UpdateAgent as UpdateAgent,
    )
    from calypso_mcp.api.answers import AnswerRequest as AnswerRequest, Conversation as Conversation
    from calypso_mcp.api.buckets import Bucket as Bucket, CreateBucket as CreateBucket
    from calypso_mcp.api.connection import Extension as Extension
    from calypso_mcp.api.search import (
        SearchRequest as SearchRequest,
        SearchResponse as SearchResponse,
        SearchResult as SearchResult,
    )
    from calypso_mcp.api.sources import (
        RelabelSource as RelabelSource,
        Source as Source,
        SourceList as SourceList,
        SourceRemoved as SourceRemoved,
        SourcesQuery as SourcesQuery,
        SourceText as SourceText,
    )
    from calypso_mcp.client.buckets.bucket_list import BucketList as BucketList
    from calypso_mcp.client.calypso_client import CalypsoClient as CalypsoClient
    from calypso_mcp.client.policies import ClientPolicies as ClientPolicies, Timeouts as Timeouts
    from calypso_mcp.client.readiness_target import ReadinessTarget as ReadinessTarget
    from calypso_mcp.client.retrieval.answers import GroundedAnswer as GroundedAnswer
    from calypso_mcp.client.transport.sources import ByteSource as ByteSource, BytesSource as BytesSource
    from calypso_mcp.client.uploading.progress import TransferProgress as TransferProgress
    from calypso_mcp.client.uploading.upload import Upload as Upload
    from calypso_mcp.domain.retry import RetryPolicy as RetryPolicy
    from calypso_mcp.domain.states.file_state import (
        FileState as FileState,
        Reason as Reason,
        StateReport as StateReport,
    )
    from calypso_mcp.domain.states.readiness import PollSchedule as PollSchedule, Readiness as Readiness
    from calypso_mcp.domain.uploads.declaration import Declaration as Declaration, Destination as Destination

#: The public names by the module they come from.
_NAMES = {
    "api.agents": "AgentModel AgentModelList CreateAgent CreatedAgent UpdateAgent",
    "api.answers": "AnswerRequest Conversation",
    "api.buckets": "Bucket CreateBucket",
    "api.connection": "Extension",
    "api.search": "SearchRequest SearchResponse SearchResult",
    "api.sources": "RelabelSource Source SourceList SourceRemoved SourcesQuery SourceText",
    "client.buckets.bucket_list": "BucketList",
    "client.calypso_client": "CalypsoClient",
    "client.policies": "ClientPolicies Timeouts",
    "client.readiness_target": "ReadinessTarget",
    "client.retrieval.answers": "GroundedAnswer",
    "client.transport.sources": "ByteSource BytesSource",
    "client.uploading.progress": "TransferProgress",
    "client.uploading.upload": "Upload",
    "domain.retry": "RetryPolicy",
    "domain.states.file_state": "FileState Reason StateReport",
    "domain.states.readiness": "PollSchedule Readiness",
    "domain.uploads.declaration": "Declaration Destination",
}
_HOMES = {name: f"calypso_mcp.{home}" for home, names in _NAMES.items() for name in names.split()}
if not TYPE_CHECKING:
    # Type checkers take the names that are imported under their own names above.
    __all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
