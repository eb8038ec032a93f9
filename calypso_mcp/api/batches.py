"""Batch uploads on the wire (seed: batch upload; API sheet section 5)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictInt

from calypso_mcp.api.buckets import DestinationFields
from calypso_mcp.api.files import (
    AnyError,
    AnySync,
    DeclaredFields,
    FileId,
    KnowledgeFile,
    StatedError,
    StatusWord,
    SyncWord,
    TaskId,
    UploadTarget,
)
from calypso_mcp.api.wire import AnswerModel, AnswerPart, StatedReason, WireModel, spelled
from calypso_mcp.domain.json_values import as_list, as_object
from calypso_mcp.domain.states.file_state import Reason

_CLIENT_FILE_ID_KEYS = ("client_file_id", "clientFileId")
ClientFileId = Annotated[str, spelled(*_CLIENT_FILE_ID_KEYS)]


def _whole_number(value: object) -> object:
    if type(value) is not int:
        raise ValueError("must be the number 1")
    return value


class ManifestItem(DeclaredFields):
    """One file's durable id and, if wanted, its own destination, which replaces the shared one."""

    client_file_id: str


class Manifest(DestinationFields):
    """The declared content of a batch, before its bytes."""

    #: A literal by itself takes `true` and 1.0 for 1.
    version: Annotated[Literal[1], BeforeValidator(_whole_number)] = 1
    batch_idempotency_key: str
    items: tuple[ManifestItem, ...]


class BatchFile(WireModel):
    """Upload metadata of one file."""

    client_file_id: str
    filename: str
    content_type: str = "application/octet-stream"
    size_bytes: StrictInt


class CreateBatch(WireModel):
    """Body of `POST /knowledge/files:batch/upload-session`."""

    manifest: Manifest
    files: tuple[BatchFile, ...]

    def published(self) -> dict[str, Any]:
        """Return the body without fields of extensions; a repeated request has to agree with it."""
        items = [item.published() for item in self.manifest.items]
        wire = self.to_wire()
        return {**wire, "manifest": {**wire["manifest"], "items": items}}


class AcceptedItem(UploadTarget):
    """An accepted file and its upload address."""

    client_file_id: ClientFileId


class ItemProblem(AnswerPart):
    """A rejected, failed or pending entry. Its published shape is open, so both error spellings are read."""

    client_file_id: ClientFileId
    session_id: str | None = None
    code: str | None = None
    message: StatedReason = None
    error: AnyError = None

    def reason(self, code: str, message: str) -> Reason:
        """Return why the API refused the file; `code` and `message` are what to say if it does not."""
        error = self.error or StatedError()
        code, message = error.code or self.code or code, error.message or self.message or message
        return Reason(code, message, retryable=error.retryable is True)


def _problems(value: object) -> list[object]:
    """Return the entries that name a file, as an object or as its mere id: their shape is not published.

    What becomes of the other files must not hinge on one that names none.
    """
    named: list[object] = []
    for entry in as_list(value):
        if isinstance(entry, str):
            named.append({"client_file_id": entry})
        elif isinstance(entry, ItemProblem) or any(key in as_object(entry) for key in _CLIENT_FILE_ID_KEYS):
            named.append(entry)
    return named


AnyProblems = Annotated[tuple[ItemProblem, ...], BeforeValidator(_problems)]


class BatchSession(AnswerModel):
    """Answer of the create request: a session for each accepted file; `rejected` must be surfaced."""

    batch_id: Annotated[str, spelled("batch_id", "id")]
    upload_strategy: str = "gcs_resumable"
    accepted: tuple[AcceptedItem, ...] = ()
    rejected: AnyProblems = ()


class FinalizeBatch(WireModel):
    """Body of the finalize request."""

    mode: Literal["finalize_uploaded"] = "finalize_uploaded"


class FinalizedItem(AnswerPart):
    """A file that finalize turned, now or earlier, into a knowledge file."""

    client_file_id: ClientFileId
    session_id: str | None = None
    knowledge_id: FileId = None
    task_id: TaskId = None


class BatchFinalized(AnswerModel):
    """Answer of finalize (202): accepted durably, not yet searchable."""

    batch_id: Annotated[str, spelled("batch_id", "id")]
    status: str = "finalized"
    finalized: tuple[FinalizedItem, ...] = ()
    pending: AnyProblems = ()
    failed: AnyProblems = ()
    replayed: tuple[FinalizedItem, ...] = ()


class BatchItem(AnswerPart):
    """One file's state inside a batch."""

    client_file_id: ClientFileId
    status: StatusWord = "unknown"
    knowledge_id: FileId = Field(None, serialization_alias="knowledgeId")
    task_id: TaskId = Field(None, serialization_alias="taskId")
    bucket_sync_status: SyncWord = None
    bucket_sync: AnySync = ()
    error: AnyError = None
    file: KnowledgeFile | None = None
    #: Extension: the file that took the place of one that is gone.
    replaced_by: str | None = None


class BatchQuery(WireModel):
    """Query of `GET /knowledge/batches/{id}`."""

    include_items: bool = False


class Batch(AnswerModel):
    """Answer of `GET /knowledge/batches/{id}`; `items` only with `include_items=true`."""

    id: Annotated[str, spelled("id", "batch_id")]
    object: str = "knowledge_batch"
    status: StatusWord = "unknown"
    total: StrictInt = 0
    accepted: StrictInt = 0
    rejected: StrictInt = 0
    queued: StrictInt = 0
    indexing: StrictInt = 0
    active: StrictInt = 0
    failed: StrictInt = 0
    #: Items without their bytes, and items that failed or were rejected.
    pending: StrictInt | None = None
    partial_failed_count: Annotated[
        StrictInt | None,
        spelled("partialFailedCount", "partial_failed_count", written="partialFailedCount"),
    ] = None
    message: str | None = None
    items: tuple[BatchItem, ...] | None = None
