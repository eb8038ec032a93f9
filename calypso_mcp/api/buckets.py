"""Buckets on the wire (seed: calypso-buckets; API sheet section 3)."""

from __future__ import annotations

from typing import Any, cast

from pydantic import AliasChoices, Field, StrictBool, StrictInt, field_validator

from calypso_mcp.api.wire import WireModel
from calypso_mcp.domain.declaration import Destination
from calypso_mcp.domain.limits import BUCKET_NAME_CHARS
from calypso_mcp.domain.statuses import BucketStatus


class BucketStore(WireModel):
    """The searchable side of a bucket: how many of its members are indexed."""

    status: str = "unknown"
    indexed_member_count: StrictInt = 0
    pending_member_count: StrictInt = 0
    last_error: str | None = None

    @property
    def is_active(self) -> bool:
        """Whether every member is searchable."""
        return self.status == "active" and self.pending_member_count == 0


class Bucket(WireModel):
    """One bucket. Written in the API's camelCase, read in either spelling."""

    id: str
    slug: str
    name: str = ""
    status: str = BucketStatus.ACTIVE
    description: str | None = None
    member_count: StrictInt = Field(
        0, validation_alias=AliasChoices("memberCount", "member_count"), serialization_alias="memberCount"
    )
    counts: dict[str, StrictInt] = Field(default_factory=dict)
    files_total: StrictInt | None = Field(
        None,
        validation_alias=AliasChoices("fileCount", "filesCount", "file_count", "files_total"),
        serialization_alias="fileCount",
    )
    file_ids: tuple[str, ...] = Field(
        (),
        validation_alias=AliasChoices("fileKnowledgeIds", "fileIds", "knowledgeIds", "file_ids"),
        serialization_alias="fileKnowledgeIds",
    )
    store: BucketStore | None = Field(
        None,
        validation_alias=AliasChoices("bucketStore", "bucket_store", "store"),
        serialization_alias="bucketStore",
    )

    @field_validator("counts", mode="before")
    @classmethod
    def _keep_integers(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return {}
        counts = cast("dict[str, Any]", value)
        return {kind: count for kind, count in counts.items() if isinstance(count, int)}

    @field_validator("file_ids", mode="before")
    @classmethod
    def _null_is_empty(cls, value: Any) -> Any:
        return () if value is None else value

    @property
    def is_active(self) -> bool:
        """Whether the bucket takes part in listing, upload and search."""
        return self.status != BucketStatus.ARCHIVED

    @property
    def file_count(self) -> int:
        """Number of files, whichever of the API's spellings carried it."""
        for key in ("file", "files", "file_count"):
            if key in self.counts:
                return self.counts[key]
        return self.files_total if self.files_total is not None else len(self.file_ids)


class BucketList(WireModel):
    """Answer of `GET /knowledge/buckets`."""

    team_id: str = ""
    buckets: tuple[Bucket, ...]
    request_id: str | None = None


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
