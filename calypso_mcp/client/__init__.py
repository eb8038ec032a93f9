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

_HOMES = {
    "AgentModel": "calypso_mcp.api.agents",
    "AgentModelList": "calypso_mcp.api.agents",
    "AnswerRequest": "calypso_mcp.api.answers",
    "Bucket": "calypso_mcp.api.buckets",
    "BucketList": "calypso_mcp.client.buckets.bucket_list",
    "ByteSource": "calypso_mcp.client.transport.sources",
    "BytesSource": "calypso_mcp.client.transport.sources",
    "CalypsoClient": "calypso_mcp.client.calypso_client",
    "ClientPolicies": "calypso_mcp.client.policies",
    "Conversation": "calypso_mcp.api.answers",
    "CreateAgent": "calypso_mcp.api.agents",
    "CreateBucket": "calypso_mcp.api.buckets",
    "CreatedAgent": "calypso_mcp.api.agents",
    "Declaration": "calypso_mcp.domain.uploads.declaration",
    "Destination": "calypso_mcp.domain.uploads.declaration",
    "Extension": "calypso_mcp.api.connection",
    "FileState": "calypso_mcp.domain.states.file_state",
    "GroundedAnswer": "calypso_mcp.client.retrieval.answers",
    "PollSchedule": "calypso_mcp.domain.states.readiness",
    "Readiness": "calypso_mcp.domain.states.readiness",
    "ReadinessTarget": "calypso_mcp.client.readiness_target",
    "Reason": "calypso_mcp.domain.states.file_state",
    "RelabelSource": "calypso_mcp.api.sources",
    "RetryPolicy": "calypso_mcp.domain.retry",
    "SearchRequest": "calypso_mcp.api.search",
    "SearchResponse": "calypso_mcp.api.search",
    "SearchResult": "calypso_mcp.api.search",
    "Source": "calypso_mcp.api.sources",
    "SourceGrowth": "calypso_mcp.api.sources",
    "SourceList": "calypso_mcp.api.sources",
    "SourceRemoved": "calypso_mcp.api.sources",
    "SourceText": "calypso_mcp.api.sources",
    "StateReport": "calypso_mcp.domain.states.file_state",
    "Timeouts": "calypso_mcp.client.policies",
    "TransferProgress": "calypso_mcp.client.uploading.outcomes",
    "UpdateAgent": "calypso_mcp.api.agents",
    "Upload": "calypso_mcp.client.uploading.outcomes",
    "UploadLimits": "calypso_mcp.domain.limits",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
