"""Sources of a bucket on the wire: extensions of the embedded backend, in the style of the published API."""

from __future__ import annotations

from typing import Any

from pydantic import Field, StrictInt

from calypso_mcp.api.files import KnowledgeFile
from calypso_mcp.api.wire import WireModel

#: Sources on one page of a listing, and characters of one reading, unless asked for otherwise; and at most.
DEFAULT_PAGE, LARGEST_PAGE = 50, 1_000
DEFAULT_CHARS, MOST_CHARS = 6_000, 100_000


class Source(KnowledgeFile):
    """A knowledge file as a member of one bucket.

    Attributes:
        name: Its path in the folder it was uploaded with, else its file name.
        kind: `file`, `website` or `qa`.
        identity: What versions of it have in common.
    """

    name: str = ""
    kind: str = "file"
    identity: str = ""


class SourceList(WireModel):
    """Answer of `GET /knowledge/sources`: sources by name. `next_cursor` asks for those that follow.

    `total` counts them on all pages; None where nobody has counted.
    """

    object: str = "source_list"
    sources: tuple[Source, ...] = ()
    total: StrictInt | None = None
    next_cursor: str | None = None
    request_id: str | None = None


class SourcePassage(WireModel):
    """A piece of a source's text. `attributes` says where it stands, as in a search result."""

    index: StrictInt
    text: str
    attributes: dict[str, Any] = Field(default_factory=dict)


class SourceText(WireModel):
    """Answer of `GET /knowledge/sources/{id}/text`: passages in the order of the source.

    `next` is the index of the passage that follows; None at the end.
    """

    object: str = "source_text"
    file_id: str
    filename: str | None = None
    title: str | None = None
    passages: tuple[SourcePassage, ...] = ()
    total_passages: StrictInt = 0
    next: StrictInt | None = None
    request_id: str | None = None


class RelabelSource(WireModel):
    """Body of `PATCH /knowledge/sources/{id}`; an absent field stays as it is."""

    title: str | None = None
    tags: tuple[str, ...] | None = None
    metadata: dict[str, Any] | None = None


class SourceRemoved(WireModel):
    """Answer of `DELETE /knowledge/sources/{id}`: what was removed, and from which buckets."""

    object: str = "source_removed"
    file_id: str
    name: str = ""
    bucket_ids: tuple[str, ...] = ()
    request_id: str | None = None
