"""Sources of a bucket on the wire: extensions of the embedded backend, in the style of the published API."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictInt

from calypso_mcp.api.files import KnowledgeFile
from calypso_mcp.api.wire import AnswerModel, AnswerPart, WireModel

#: Sources on one page of a listing, and characters of one reading, unless asked for otherwise; and at most.
DEFAULT_PAGE, LARGEST_PAGE = 50, 1_000
DEFAULT_CHARS, MOST_CHARS = 6_000, 100_000
_MOST = 2**31


def _digits_only(value: object) -> object:
    """Refuse what pydantic would take for a number beyond digits: spaces, underscores, a sign, a point."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError("must be a whole number")
    return value


SourceState = Literal["ready", "pending", "failed", "warning"]
SourceColumn = Literal["name", "size", "updated"]

#: Of a number in a query string.
_DIGITS = BeforeValidator(_digits_only)


class SourcesQuery(WireModel):
    """Query of `GET /knowledge/sources`.

    Attributes:
        bucket: Id or slug of the bucket.
        query: Part of the name or title, in any case.
        identity: What its versions have in common, exactly.
        tag: One of its tags.
        sort: What to list by; equal ones by id.
        cursor: `next_cursor` of the page before.
    """

    bucket: str = Field(min_length=1)
    query: str | None = None
    identity: str | None = None
    kind: str | None = None
    tag: str | None = None
    state: SourceState | None = None
    sort: SourceColumn = "name"
    order: Literal["asc", "desc"] = "asc"
    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE), _DIGITS] = DEFAULT_PAGE
    cursor: str | None = None


class TextQuery(WireModel):
    """Query of `GET /knowledge/sources/{id}/text`: where to begin, and how much to read.

    Attributes:
        passage: Index of a passage.
        part: Page, slide, sheet, message or cell, counted from 1.
        line: Line, or row of the sheet that `part` names, counted from 1.
        section: A heading, the name of a sheet, or part of one; after " > " a heading below it. Nothing
            outside it is read.
    """

    passage: Annotated[int, Field(ge=0, le=_MOST), _DIGITS] | None = None
    part: Annotated[int, Field(ge=0, le=_MOST), _DIGITS] | None = None
    line: Annotated[int, Field(ge=0, le=_MOST), _DIGITS] | None = None
    section: str | None = None
    max_chars: Annotated[int, Field(ge=1, le=MOST_CHARS), _DIGITS] = DEFAULT_CHARS


class RemovalQuery(WireModel):
    """Query of `DELETE /knowledge/sources/{id}`: the bucket to take it out of; all of them without one."""

    bucket: str | None = None


class Source(KnowledgeFile):
    """A knowledge file as a member of one bucket.

    Attributes:
        name: Its path in the folder it was uploaded with, else its file name.
        kind: `file`, `website` or `qa`.
        identity: What versions of it have in common.
    """

    kind: str = "file"
    identity: str = ""


class SourceList(AnswerModel):
    """Answer of `GET /knowledge/sources`: sources by name. `next_cursor` asks for those that follow.

    `total` counts them on all pages; None if the backend does not count.
    """

    object: str = "source_list"
    sources: tuple[Source, ...] = ()
    total: StrictInt | None = None
    next_cursor: str | None = None


class SourcePassage(AnswerPart):
    """A piece of a source's text. `attributes` give its place, as in a search result."""

    index: StrictInt
    text: str
    attributes: dict[str, Any] = Field(default_factory=dict)


class SourceText(AnswerModel):
    """Answer of `GET /knowledge/sources/{id}/text`: passages in the order of the source.

    `next` is the index of the passage that follows; None at the end. `section_after` is the heading that
    follows the section asked for, when that was read to its end.
    """

    object: str = "source_text"
    file_id: str
    filename: str | None = None
    title: str | None = None
    passages: tuple[SourcePassage, ...] = ()
    total_passages: StrictInt = 0
    next: StrictInt | None = None
    section_after: str | None = None


class RelabelSource(WireModel):
    """Body of `PATCH /knowledge/sources/{id}`; an absent field stays as it is."""

    title: str | None = None
    tags: tuple[str, ...] | None = None
    metadata: dict[str, Any] | None = None


class SourceRemoved(AnswerModel):
    """Answer of `DELETE /knowledge/sources/{id}`: what was removed, and from which buckets."""

    object: str = "source_removed"
    file_id: str
    name: str = ""
    bucket_ids: tuple[str, ...] = ()
