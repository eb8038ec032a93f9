"""Buckets on the wire (seed: calypso-buckets; API sheet section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictBool,
    StrictInt,
    model_validator,
)

from calypso_mcp.api.wire import AnyText, WireModel, spelled
from calypso_mcp.domain.json_values import as_object, is_list
from calypso_mcp.domain.limits import BUCKET_NAME_CHARS
from calypso_mcp.domain.states.readiness import BucketStatus
from calypso_mcp.domain.uploads.declaration import Destination

T = TypeVar("T")

SOURCE_KINDS = ("file", "website", "qa")
#: Spellings of the number of files.
_FILE_COUNTS = ("file", "files", "file_count")


@lru_cache(maxsize=4096)
def _share(value: T) -> T:
    """Return one object for all equal values: thousands of buckets have the same counts and states."""
    return value


_State = Annotated[str, BeforeValidator(lambda word: word or "unknown"), AfterValidator(str.lower)]
_Count = Annotated[StrictInt, BeforeValidator(lambda count: 0 if count is None else count)]


@dataclass(frozen=True, slots=True)
class BucketStore:
    """The searchable side of a bucket: how many of its members are indexed.

    `warned_member_count` is an extension: members of which a reader should know something.
    """

    status: _State = "unknown"
    indexed_member_count: _Count = 0
    pending_member_count: _Count = 0
    warned_member_count: _Count = 0
    last_error: AnyText = None

    @property
    def is_active(self) -> bool:
        """Whether every member is searchable."""
        return self.status == "active" and self.pending_member_count == 0


def _pairs_of_integers(value: Any) -> Any:
    return tuple((kind, count) for kind, count in as_object(value).items() if isinstance(count, int))


def _joined(value: Any) -> Any:
    """Return ids as one string, a third of the memory; anything else is left for the model to refuse."""
    if value is None:
        return ""
    ids = value if is_list(value) else [None]
    return "\n".join(ids) if all(isinstance(bucket_id, str) for bucket_id in ids) else ids


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket, in any of the API's spellings: a small row, because teams have very many."""

    id: str
    slug: str
    name: Annotated[str, BeforeValidator(lambda name: name or "")] = ""
    status: Annotated[_State, AfterValidator(_share)] = BucketStatus.ACTIVE
    description: AnyText = None
    member_count: Annotated[_Count, spelled("memberCount", "member_count")] = 0
    kept_counts: Annotated[
        tuple[tuple[str, StrictInt], ...],
        spelled("counts"),
        BeforeValidator(_pairs_of_integers),
        AfterValidator(_share),
    ] = ()
    files_total: Annotated[
        StrictInt | None, spelled("fileCount", "filesCount", "file_count", "files_total")
    ] = None
    joined_file_ids: Annotated[
        str, spelled("fileKnowledgeIds", "fileIds", "knowledgeIds", "file_ids"), BeforeValidator(_joined)
    ] = ""
    store: Annotated[
        BucketStore | None, spelled("bucketStore", "bucket_store", "store"), AfterValidator(_share)
    ] = None

    @property
    def failed_count(self) -> int:
        """How many members are neither indexed nor pending."""
        store = self.store or BucketStore()
        return max(0, self.member_count - store.indexed_member_count - store.pending_member_count)

    @property
    def is_active(self) -> bool:
        """Whether the bucket takes part in listing, upload and search."""
        return self.status != BucketStatus.ARCHIVED

    @property
    def counts(self) -> dict[str, int]:
        """Number of members by kind."""
        return dict(self.kept_counts)

    @property
    def file_ids(self) -> tuple[str, ...]:
        """Ids of the files in it. To look for one, ask `holds`."""
        return tuple(self.joined_file_ids.split("\n")) if self.joined_file_ids else ()

    def holds(self, file_id: str | None) -> bool:
        """Whether the file with this id is in the bucket."""
        return bool(file_id) and file_id in self.joined_file_ids and file_id in self.file_ids

    @property
    def file_count(self) -> int:
        """Number of files, whichever of the API's spellings carried it."""
        counts = self.counts
        for key in _FILE_COUNTS:
            if key in counts:
                return counts[key]
        return self.files_total if self.files_total is not None else len(self.file_ids)

    @property
    def sources(self) -> dict[str, int]:
        """Number of sources by kind; kinds without any are left out."""
        counts = {**self.counts, "file": self.file_count}
        return {kind: counts[kind] for kind in SOURCE_KINDS if counts.get(kind)}


class MadeBucket(WireModel):
    """Answer of `POST /knowledge/buckets`: the bucket itself."""

    bucket: Bucket

    @model_validator(mode="before")
    @classmethod
    def _is_the_whole_body(cls, value: Any) -> Any:
        return {"bucket": value}


class BucketQuery(WireModel):
    """Query of `GET /knowledge/buckets`."""

    include_archived: bool = False


class CreateBucket(WireModel):
    """Body of `POST /knowledge/buckets`."""

    name: str = Field(min_length=1, max_length=BUCKET_NAME_CHARS)
    slug: str | None = None
    description: str | None = None


class DestinationFields(WireModel):
    """Where uploads go, as fields of a larger body (API sheet section 3.3)."""

    bucket_ids: tuple[str, ...] | None = None
    bucket_slugs: tuple[str, ...] | None = None
    bucket: str | None = None
    create_missing_buckets: StrictBool | None = None

    @property
    def destination(self) -> Destination:
        """The destination these fields name."""
        return Destination(self.bucket_ids, self.bucket_slugs, self.bucket, self.create_missing_buckets)
