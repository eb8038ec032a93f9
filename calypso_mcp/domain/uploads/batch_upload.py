"""One batch on its way, as a state machine without I/O (seed: batch upload).

Theory of operation. A batch goes through steps: CREATE, then for a replay a LOOK at what is there already,
SEND, once more after RENEW for addresses that died, FINALIZE until nothing that has arrived is called
pending, and CHECK for files of an earlier run that have failed since. Each answer is one event; `step` says
what to do next. Beside the steps, each file is in one place:

    OPEN --> ARRIVED ----> settled (`states`): accepted, replayed, rejected, failed, pending
      |  --> DEAD (its address), BROKEN (its transfer)
      '--> `again`: its earlier upload under this key came to nothing; it needs a key of its own

A file is settled once: what one finalize accepted, the next one calls replayed, so the first word counts.
At DONE every file is either in `states` or in `again`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set as AbstractSet
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from calypso_mcp.domain.states.file_state import FileState, Reason, UploadOutcome

#: How often finalize is asked at most while files that arrived are called pending.
MOST_FINALIZES: Final = 5


class BatchStep(StrEnum):
    """What to do next."""

    CREATE = "create"
    #: Finalize before anything is sent: one request shows which files of a replay are there.
    LOOK = "look"
    SEND = "send"
    #: Create again under the same key, for new addresses.
    RENEW = "renew"
    FINALIZE = "finalize"
    #: Ask for the states of the replayed files.
    CHECK = "check"
    DONE = "done"


class _Place(StrEnum):
    """Where the bytes of an unsettled file are."""

    OPEN = "open"
    #: Stored, by an earlier run.
    STORED = "stored"
    #: Stored, and this run has brought bytes of it.
    BROUGHT = "brought"
    DEAD = "dead"
    BROKEN = "broken"


_ARRIVED: Final = frozenset({_Place.STORED, _Place.BROUGHT})


@dataclass(frozen=True, slots=True)
class FinalizeAnswer:
    """What finalize says of the files of a batch, by client file id.

    Attributes:
        finalized: Accepted now.
        replayed: Accepted earlier.
        failed: Not accepted, with the reason.
        pending: Not arrived, as far as the API knows.
    """

    finalized: Mapping[str, FileState] = field(default_factory=dict[str, FileState])
    replayed: Mapping[str, FileState] = field(default_factory=dict[str, FileState])
    failed: Mapping[str, Reason] = field(default_factory=dict[str, Reason])
    pending: AbstractSet[str] = frozenset()


class BatchUpload:
    """The conversation about one batch. Events of files that are not its own are ignored."""

    def __init__(self, client_file_ids: Collection[str], *, renews: bool = True) -> None:
        """Begin; `renews`: ask once for new addresses in place of those that died."""
        self.step = BatchStep.CREATE
        self.batch_id: str | None = None
        self.states: dict[str, FileState] = {}
        self.again: set[str] = set()
        #: Those of `again` of which the storage does not know an address that is new, or the API the batch.
        self.forgotten: set[str] = set()
        #: Whether the API may hold bytes of an earlier run.
        self.resumed = False
        #: How often in a row finalize has moved nothing.
        self.setbacks = 0
        self._places = dict.fromkeys(client_file_ids, _Place.OPEN)
        self._errors: dict[str, FileState] = {}
        self._addressed: set[str] = set()
        self._may_renew = renews
        self._has_new_address: set[str] = set()
        self._pending: AbstractSet[str] = frozenset()

    @property
    def left(self) -> list[str]:
        """Files that are neither settled nor to be sent again."""
        done = self.states.keys() | self.again
        return [file_id for file_id in self._places if file_id not in done]

    @property
    def to_send(self) -> list[str]:
        """Files whose bytes to send in step SEND."""
        open_files = [file_id for file_id in self.left if self._places[file_id] is _Place.OPEN]
        return [file_id for file_id in open_files if file_id in self._addressed]

    @property
    def dead(self) -> list[str]:
        """Files whose address has expired."""
        return [file_id for file_id in self.left if self._places[file_id] is _Place.DEAD]

    def created(
        self, batch_id: str, accepted: AbstractSet[str], rejected: Mapping[str, Reason], *, replayed: bool
    ) -> None:
        """Take the answer to CREATE: which files have an address, and whether the API knew the batch."""
        self.batch_id = batch_id
        self.resumed = replayed
        self._addressed = set(accepted)
        self._has_new_address = set() if replayed else set(accepted)
        for file_id, reason in rejected.items():
            self._settle(file_id, FileState(outcome="rejected", reason=reason))
        self.step = BatchStep.LOOK if replayed else BatchStep.SEND

    def refused(self, error: FileState, *, key_reused: bool = False) -> None:
        """Note that CREATE failed; `key_reused`: other content has the key, so files need the next one."""
        if key_reused:
            self.again = set(self._places)
        else:
            self.states = dict.fromkeys(self._places, error)
        self.step = BatchStep.DONE

    def looked(self, answer: FinalizeAnswer | None) -> None:
        """Take the answer to LOOK; None if it failed, perhaps because nothing has arrived yet."""
        if answer is not None:
            self.again.update(file_id for file_id in answer.failed if file_id in self.left)
            self._take(answer, repeated=False)
        self.step = BatchStep.SEND

    def arrived(self, file_id: str, *, brought: bool) -> None:
        """Note that the storage has a file, and whether this run has brought bytes of it."""
        self._places[file_id] = _Place.BROUGHT if brought else _Place.STORED

    def died(self, file_id: str) -> None:
        """Note that the address of a file has expired."""
        self._places[file_id] = _Place.DEAD

    def broke(self, file_id: str, error: FileState) -> None:
        """Note that the bytes of a file could not be sent."""
        self._places[file_id] = _Place.BROKEN
        self._errors[file_id] = error

    def sent(self) -> None:
        """End SEND: every file of `to_send` has arrived, died or broken."""
        self._addressed.clear()
        self.step = BatchStep.RENEW if self.dead and self._may_renew else BatchStep.FINALIZE
        self._end_if_settled()

    def renewed(self, fresh: AbstractSet[str]) -> None:
        """Take the answer to RENEW: the files that have another address than the dead one."""
        self._may_renew, self.resumed = False, False
        self._has_new_address |= fresh
        for file_id in self.dead:
            if file_id in fresh:
                self._places[file_id] = _Place.OPEN
                self._addressed.add(file_id)
        self.step = BatchStep.SEND if self._addressed else BatchStep.FINALIZE

    def renewal_failed(self, error: FileState) -> None:
        """Note that RENEW failed."""
        for file_id in self.dead:
            self._places[file_id] = _Place.BROKEN
            self._errors[file_id] = error
        self.step = BatchStep.FINALIZE

    def finalized(self, answer: FinalizeAnswer, *, repeated: bool = False) -> None:
        """Take the answer to FINALIZE, and whether an answer to the same request may have been lost."""
        for file_id, reason in answer.failed.items():
            self._settle(file_id, FileState(outcome="failed", reason=reason))
        self._take(answer, repeated=repeated or self.setbacks > 0)
        self._pending = answer.pending
        if any(self._is_still_pending(file_id) for file_id in self.left):
            self.setbacks += 1
            if self.setbacks < MOST_FINALIZES:
                return
        self._settle_rest(None)

    def finalize_failed(self, error: FileState, *, is_unknown: bool = False) -> None:
        """Note that FINALIZE failed; `is_unknown`: the API does not know the batch, so files need another."""
        if is_unknown:
            arrived = {file_id for file_id in self.left if self._places[file_id] in _ARRIVED}
            self.again |= arrived
            self.forgotten |= arrived
        self._settle_rest(error)

    def checked(self, states: Mapping[str, FileState]) -> None:
        """Take the answer to CHECK; empty if it failed, and then the answer to FINALIZE counts."""
        for file_id in self._replayed():
            if file_id in states and states[file_id].is_gone:
                del self.states[file_id]
                self.again.add(file_id)
        self.step = BatchStep.DONE

    def _settle(self, file_id: str, state: FileState, outcome: UploadOutcome | None = None) -> None:
        if file_id in self._places and file_id not in self.again and file_id not in self.states:
            self.states[file_id] = replace(state, outcome=outcome or state.outcome, batch_id=self.batch_id)

    def _take(self, answer: FinalizeAnswer, *, repeated: bool) -> None:
        for file_id, state in answer.finalized.items():
            self._settle(file_id, state, "accepted")
        for file_id, state in answer.replayed.items():
            # If the answer to our own finalize was lost, its repetition calls our files replayed.
            is_ours = repeated and self._places.get(file_id) is _Place.BROUGHT
            self._settle(file_id, state, "accepted" if is_ours else "replayed")

    def _is_still_pending(self, file_id: str) -> bool:
        return file_id in self._pending and self._places[file_id] in _ARRIVED

    def _settle_rest(self, error: FileState | None) -> None:
        for file_id in self.left:
            place = self._places[file_id]
            if place is _Place.BROKEN:
                self._settle(file_id, self._errors[file_id])
            elif place is _Place.DEAD:
                self.again.add(file_id)
                self.forgotten |= {file_id} & self._has_new_address
            elif error is not None:
                waits = error.retryable and place in _ARRIVED
                self._settle(file_id, error, "pending" if waits else None)
            elif self._is_still_pending(file_id):
                self._settle(file_id, _STILL_PENDING)
            else:
                self._settle(file_id, _UNMENTIONED)
        self.step = BatchStep.FINALIZE
        self._end_if_settled()

    def _end_if_settled(self) -> None:
        if self.step is BatchStep.FINALIZE and not self.left:
            self.step = BatchStep.CHECK if self._replayed() else BatchStep.DONE

    def _replayed(self) -> list[str]:
        return [file_id for file_id, state in self.states.items() if state.is_replayed]


_STILL_PENDING: Final = FileState(
    outcome="pending",
    reason=Reason(
        "upload_pending",
        "The bytes have arrived, but the API has not finalized the file yet.",
        "Make the same call again in a while; nothing is sent twice.",
        retryable=True,
    ),
)
_UNMENTIONED: Final = FileState(
    outcome="failed",
    reason=Reason(
        "missing_from_answer",
        "The API's answer does not mention this file.",
        "Make the same call again; files that arrived are not sent twice.",
        retryable=True,
    ),
)
