"""Single uploads, knowledge files and indexing tasks on the wire (seed: single-file upload)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, StrictBool, StrictInt, field_serializer

from calypso_mcp.api.buckets import DestinationFields
from calypso_mcp.api.connection import Extension, mark
from calypso_mcp.api.wire import AnswerModel, AnswerPart, AnyText, StatedReason, WireModel, spelled
from calypso_mcp.domain.json_values import as_object, is_list, is_object
from calypso_mcp.domain.states.readiness import FileStatus
from calypso_mcp.domain.uploads.declaration import Declaration, IfExists

_TASK_ID_KEYS = ("id", "task_id", "taskId")
#: The id of a file or of a task in a body of its own.
OwnFileId = Annotated[str, spelled("id", "file_id", "knowledge_id", "knowledgeId", "fileKnowledgeId")]
OwnTaskId = Annotated[str, spelled(*_TASK_ID_KEYS)]
#: The id of a file or of a task in a body of something else.
FileId = Annotated[str | None, spelled("knowledge_id", "knowledgeId", "file_id", "fileId")]
TaskId = Annotated[str | None, spelled("task_id", "taskId", "knowledge_task_id")]
StatusWord = Annotated[str, spelled("status", "canonicalStatus", "canonical_status", "ingestion_status")]
SyncWord = Annotated[
    str | None, spelled("bucketSyncStatus", "bucket_sync_status", written="bucketSyncStatus")
]
_BUCKET_ID_KEYS = ("bucket_id", "bucketId", "id")
_SYNC_WORD_KEYS = ("status", "state")


#: Fields that only the `replace` extension knows. A repeated request may differ in them.
EXTENSION_FIELDS = frozenset({"path", "if_exists"})


class DeclaredFields(DestinationFields):
    """A declaration, as fields of a larger body. `path` and `if_exists` belong to the `replace` extension."""

    filename: str
    title: str | None = None
    tags: tuple[str, ...] | None = None
    metadata: dict[str, Any] | None = None
    path: str | None = Field(default=None, json_schema_extra=mark(Extension.REPLACE))
    if_exists: IfExists | None = Field(default=None, json_schema_extra=mark(Extension.REPLACE))

    @staticmethod
    def fields_of(declaration: Declaration, *, routed: bool = True) -> dict[str, Any]:
        """Return the fields of `declaration`; those of its destination only if `routed`."""
        extended = declaration.if_exists is not None
        return {
            **(asdict(declaration.destination) if routed else {}),
            "filename": declaration.filename,
            "title": declaration.title,
            "tags": declaration.tags or None,
            "metadata": dict(declaration.sent_metadata) or None,
            "path": declaration.path if extended else None,
            "if_exists": declaration.if_exists,
        }

    def published(self) -> dict[str, Any]:
        """Return the body without fields of extensions; a repeated request has to agree with it."""
        return {name: value for name, value in self.to_wire().items() if name not in EXTENSION_FIELDS}

    def declaration(self, content_type: str) -> Declaration:
        """Return what these fields declare of a source of this type."""
        return Declaration(
            self.filename,
            self.destination,
            content_type,
            self.title,
            self.tags or (),
            self.metadata,
            path=self.path,
            if_exists=self.if_exists or "keep_both",
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


class FinalizeUploadSession(WireModel):
    """Body of the finalize request: an empty object."""


class FileQuery(WireModel):
    """Query of `GET /knowledge/files/{id}`. `verify` asks the index itself, not its catalogue."""

    verify: str | None = None


class UploadTarget(AnswerPart):
    """An upload session's address: a short-lived bearer capability, never shown or stored."""

    session_id: str
    upload_url: SecretStr
    expires_at: datetime | None = None

    @field_serializer("upload_url", when_used="json")
    def _reveal(self, value: SecretStr) -> str:
        # Only the embedded backend serialises this model, to hand the address to its one receiver.
        return value.get_secret_value()


class UploadSession(UploadTarget, AnswerModel):
    """Answer of the create request."""

    upload_strategy: str = "gcs_resumable"


class TaskReference(AnswerPart):
    """The task inside a finalize answer."""

    id: OwnTaskId
    type: str | None = None
    status: str = FileStatus.QUEUED

    @classmethod
    def read(cls, value: object) -> object:
        """Return what names a task, from an object or a mere id; None for what names none.

        The file is accepted all the same, and can be waited for.
        """
        if is_object(value):
            return value if any(isinstance(value.get(key), str) for key in _TASK_ID_KEYS) else None
        if isinstance(value, str):
            return {"id": value} if value else None
        return value if isinstance(value, cls) else None


AnyTask = Annotated[TaskReference | None, BeforeValidator(TaskReference.read)]


class StatedError(WireModel):
    """Why something failed, from an object or a mere text."""

    code: str | None = None
    message: StatedReason = None
    retryable: StrictBool | None = None

    @classmethod
    def read(cls, value: object) -> StatedError | None:
        """Return what any shape of an `error` says; None for one that says nothing."""
        if isinstance(value, cls):
            return value
        if is_object(value):
            code, message = value.get("code"), value.get("message") or value.get("reason")
            retryable = value.get("retryable")
            return cls(
                code=str(code) if code else None,
                message=str(message) if message else None,
                retryable=retryable if isinstance(retryable, bool) else None,
            )
        return cls(message=value) if isinstance(value, str) and value else None


AnyError = Annotated[StatedError | None, BeforeValidator(StatedError.read)]


class BucketSync(WireModel):
    """A file's sync into one bucket; neither field is published, so both may be missing."""

    bucket_id: str | None = None
    status: str = "unknown"

    @classmethod
    def read_all(cls, value: object) -> tuple[BucketSync, ...]:
        """Return the entries of any shape: a list, a map by bucket id, a list inside a map, a single entry.

        An entry that says nothing counts as unknown, so that it cannot make a file ready.
        """
        if is_list(value):
            return tuple(map(cls._read, value))
        if isinstance(value, str) or _is_sync(value):
            return (cls._read(value),)
        entries = list[BucketSync]()
        for key, inner in as_object(value).items():
            if is_list(inner):
                entries += map(cls._read, inner)
            elif isinstance(inner, str) or is_object(inner):
                entries.append(cls._read(inner, key))
        return tuple(entries)

    @classmethod
    def _read(cls, entry: object, bucket_id: object = None) -> BucketSync:
        if isinstance(entry, cls):
            return entry
        word: object = entry
        if is_object(entry):
            word = _sync_word(entry)
            bucket_id = next((entry[key] for key in _BUCKET_ID_KEYS if key in entry), bucket_id)
        return cls(
            bucket_id=bucket_id if isinstance(bucket_id, str) else None,
            status=word.lower() if isinstance(word, str) else "unknown",
        )


def _is_sync(value: object) -> bool:
    """Whether an object is a single entry, not a map by bucket id."""
    fields = as_object(value)
    return bool(_sync_word(fields)) or any(key in fields for key in _BUCKET_ID_KEYS)


def _sync_word(fields: Mapping[str, object]) -> str | None:
    return next((word for key in _SYNC_WORD_KEYS if isinstance(word := fields.get(key), str)), None)


AnySync = Annotated[
    tuple[BucketSync, ...],
    BeforeValidator(BucketSync.read_all),
    spelled("bucketSync", "bucket_sync", written="bucketSync"),
]


def _texts(value: object) -> tuple[str, ...] | None:
    """Return the texts in a list; None for any other shape, which is not published."""
    if not is_list(value):
        return None
    return tuple(entry for entry in value if isinstance(entry, str) and entry)


def read_tags(value: object) -> tuple[str, ...] | None:
    """Return the tags in a list, or in one comma-separated string, as some endpoints take and give them."""
    return _texts([tag.strip() for tag in value.split(",")] if isinstance(value, str) else value)


AnyTexts = Annotated[tuple[str, ...] | None, BeforeValidator(lambda value: _texts(value) or None)]
AnyTags = Annotated[tuple[str, ...] | None, BeforeValidator(read_tags)]


class KnowledgeFile(AnswerModel):
    """A knowledge file."""

    id: OwnFileId
    object: str = "knowledge_file"
    status: StatusWord = "unknown"
    title: AnyText = None
    filename: AnyText = None
    content_type: Annotated[AnyText, spelled("content_type", "mime_type")] = None
    size_bytes: StrictInt | None = None
    sha256: AnyText = None
    tags: AnyTags = None
    metadata: dict[str, Any] | None = None
    created_at: AnyText = None
    updated_at: AnyText = None
    task: AnyTask = None
    task_reference: TaskId = Field(None, serialization_alias="task_id")
    bucket_sync_status: SyncWord = None
    bucket_sync: AnySync = ()
    error: AnyError = None
    #: Of the embedded backend: what it is called if not by its file name (its path, the URL of a page, the
    #: question of a pair), the buckets it is in, and what a reader of its passages should know, such as how
    #: it was decoded.
    name: str = ""
    bucket_ids: AnyTexts = None
    warnings: AnyTexts = None

    @property
    def task_id(self) -> str | None:
        """The indexing task's id, from either place it is given."""
        return self.task.id if self.task else self.task_reference


class IndexingTask(AnswerModel):
    """Answer of `GET /knowledge/tasks/{id}`."""

    id: OwnTaskId
    object: str = "knowledge_indexing_task"
    status: StatusWord = "unknown"
    knowledge_id: FileId = None
    type: str | None = None
    error: AnyError = None
