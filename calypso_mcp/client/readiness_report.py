"""Where things stand on their way to being searchable, as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from calypso_mcp.api.batches import Batch, BatchItem
from calypso_mcp.api.buckets import Bucket
from calypso_mcp.api.files import KnowledgeFile
from calypso_mcp.domain.readiness import Readiness, file_readiness, hinges_on_store, overall
from calypso_mcp.domain.statuses import BatchStatus


class View(Protocol):
    """What somebody may see of files and of items of batches; None where they may not see one at all."""

    def file(self, file: KnowledgeFile) -> KnowledgeFile | None:
        """Return what may be seen of `file`."""
        ...

    def item(self, item: BatchItem) -> BatchItem | None:
        """Return what may be seen of `item`."""
        ...


@dataclass(frozen=True, slots=True)
class ReadinessTarget:
    """What to wait for: files, a batch, or else a bucket as a whole.

    Attributes:
        file_ids: Knowledge files.
        batch_id: Alone: a batch, item by item. Beside files: the batch they came with, so that one question
            tells of all of them. Its other items do not count then.
        bucket_id: Alone: the whole bucket. Beside the others: the bucket whose store is asked where a file
            says nothing about its sync.
        view: What counts of files and items, and all that is told of them; None: everything.
    """

    file_ids: tuple[str, ...] = ()
    batch_id: str | None = None
    bucket_id: str | None = None
    view: View | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """One thing's place on the way.

    Attributes:
        id: Id of the file, else of the batch item, batch or bucket.
        readiness: What that comes to.
        status: The API's word.
        bucket_sync_status: The API's word for its bucket sync, where it gives one.
        file_id: The knowledge file, where there is one.
        name: Its file name, else its title, where known.
        client_file_id: Its id inside the batch.
        task_id: Its indexing task.
        code: Why it failed.
        message: Why it failed, for people.
        hinges_on_store: Whether only the bucket's own store can tell, because this says nothing of sync.
    """

    id: str
    readiness: Readiness
    status: str = "unknown"
    bucket_sync_status: str | None = None
    file_id: str | None = None
    name: str | None = None
    client_file_id: str | None = None
    task_id: str | None = None
    code: str | None = None
    message: str | None = None
    hinges_on_store: bool = False


@dataclass(frozen=True, slots=True)
class FailedItem:
    """Something that will never be searchable; fields as in `Standing`."""

    id: str
    status: str
    code: str
    message: str
    file_id: str | None = None
    client_file_id: str | None = None
    task_id: str | None = None


@dataclass(frozen=True, slots=True)
class WaitingItem:
    """Something that is not searchable yet; fields as in `Standing`."""

    id: str
    status: str
    bucket_sync_status: str | None = None
    file_id: str | None = None
    client_file_id: str | None = None
    task_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReadinessReport:
    """Where everything asked about stands.

    Attributes:
        state: `ready`: all searchable. `failed`: nothing moves any more, and something failed.
            `waiting`: something is still under way.
        ready: Ids of what is searchable.
        failed: What never will be.
        waiting: What is not yet.
        elapsed_s: Seconds waited so far.
        names: Of the files among them, by id, as far as known.
        batch_status: The batch's own word, where a batch was asked about.
        indexed_members: Of the bucket, where one was asked about as a whole.
        pending_members: Likewise.
        trouble: What kept the last look from seeing everything, for example a broken connection.
    """

    state: Readiness
    ready: tuple[str, ...]
    failed: tuple[FailedItem, ...]
    waiting: tuple[WaitingItem, ...]
    elapsed_s: float = 0.0
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    batch_status: str | None = None
    indexed_members: int | None = None
    pending_members: int | None = None
    trouble: str | None = None

    @property
    def total(self) -> int:
        """How many things were asked about."""
        return len(self.ready) + len(self.failed) + len(self.waiting)

    @classmethod
    def of(cls, standings: Iterable[Standing], **extra: Any) -> ReadinessReport:
        """Sort `standings` by what they come to; `extra` are the remaining fields."""
        everything = list(standings)
        return cls(
            state=overall(one.readiness for one in everything),
            ready=tuple(one.id for one in everything if one.readiness is Readiness.READY),
            failed=tuple(_failed(one) for one in everything if one.readiness is Readiness.FAILED),
            waiting=tuple(_waiting(one) for one in everything if one.readiness is Readiness.WAITING),
            names={one.id: one.name for one in everything if one.name},
            **extra,
        )


def of_file(file: KnowledgeFile, *, store_active: bool | None = None) -> Standing:
    """Return where a knowledge file stands; `store_active` as in `domain.readiness.file_readiness`."""
    code, message = read_error(file.error)
    return Standing(
        id=file.id,
        readiness=file_readiness(file.status, file.bucket_sync_status, file.bucket_sync, store_active),
        status=file.status,
        bucket_sync_status=file.bucket_sync_status,
        file_id=file.id,
        name=file.filename or file.title,
        task_id=file.task_id,
        code=code,
        message=message,
        hinges_on_store=hinges_on_store(file.status, file.bucket_sync_status, file.bucket_sync),
    )


def of_item(item: BatchItem, *, store_active: bool | None = None) -> Standing:
    """Return where one file of a batch stands, with what its embedded file knows filled in."""
    file = item.file
    status = item.status if item.status != "unknown" or file is None else file.status
    sync_status = item.bucket_sync_status or (file.bucket_sync_status if file else None)
    sync: object = item.bucket_sync or (file.bucket_sync if file else None)
    code, message = read_error(item.error or (file.error if file else None))
    file_id = item.knowledge_id or (file.id if file else None)
    return Standing(
        id=file_id or item.client_file_id,
        readiness=file_readiness(status, sync_status, sync, store_active),
        status=status,
        bucket_sync_status=sync_status,
        file_id=file_id,
        name=(file.filename or file.title) if file else None,
        client_file_id=item.client_file_id,
        task_id=item.task_id or (file.task_id if file else None),
        code=code,
        message=message,
        hinges_on_store=hinges_on_store(status, sync_status, sync),
    )


def of_batch(batch: Batch) -> Standing:
    """Return where a batch stands whose items the API does not list."""
    final: dict[str, Readiness] = {BatchStatus.ACTIVE: Readiness.READY, BatchStatus.FAILED: Readiness.FAILED}
    readiness = final.get(batch.status.lower(), Readiness.WAITING)
    return Standing(id=batch.id, readiness=readiness, status=batch.status, message=batch.message)


def of_bucket(bucket: Bucket) -> Standing:
    """Return where a bucket as a whole stands: ready when its store is active and nothing is pending."""
    store = bucket.store
    if store is None:
        empty = bucket.member_count == 0
        return Standing(id=bucket.id, readiness=Readiness.READY if empty else Readiness.WAITING)
    if store.is_active:
        readiness = Readiness.READY
    else:
        readiness = Readiness.FAILED if store.status in {"failed", "error"} else Readiness.WAITING
    return Standing(id=bucket.id, readiness=readiness, status=store.status, message=store.last_error)


def read_error(error: object) -> tuple[str | None, str | None]:
    """Return code and message of an `error` field, whose shape is not published."""
    if isinstance(error, Mapping):
        fields = cast("Mapping[str, Any]", error)
        code, message = fields.get("code"), fields.get("message") or fields.get("reason")
        return (str(code) if code else None, str(message) if message else None)
    return (None, error) if isinstance(error, str) and error else (None, None)


def _failed(one: Standing) -> FailedItem:
    deleted = one.status.lower() == "deleted"
    return FailedItem(
        id=one.id,
        status=one.status,
        code=one.code or ("file_deleted" if deleted else "indexing_failed"),
        message=one.message
        or ("The file was deleted." if deleted else "Indexing failed; the API gives no reason."),
        file_id=one.file_id,
        client_file_id=one.client_file_id,
        task_id=one.task_id,
    )


def _waiting(one: Standing) -> WaitingItem:
    return WaitingItem(
        id=one.id,
        status=one.status,
        bucket_sync_status=one.bucket_sync_status,
        file_id=one.file_id,
        client_file_id=one.client_file_id,
        task_id=one.task_id,
    )
