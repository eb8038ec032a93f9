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
    from calypso_mcp.api.agents import AgentModel, AgentModelList, CreateAgent, CreatedAgent, UpdateAgent
    from calypso_mcp.api.answers import AnswerRequest, Conversation
    from calypso_mcp.api.buckets import Bucket, CreateBucket
    from calypso_mcp.api.connection import Extension
    from calypso_mcp.api.search import SearchRequest, SearchResponse, SearchResult
    from calypso_mcp.api.sources import (
        RelabelSource,
        Source,
        SourceGrowth,
        SourceList,
        SourceRemoved,
        SourceText,
    )
    from calypso_mcp.client.buckets.bucket_list import BucketList
    from calypso_mcp.client.calypso_client import CalypsoClient
    from calypso_mcp.client.policies import ClientPolicies, Timeouts
    from calypso_mcp.client.readiness_target import ReadinessTarget
    from calypso_mcp.client.retrieval.answers import GroundedAnswer
    from calypso_mcp.client.transport.sources import ByteSource, BytesSource
    from calypso_mcp.client.uploading.outcomes import TransferProgress, Upload
    from calypso_mcp.domain.limits import UploadLimits
    from calypso_mcp.domain.retry import RetryPolicy
    from calypso_mcp.domain.states.file_state import FileState, Reason, StateReport
    from calypso_mcp.domain.states.readiness import PollSchedule, Readiness
    from calypso_mcp.domain.uploads.declaration import Declaration, Destination

__all__ = [
    "AgentModel",
    "AgentModelList",
    "AnswerRequest",
    "Bucket",
    "BucketList",
    "ByteSource",
    "BytesSource",
    "CalypsoClient",
    "ClientPolicies",
    "Conversation",
    "CreateAgent",
    "CreateBucket",
    "CreatedAgent",
    "Declaration",
    "Destination",
    "Extension",
    "FileState",
    "GroundedAnswer",
    "PollSchedule",
    "Readiness",
    "ReadinessTarget",
    "Reason",
    "RelabelSource",
    "RetryPolicy",
    "SearchRequest",
    "SearchResponse",
    "SearchResult",
    "Source",
    "SourceGrowth",
    "SourceList",
    "SourceRemoved",
    "SourceText",
    "StateReport",
    "Timeouts",
    "TransferProgress",
    "UpdateAgent",
    "Upload",
    "UploadLimits",
]

#: The public names by the module they come from.
_NAMES = {
    "api.agents": "AgentModel AgentModelList CreateAgent CreatedAgent UpdateAgent",
    "api.answers": "AnswerRequest Conversation",
    "api.buckets": "Bucket CreateBucket",
    "api.connection": "Extension",
    "api.search": "SearchRequest SearchResponse SearchResult",
    "api.sources": "RelabelSource Source SourceGrowth SourceList SourceRemoved SourceText",
    "client.buckets.bucket_list": "BucketList",
    "client.calypso_client": "CalypsoClient",
    "client.policies": "ClientPolicies Timeouts",
    "client.readiness_target": "ReadinessTarget",
    "client.retrieval.answers": "GroundedAnswer",
    "client.transport.sources": "ByteSource BytesSource",
    "client.uploading.outcomes": "TransferProgress Upload",
    "domain.limits": "UploadLimits",
    "domain.retry": "RetryPolicy",
    "domain.states.file_state": "FileState Reason StateReport",
    "domain.states.readiness": "PollSchedule Readiness",
    "domain.uploads.declaration": "Declaration Destination",
}
_HOMES = {name: f"calypso_mcp.{home}" for home, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
