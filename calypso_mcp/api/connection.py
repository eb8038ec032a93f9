"""A backend's description of itself (`GET /connection`; the API sheet leaves its body open)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import field_validator
from pydantic.config import JsonDict

from calypso_mcp.api.wire import AnswerModel, AnyText
from calypso_mcp.domain.json_values import as_list


class Extension(StrEnum):
    """What the embedded backend does beyond the published API, each under a path or field of its own."""

    #: `GET /knowledge/sources`: what a bucket holds.
    SOURCES = "sources"
    #: `GET /knowledge/sources/{id}/text` and `/content`: a source's text, and its bytes as uploaded.
    READ = "read"
    #: `GET /knowledge/sources/{id}/pages/{page}/picture`: what a page of a PDF looks like.
    PICTURES = "pictures"
    #: `DELETE /knowledge/sources/{id}`.
    REMOVE = "remove"
    #: `path` and `if_exists` of a declaration: a new version takes the place of the one before.
    REPLACE = "replace"
    #: `POST /knowledge/qa`: a question and its answer as a member.
    QA = "qa"
    #: `tags`, `source`, `metadata` and `per_file` of a search.
    FILTERS = "filters"
    #: Any number of buckets in one search, ranked together.
    ANY_BUCKETS = "any_buckets"
    #: `PATCH /knowledge/sources/{id}`: title, tags and metadata.
    RELABEL = "relabel"
    #: `PATCH /rag-agent/agents/{id}`: name, buckets and instructions of an agent.
    UPDATE_AGENTS = "update_agents"
    #: `buckets` of a question: the agent answers from those of its buckets alone.
    NARROW = "narrow"


def mark(extension: Extension) -> JsonDict:
    """Return what marks a field or an operation of an extension in a description of the API."""
    return {"x-calypso-extension": extension.value}


class ConnectionState(AnswerModel):
    """Answer of `GET /connection`. Extensions that this version does not know are left out."""

    object: str = "connection"
    status: AnyText = None
    team_id: AnyText = None
    extensions: tuple[Extension, ...] = ()

    @field_validator("extensions", mode="before")
    @classmethod
    def _only_known(cls, value: Any) -> Any:
        names = as_list(value)
        return tuple(extension for extension in sorted(Extension) if extension in names)
