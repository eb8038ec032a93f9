"""URL imports and websites on the wire (API sheet section 10)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from calypso_mcp.api.buckets import DestinationFields
from calypso_mcp.api.connection import Extension, mark
from calypso_mcp.api.files import KnowledgeFile
from calypso_mcp.domain.uploads.declaration import IfExists


def read_tags(value: Any) -> Any:
    """Return the tags of one comma-separated string, the form these endpoints take them in."""
    if not isinstance(value, str):
        return value
    return tuple(tag for tag in map(str.strip, value.split(",")) if tag)


def write_tags(tags: tuple[str, ...]) -> str | None:
    """Return tags as these endpoints take them; None without tags."""
    return ",".join(tags) or None


AnyTags = Annotated[tuple[str, ...] | None, BeforeValidator(read_tags)]


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
        tags: A list, or one comma-separated string.
        url: The normalised URL of a website, its identity.
        summary: What a website says of itself.
        bucket_assignment: Its shape is not published.
        replaces: An extension: the id of the version before, of which this one takes the place.
    """

    tags: AnyTags = None
    url: str | None = None
    summary: str | None = None
    bucket_assignment: Any = None
    replaces: str | None = None
