"""Finds the uploads that a bucket holds already, on backends that replace versions.

The same content is not sent again: if only its labels differ, these are changed. The record of sent files
does the same for content that this program sent itself; the listing knows what others sent, too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from calypso_mcp.api.sources import RelabelSource, Source, SourcesQuery
from calypso_mcp.api.states import state_of_file
from calypso_mcp.client.buckets.sources import BucketSources
from calypso_mcp.client.files import Files
from calypso_mcp.client.transport.sources import sha256_of
from calypso_mcp.client.uploading.preparation import open_source
from calypso_mcp.client.uploading.sent_files import SentFiles
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.concurrency import for_each
from calypso_mcp.domain.states.file_state import EarlierVersion, FileState
from calypso_mcp.domain.states.readiness import Readiness
from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.errors import CalypsoError, NotFound

#: Up to this many files are asked for one by one; for more, the whole bucket is listed.
_MOST_ASKED: Final = 10
_PARALLEL: Final = 4

_Lineages: TypeAlias = Mapping[str, Sequence[Source]]


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of the inputs of a call, by their index.

    Attributes:
        uploads: The inputs, under the names that they have in their buckets; see `Upload.keeps_name`.
        settled: Inputs that need not be sent.
        earlier: The version that a bucket holds of an input that has to be sent.
    """

    uploads: list[Upload]
    settled: dict[int, FileState]
    earlier: dict[int, Source]

    @property
    def left(self) -> list[int]:
        """Inputs that have to be sent."""
        return [index for index in range(len(self.uploads)) if index not in self.settled]


class Versions:
    """Compares inputs with the sources of their buckets; holds nothing."""

    def __init__(self, sources: BucketSources, files: Files, sent: SentFiles) -> None:
        self._sources = sources
        self._files = files
        self._sent = sent

    async def find(self, uploads: Sequence[Upload], *, relabels: bool = True) -> Found:
        """Return what the buckets hold of `uploads`; those without `if_exists` are left out.

        `relabels`: apply changed labels of the same content.

        Raises:
            CalypsoError: A bucket could not be listed whose sources must not be sent over.
        """
        uploads = list(uploads)
        found = Found(uploads, {}, {})
        for bucket_id, indexes in _by_bucket(uploads).items():
            try:
                listed = await self._every(bucket_id) if len(indexes) > _MOST_ASKED else None
                own = [uploads[index] for index in indexes]
                for index, named in zip(indexes, await self._under_kept_names(own, listed), strict=True):
                    uploads[index] = named
                lineages = {uploads[index].declaration.lineage for index in indexes}
                asked = await self._asked(bucket_id, lineages) if listed is None else listed
                held, unreadable = _by_lineage(asked)
            except CalypsoError:
                if any(uploads[index].declaration.if_exists == "skip" for index in indexes):
                    raise
                # Sending fails in the same way, and reports it file by file.
                continue

            async def settle(index: int, held: _Lineages = held, unreadable: _Lineages = unreadable) -> None:
                declared = uploads[index].declaration
                versions = held.get(declared.lineage, [])
                failed = unreadable.get(declared.lineage, [])
                state = await self._settled(uploads[index], versions, failed, relabels=relabels)
                if state is not None:
                    found.settled[index] = state
                elif versions:
                    found.earlier[index] = versions[-1]
                    uploads[index] = replace(uploads[index], supersedes=declared.if_exists == "replace")

            await for_each(settle, indexes, limit=_PARALLEL)
        return found

    async def newest(self, declaration: Declaration) -> Source | None:
        """Return the newest version that the one bucket of a declaration holds; None if there is no version.

        Raises:
            CalypsoError: The bucket could not be listed.
        """
        bucket_ids = declaration.destination.bucket_ids or ()
        if len(bucket_ids) != 1:
            return None
        held, _ = _by_lineage(await self._asked(bucket_ids[0], {declaration.lineage}))
        versions = held.get(declaration.lineage)
        return versions[-1] if versions else None

    async def _every(self, bucket_id: str) -> list[Source]:
        return [source async for source in self._sources.every(bucket_id)]

    async def _asked(self, bucket_id: str, lineages: Iterable[str]) -> list[Source]:
        pages = [
            await self._sources.page(SourcesQuery(bucket=bucket_id, identity=lineage)) for lineage in lineages
        ]
        return [source for page in pages for source in page.sources]

    async def _under_kept_names(
        self, uploads: Sequence[Upload], listed: Collection[Source] | None
    ) -> list[Upload]:
        """Return uploads to one bucket under the names that their files keep.

        Without a list of all its sources those that are needed are asked for.
        """
        keys = {
            index: upload.declaration.latest_key(upload.origin)
            for index, upload in enumerate(uploads)
            if upload.keeps_name and upload.origin
        }
        sent = await self._sent.find(keys.values())
        ids = {index: sent[key].file_id or "" for index, key in keys.items() if key in sent}
        names = (
            await self._names(ids.values())
            if listed is None
            else {source.id: source.name for source in listed}
        )
        kept = [upload.called(names.get(ids.get(index, ""), "")) for index, upload in enumerate(uploads)]
        taken = Counter(upload.declaration.name for upload in (*uploads, *kept))
        # If another file has or gets the name, this one needs its own, and what was sent from there does not
        # count: the other file may replace it.
        return [
            new if new == old or taken[new.declaration.name] == 1 else replace(old, origin=None)
            for old, new in zip(uploads, kept, strict=True)
        ]

    async def _names(self, file_ids: Iterable[str]) -> dict[str, str]:
        """Return what those of the files are called that are still there, by id."""
        names: dict[str, str] = {}

        async def ask(file_id: str) -> None:
            with suppress(NotFound):
                file = await self._files.get(file_id)
                names[file.id] = file.name or file.filename or ""

        await for_each(ask, [file_id for file_id in file_ids if file_id], limit=_PARALLEL)
        return names

    async def _settled(
        self, upload: Upload, versions: Sequence[Source], unreadable: Sequence[Source], *, relabels: bool
    ) -> FileState | None:
        """Return the state of an input that need not be sent, else None.

        Of the `versions`, only the newest can be replaced. What is `unreadable` would be so again.
        """
        declared = upload.declaration
        candidates = [*unreadable, *(versions[-1:] if declared.if_exists == "replace" else versions)]
        try:
            same = [candidate for candidate in candidates if await _is_same(upload, candidate)]
            if not same:
                keeps = versions and declared.if_exists == "skip"
                return _state_of(versions[-1], earlier="kept") if keeps else None
            source = same[-1]
            labels = _changed_labels(declared, source)
            if labels is not None and relabels:
                await self._sources.relabel(source.id, labels)
        except CalypsoError:
            # Sending it fails in the same way, and reports it.
            return None
        return _state_of(source, earlier=None if labels is None else "relabelled")


def _by_bucket(uploads: Sequence[Upload]) -> dict[str, list[int]]:
    """Return the indexes of the uploads that go to one bucket and say what to do with a version there."""
    indexes: dict[str, list[int]] = defaultdict(list)
    for index, upload in enumerate(uploads):
        bucket_ids = upload.declaration.destination.bucket_ids or ()
        if upload.declaration.if_exists is not None and len(bucket_ids) == 1:
            indexes[bucket_ids[0]].append(index)
    return indexes


def _by_lineage(listed: Iterable[Source]) -> tuple[_Lineages, _Lineages]:
    """Return the sources of each lineage that have not failed, and the unreadable ones; the newest last."""
    held, unreadable = defaultdict[str, list[Source]](list), defaultdict[str, list[Source]](list)
    for source in sorted(listed, key=lambda source: source.created_at or ""):
        state = state_of_file(source)
        if source.kind == "file" and (state.is_unreadable or state.readiness is not Readiness.FAILED):
            (unreadable if state.is_unreadable else held)[source.identity].append(source)
    return held, unreadable


def _state_of(source: Source, *, earlier: EarlierVersion | None) -> FileState:
    return replace(state_of_file(source), outcome="replayed", size_bytes=source.size_bytes, earlier=earlier)


async def _is_same(upload: Upload, source: Source) -> bool:
    with open_source(upload) as content:
        if source.sha256 is None or content.size_bytes != source.size_bytes:
            return False
        return await sha256_of(content) == source.sha256.lower()


def _changed_labels(declared: Declaration, source: Source) -> RelabelSource | None:
    """Return the declared labels that differ from those of `source`; None if all agree.

    A source may have more tags than were declared: a document can state some itself. Labels that are not
    declared stay.
    """
    title = declared.title if declared.title not in (None, source.title) else None
    tags = declared.tags if not set(declared.tags) <= set(source.tags or ()) else None
    sent = dict(declared.sent_metadata)
    metadata = sent if sent and sent != (source.metadata or {}) else None
    changed = title is not None or tags is not None or metadata is not None
    return RelabelSource(title=title, tags=tags, metadata=metadata) if changed else None
