"""URL imports and websites on the wire (API sheet section 10), and questions, an extension."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from calypso_mcp.api.buckets import DestinationFields
from calypso_mcp.api.connection import Extension, mark
from calypso_mcp.api.files import KnowledgeFile
from calypso_mcp.api.wire import AnyText
from calypso_mcp.domain.uploads.declaration import IfExists


def write_tags(tags: tuple[str, ...]) -> str | None:
    """Return tags as these endpoints take them, in one comma-separated string; None without tags."""
    return ",".join(tags) or None


class ImportUrl(DestinationFields):
    """Body of `POST /knowledge/files/import-url`. `if_exists` belongs to the `replace` extension."""

    url: str
    title: str | None = None
    tags: str | None = None
    if_exists: IfExists | None = Field(default=None, json_schema_extra=mark(Extension.REPLACE))


class AddWebsite(DestinationFields):
    """Body of `POST /knowledge/websites`. `if_exists` belongs to the `replace` extension."""

    url: str
    title: str | None = None
    tags_hint: str | None = None
    preferred_language: str | None = None
    if_exists: IfExists | None = Field(default=None, json_schema_extra=mark(Extension.REPLACE))


class FetchedSource(KnowledgeFile):
    """Answer of both: the knowledge file that was made, under the names that these endpoints use.

    Attributes:
        url: The normalised URL of a website, its identity.
        summary: What a website says of itself.
        bucket_assignment: Its shape is not published.
        replaces: An extension: the id of the version before, of which this one takes the place.
    """

    url: AnyText = None
    summary: AnyText = None
    bucket_assignment: Any = None
    replaces: str | None = None


class AddQa(DestinationFields):
    """Body of `POST /knowledge/qa`. The same question again replaces its answer."""

    question: str
    answer: str
    tags: tuple[str, ...] | None = None


class QaPair(KnowledgeFile):
    """Answer of `POST /knowledge/qa`: the knowledge file that holds the pair.

    `replaces` is the id of the file that held the question's answer before.
    """

    object: str = "knowledge_qa"
    question: str | None = None
    replaces: str | None = None
