"""What a bucket in scope holds: pages of its sources, and one of them by name.

A backend that lists sources is asked for a page; from any other, the files that the bucket names are asked
for one by one. Either way a source shows only its sync into the bucket that was asked about.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

from calypso_mcp.api.buckets import Bucket
from calypso_mcp.api.connection import Extension
from calypso_mcp.api.files import KnowledgeFile
from calypso_mcp.api.sources import Source, SourceList, SourcesQuery
from calypso_mcp.api.states import state_of_file
from calypso_mcp.concurrency import map_parallel
from calypso_mcp.domain.cursors import unknown_cursor
from calypso_mcp.domain.unicode_forms import normalize
from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.errors import InputError, InvalidRequest, ScopeError
from calypso_mcp.server.scope.request_scope import Access
from calypso_mcp.server.scope.scoped_lookup import Reach, require_file

#: Sources named in an error about a name.
_MOST_NAMED: Final = 10
_NAME_CHARS: Final = 80
#: Sources of a bucket looked through for a name, and of one request.
_MOST_LOOKED_AT: Final = 5_000
_PAGE: Final = 100
#: Buckets looked through for a name at a time.
_PARALLEL: Final = 4


async def list_page(access: Access, bucket: Bucket, asked: SourcesQuery) -> SourceList:
    """Return a page of the sources of a bucket in scope, whichever bucket `asked` names.

    Raises:
        InputError: The cursor is of another list.
    """
    if await access.backend.can(Extension.SOURCES):
        try:
            page = await access.client.sources.page(asked.model_copy(update={"bucket": bucket.id}))
        except InvalidRequest as refusal:
            if not asked.cursor:
                raise
            raise unknown_cursor("list_sources") from refusal
    else:
        if asked.cursor and not bucket.holds(asked.cursor):
            raise unknown_cursor("list_sources")
        page = await access.client.files.list_members(
            bucket, partial(_fits, asked), limit=asked.limit, cursor=asked.cursor
        )
    within = Reach(frozenset({bucket.id}), frozenset(bucket.file_ids))
    seen = tuple(seen for source in page.sources if (seen := within.file(source)) is not None)
    return page.model_copy(update={"sources": seen})


def _fits(asked: SourcesQuery, file: KnowledgeFile) -> bool:
    """Whether a file is asked for, for a backend that cannot choose."""
    state = state_of_file(file)
    names = (file.filename or "", file.title or "")
    return (
        (not asked.query or any(asked.query.casefold() in name.casefold() for name in names))
        and (not asked.kind or asked.kind == "file")
        and (not asked.tag or asked.tag in (file.tags or ()))
        and (not asked.state or asked.state in (state.readiness, "warning" if state.warnings else ""))
    )


async def find_source(access: Access, reference: str, within: Bucket | None = None) -> KnowledgeFile:
    """Return the source in scope, or in the bucket `within`, with this id; else the only one with this name.

    Raises:
        ScopeError: No source has the id or the name.
        InputError: Several sources have the name.
    """
    try:
        return await require_file(access, reference, within=within)
    except ScopeError as unknown:
        if not await access.backend.can(Extension.SOURCES):
            raise
        try:
            return await require_source(access, reference, within)
        except ScopeError as unnamed:
            raise ScopeError(unknown.message, code=unknown.code, hint=unnamed.hint) from None


async def require_source(access: Access, name: str, within: Bucket | None) -> Source:
    """Return the one source in scope, or in the bucket `within`, with this name, else file name or title.

    Raises:
        ScopeError: No source has the name.
        InputError: Several sources have it.
    """
    similar = await _find_similar(access, name, [within] if within else await access.buckets())
    meant = _choose(name, similar)
    if len(meant) == 1:
        return meant[0].source
    if meant:
        raise InputError(
            f"{len(meant)} sources have this name.",
            code="source_ambiguous",
            hint=f"Name one by file_id: {_named(meant)}.",
        )
    raise ScopeError(
        f"There is no source {clean_line(name, _NAME_CHARS)!r} in {within.slug if within else 'any bucket'}.",
        code="source_not_found",
        hint=f"Similar: {_named(similar)}." if similar else "Call list_sources for the names.",
    )


class _Candidate(NamedTuple):
    """A source that may be meant, and the slug of its bucket."""

    source: Source
    slug: str


async def _find_similar(access: Access, name: str, buckets: Sequence[Bucket]) -> list[_Candidate]:
    """Return the sources with `name` in theirs, each once; if there are none, those with its last part."""
    for part in dict.fromkeys((name, name.rpartition("/")[2] or name)):
        lists = await map_parallel(partial(_list_similar, access, part), buckets, limit=_PARALLEL)
        similar = {
            source.id: _Candidate(source, bucket.slug)
            for bucket, sources in zip(buckets, lists, strict=True)
            for source in sources
        }
        if similar:
            return list(similar.values())
    return []


def _choose(name: str, similar: Sequence[_Candidate]) -> list[_Candidate]:
    """Return those called `name`; if there are none, those with this file name or title, in whatever case."""
    # Terminals of macOS write letters with their accents apart.
    wanted = normalize("NFC", name)
    return (
        [found for found in similar if wanted == normalize("NFC", found.source.name)]
        or [found for found in similar if wanted in _names(found.source)]
        or [found for found in similar if wanted.casefold() in map(str.casefold, _names(found.source))]
    )


async def _list_similar(access: Access, part: str, bucket: Bucket) -> list[Source]:
    """Return the sources of a bucket with `part` in their name or title, by name."""
    asked = SourcesQuery(bucket=bucket.id, query=part, limit=_PAGE)
    found: list[Source] = []
    while len(found) < _MOST_LOOKED_AT:
        page = await list_page(access, bucket, asked)
        found += page.sources
        if page.next_cursor is None:
            break
        asked = asked.model_copy(update={"cursor": page.next_cursor})
    return found


def _names(source: Source) -> tuple[str, ...]:
    return tuple(normalize("NFC", name) for name in (source.name, source.filename, source.title) if name)


def _named(candidates: Sequence[_Candidate]) -> str:
    """Return the first sources with their ids, and with their buckets if those differ."""
    differ = len({slug for _, slug in candidates}) > 1
    return ", ".join(
        f"{clean_line(source.name, _NAME_CHARS)!r} ({f'{slug}, ' if differ else ''}{source.id})"
        for source, slug in candidates[:_MOST_NAMED]
    )
