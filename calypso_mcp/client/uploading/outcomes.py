"""What goes into an upload and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from calypso_mcp.api.files import KnowledgeFile
from calypso_mcp.client.uploading.sources import ByteSource, SourceFactory
from calypso_mcp.domain.declaration import Declaration, Destination
from calypso_mcp.errors import CalypsoError, InputError

Status = Literal["accepted", "replayed", "rejected", "failed", "pending"]
Phase = Literal["hashing", "uploading", "finalizing", "done"]


@dataclass(frozen=True, slots=True)
class Upload:
    """One file to upload.

    Attributes:
        source: Its bytes, or a way to open them: with many files, only those in flight are open then.
        declaration: What is declared about it.
        origin: Where it lies, an absolute path: tells when a file has changed. None for inline content.
    """

    source: ByteSource | SourceFactory
    declaration: Declaration
    origin: str | None = None

    def to(self, destination: Destination) -> Upload:
        """Return the same upload to other buckets."""
        return replace(self, declaration=replace(self.declaration, destination=destination))


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A single upload that the API has accepted; whether it is searchable yet is another question.

    Attributes:
        file: As finalize answered.
        replayed: Whether the content was there already, so that nothing was sent.
        content_hash: Hexadecimal hash of the content.
        size_bytes: Its size.
        changed: Whether other content was uploaded from the same place to the same bucket before.
    """

    file: KnowledgeFile
    replayed: bool
    content_hash: str
    size_bytes: int
    changed: bool = False

    @property
    def file_id(self) -> str:
        """Id of the knowledge file."""
        return self.file.id

    @property
    def task_id(self) -> str | None:
        """Id of the indexing task, where the API gave one."""
        return self.file.task_id


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one input of `upload_all`.

    Attributes:
        index: Position of the input.
        status: `accepted`: uploaded now. `replayed`: was there already. `rejected`: refused, the same
            would be refused again. `failed`: not arrived. `pending`: arrived, but not taken over yet.
        filename: As given.
        client_file_id: Its id inside the batch; None where no batch was made.
        file_id: The knowledge file.
        task_id: Its indexing task.
        batch_id: The batch it was part of.
        content_hash: Hexadecimal hash of the content; None where it was never read.
        size_bytes: Its size; None where it could not be opened.
        code: Error code, the API's where it has one.
        message: What went wrong.
        hint: What to do next.
        retryable: Whether the same call can help.
        request_id: The API's id of the request that failed.
        changed: Whether other content was uploaded from the same place to the same bucket before.
    """

    index: int
    status: Status
    filename: str
    client_file_id: str | None = None
    file_id: str | None = None
    task_id: str | None = None
    batch_id: str | None = None
    content_hash: str | None = None
    size_bytes: int | None = None
    code: str | None = None
    message: str | None = None
    hint: str | None = None
    retryable: bool = False
    request_id: str | None = None
    changed: bool = False

    @property
    def is_uploaded(self) -> bool:
        """Whether the API has the file."""
        return self.status in {"accepted", "replayed"}

    @classmethod
    def of(cls, index: int, filename: str, verdict: Verdict, **content: Any) -> Outcome:
        """Return the outcome of one input from the verdict on its content.

        Args:
            index: Position of the input.
            filename: As given.
            verdict: What became of the content.
            **content: `client_file_id`, `content_hash`, `size_bytes` and `changed`, as far as known.
        """
        reason = verdict.reason
        return cls(
            index=index,
            status=verdict.status,
            filename=filename,
            file_id=verdict.file_id,
            task_id=verdict.task_id,
            batch_id=verdict.batch_id,
            code=reason.code if reason else None,
            message=reason.message if reason else None,
            hint=(reason.hint or None) if reason else None,
            retryable=bool(reason and reason.retryable),
            request_id=reason.request_id if reason else None,
            **content,
        )


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """How far `upload_all` has come.

    Attributes:
        files_done: Files done with in this phase.
        files_total: Files in all.
        bytes_done: While hashing, bytes read; later, bytes acknowledged by the storage.
        bytes_total: Bytes in all, as far as the files have been opened.
        phase: `hashing`, `uploading`, `finalizing`, `done`.
    """

    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    phase: Phase


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something did not work out, without an exception."""

    code: str
    message: str
    hint: str = ""
    retryable: bool = False
    request_id: str | None = None

    @classmethod
    def of(cls, error: CalypsoError) -> Reason:
        """Return what an exception says."""
        return cls(
            code=error.code,
            message=error.message,
            hint=error.hint,
            retryable=error.retryable,
            request_id=error.request_id,
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one content, whichever inputs have it."""

    status: Status
    file_id: str | None = None
    task_id: str | None = None
    batch_id: str | None = None
    reason: Reason | None = None

    @classmethod
    def of(cls, error: CalypsoError, *, batch_id: str | None = None) -> Verdict:
        """Return the verdict for an error. Input that breaks a rule is rejected, all else has failed."""
        status: Status = "rejected" if isinstance(error, InputError) and not error.retryable else "failed"
        return cls(status, batch_id=batch_id, reason=Reason.of(error))
