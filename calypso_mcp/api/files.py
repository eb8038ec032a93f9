"""Single uploads, knowledge files and indexing tasks on the wire (seed: single-file upload)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AliasChoices, Field, SecretStr, field_serializer

from calypso_mcp.api.buckets import Destination
from calypso_mcp.api.wire import WireModel
from calypso_mcp.domain.statuses import FileStatus

#: Spellings of a knowledge file's id.
FILE_ID = AliasChoices("id", "file_id", "knowledge_id", "knowledgeId", "fileKnowledgeId")
#: Spellings of a reference to a knowledge file.
FILE_REFERENCE = AliasChoices("knowledge_id", "knowledgeId", "file_id", "fileId")
#: Spellings of a reference to an indexing task.
TASK_REFERENCE = AliasChoices("task_id", "taskId", "knowledge_task_id")
STATUS = AliasChoices("status", "canonicalStatus", "canonical_status", "ingestion_status")
SYNC_STATUS = AliasChoices("bucketSyncStatus", "bucket_sync_status")
SYNC = AliasChoices("bucketSync", "bucket_sync")


class CreateUploadSession(Destination):
    """Body of `POST /knowledge/files/upload-session`."""

    filename: str
    content_type: str = "application/octet-stream"
    size_bytes: int
    title: str | None = None
    tags: tuple[str, ...] | None = None
    metadata: dict[str, Any] | None = None


class UploadTarget(WireModel):
    """An upload session's address: a short-lived bearer capability, never shown or stored."""

    session_id: str
    upload_url: SecretStr
    expires_at: datetime | None = None

    @field_serializer("upload_url", when_used="json")
    def _reveal(self, value: SecretStr) -> str:
        # Only the embedded backend serialises this model, to hand the address to its one receiver.
        return value.get_secret_value()


class UploadSession(UploadTarget):
    """Answer of the create request."""

    upload_strategy: str = "gcs_resumable"
    request_id: str | None = None


class TaskReference(WireModel):
    """The task inside a finalize answer."""

    id: str
    type: str | None = None
    status: str = FileStatus.QUEUED


class KnowledgeFile(WireModel):
    """A knowledge file. Entries of `bucket_sync` have at least `bucket_id` and `status` where known."""

    id: str = Field(validation_alias=FILE_ID)
    object: str = "knowledge_file"
    status: str = Field("unknown", validation_alias=STATUS)
    title: str | None = None
    filename: str | None = None
    content_type: str | None = Field(None, validation_alias=AliasChoices("content_type", "mime_type"))
    size_bytes: int | None = None
    sha256: str | None = None
    tags: tuple[str, ...] | None = None
    metadata: dict[str, Any] | None = None
    created_at: str | None = None
    updated_at: str | None = None
    task: TaskReference | None = None
    task_reference: str | None = Field(None, validation_alias=TASK_REFERENCE, serialization_alias="task_id")
    bucket_sync_status: str | None = Field(
        None, validation_alias=SYNC_STATUS, serialization_alias="bucketSyncStatus"
    )
    bucket_sync: Any = Field(None, validation_alias=SYNC, serialization_alias="bucketSync")
    error: Any = None
    request_id: str | None = None

    @property
    def task_id(self) -> str | None:
        """The indexing task's id, from either place it is given."""
        return self.task.id if self.task else self.task_reference


class IndexingTask(WireModel):
    """Answer of `GET /knowledge/tasks/{id}`."""

    id: str = Field(validation_alias=AliasChoices("id", "task_id", "taskId"))
    object: str = "knowledge_indexing_task"
    status: str = Field("unknown", validation_alias=STATUS)
    knowledge_id: str | None = Field(None, validation_alias=FILE_REFERENCE)
    error: Any = None
    request_id: str | None = None
