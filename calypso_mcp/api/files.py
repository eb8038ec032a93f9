"""Single uploads, knowledge files and indexing tasks on the wire (seed: single-file upload)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import AliasChoices, Field, SecretStr, StrictInt, field_serializer

from calypso_mcp.api.buckets import DestinationFields
from calypso_mcp.api.wire import WireModel
from calypso_mcp.domain.declaration import Declaration, Destination
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


class DeclaredFields(DestinationFields):
    """A declaration, as fields of a larger body."""

    filename: str
    title: str | None = None
    tags: tuple[str, ...] | None = None
    metadata: dict[str, Any] | None = None

    @staticmethod
    def fields_of(declaration: Declaration, *, destination: Destination | None = None) -> dict[str, Any]:
        """Return the fields that say `declaration`, with `destination` in place of its own where given."""
        return {
            **asdict(declaration.destination if destination is None else destination),
            "filename": declaration.filename,
            "title": declaration.title,
            "tags": declaration.tags or None,
            "metadata": dict(declaration.sent_metadata) or None,
        }

    def declaration(self, content_type: str) -> Declaration:
        """Return what these fields declare of a source of this type."""
        return Declaration(
            self.filename, self.destination, content_type, self.title, self.tags or (), self.metadata
        )


class CreateUploadSession(DeclaredFields):
    """Body of `POST /knowledge/files/upload-session`."""

    content_type: str = "application/octet-stream"
    size_bytes: StrictInt

    @classmethod
    def of(cls, declaration: Declaration, size_bytes: int) -> CreateUploadSession:
        """Return the body that announces one source of `size_bytes`."""
        fields = cls.fields_of(declaration)
        return cls(**fields, content_type=declaration.media_type, size_bytes=size_bytes)


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
    size_bytes: StrictInt | None = None
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
