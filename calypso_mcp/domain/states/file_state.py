"""The state of one source, from its declaration to being searchable: one value for every layer.

Uploads, lookups and waits all return it, so a new fact about a file needs one more field and no conversion.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from calypso_mcp.domain.states.readiness import GONE, UNREADABLE, Readiness, overall
from calypso_mcp.errors import CalypsoError, InputError

#: The outcome of an upload. `accepted`: uploaded now. `replayed`: it was there already. `rejected`: refused,
#: and would be refused again. `failed`: it did not arrive. `pending`: it arrived, but is not finalized yet.
UploadOutcome = Literal["accepted", "replayed", "rejected", "failed", "pending"]

#: What happens to the version that a bucket held before. `replaced`: it is removed as soon as the new one is
#: searchable. `beside`: both stay. `kept`: only it stays. `relabelled`: the same content, with new labels.
EarlierVersion = Literal["replaced", "beside", "kept", "relabelled"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something did not work out, without an exception.

    Attributes:
        code: Error code, the API's if it gives one.
    """

    code: str
    message: str
    hint: str = ""
    retryable: bool = False
    request_id: str | None = None

    @classmethod
    def of(cls, error: CalypsoError) -> Reason:
        """Return what an exception says."""
        return cls(error.code, error.message, error.hint, error.retryable, error.request_id)


@dataclass(frozen=True, slots=True)
class FileState:
    """The state of one source. Fields that are not known yet keep their defaults.

    Attributes:
        id: The id to ask for it by: that of the file, else of the batch item, batch or bucket.
        outcome: The outcome of its upload; None if only its readiness was looked at.
        status: The API's word for it.
        bucket_sync_status: The API's word for its bucket sync, if there is one.
        hinges_on_store: Whether its readiness depends on the bucket's store, because it reports no sync.
        name: Its file name, else its title.
        batch_id: The batch it came with.
        client_file_id: Its id inside the batch.
        reason: Why it failed, or makes no progress.
        warnings: Short texts for a reader of a file that did not fail.
        content_hash: Hexadecimal hash of the content; None if it was never read.
        size_bytes: Its size; None if it was never opened.
        changed: Whether other content, or the same under other labels, was uploaded from the same place to
            the same bucket before.
        earlier: What happens to the version that the bucket held before; None without such a version, or if
            the backend does not report versions.
        earlier_id: The id of that version's file.
    """

    id: str = ""
    outcome: UploadOutcome | None = None
    readiness: Readiness = Readiness.PENDING
    status: str = "unknown"
    bucket_sync_status: str | None = None
    hinges_on_store: bool = False
    name: str | None = None
    file_id: str | None = None
    task_id: str | None = None
    batch_id: str | None = None
    client_file_id: str | None = None
    reason: Reason | None = None
    warnings: tuple[str, ...] = ()
    content_hash: str | None = None
    size_bytes: int | None = None
    changed: bool = False
    earlier: EarlierVersion | None = None
    earlier_id: str | None = None

    @classmethod
    def of_error(cls, error: CalypsoError) -> FileState:
        """Return the state after an error: `rejected` if the input breaks a rule, otherwise `failed`."""
        is_rejected = isinstance(error, InputError) and not error.retryable
        return cls(outcome="rejected" if is_rejected else "failed", reason=Reason.of(error))

    @property
    def is_uploaded(self) -> bool:
        """Whether the API has the file."""
        return self.outcome in {"accepted", "replayed"}

    @property
    def is_replayed(self) -> bool:
        """Whether the file was there already, so that nothing was sent."""
        return self.outcome == "replayed"

    @property
    def is_unreadable(self) -> bool:
        """Whether the same content would fail again: a damaged or encrypted file, or one without text."""
        return self.code in UNREADABLE

    @property
    def is_gone(self) -> bool:
        """Whether the file has failed or been deleted, so that it has to be uploaded again."""
        return self.status.lower() in GONE and not self.is_unreadable

    @property
    def code(self) -> str | None:
        """Error code of the reason."""
        return self.reason.code if self.reason else None

    @property
    def message(self) -> str | None:
        """What went wrong."""
        return self.reason.message if self.reason else None

    @property
    def hint(self) -> str | None:
        """What to do next."""
        return (self.reason.hint or None) if self.reason else None

    @property
    def retryable(self) -> bool:
        """Whether the same call can help."""
        return self.reason is not None and self.reason.retryable


@dataclass(frozen=True, slots=True)
class StateReport:
    """The states of several sources, or of a batch or bucket as a whole.

    Attributes:
        states: One for each of them.
        elapsed_s: Seconds waited so far.
        batch_status: The API's word for the batch, if a batch was asked about.
        indexed_members: Searchable members of the bucket, if a bucket as a whole was asked about.
        pending_members: Pending members of that bucket.
        trouble: Why the last look was incomplete, for example a broken connection.
    """

    states: tuple[FileState, ...]
    elapsed_s: float = field(default=0.0, compare=False)
    batch_status: str | None = None
    indexed_members: int | None = None
    pending_members: int | None = None
    trouble: str | None = None

    @property
    def state(self) -> Readiness:
        """The state of all together: pending while one is pending, else failed if one has failed."""
        return overall(state.readiness for state in self.states)

    @property
    def ready(self) -> tuple[str, ...]:
        """Ids of the searchable ones."""
        return tuple(state.id for state in self._of(Readiness.READY))

    @property
    def failed(self) -> tuple[FileState, ...]:
        """Those that will never be searchable."""
        return tuple(self._of(Readiness.FAILED))

    @property
    def pending(self) -> tuple[FileState, ...]:
        """Those that are not searchable yet."""
        return tuple(self._of(Readiness.PENDING))

    @property
    def total(self) -> int:
        """How many were asked about."""
        return len(self.states)

    @property
    def settled(self) -> int:
        """How many of them are ready or have failed."""
        return sum(state.readiness is not Readiness.PENDING for state in self.states)

    def _of(self, readiness: Readiness) -> Iterable[FileState]:
        return (state for state in self.states if state.readiness is readiness)
