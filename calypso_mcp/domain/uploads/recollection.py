"""Which files of a call the API has already, from earlier calls, as a state machine without I/O.

Theory of operation. The memory holds only ids: where files went, without a `file_id` if a file was only
announced with a batch. The API's answers decide. Batches are asked first; one with files that were only
announced is finalized before it is looked at, since they may have arrived. A file that no batch lists is
asked about alone. Each answer is one event:

    known --> batch finalized, looked at --> settled (`states`): replayed, or failed if asking failed
                         |                   lost: the API no longer has it; it is sent again
                         '--> alone --> the same two ends

The events of different batches and files may come in any order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from calypso_mcp.domain.states.file_state import FileState

#: Places of files that have changed, by batch and by the id under which their old content was announced.
Earlier = Mapping[str, Mapping[str, str]]


@dataclass(slots=True)
class _Batch:
    """What to ask of one batch.

    Attributes:
        files: Its files, by their id in this call.
        old: Places of changed files, by the id of their old content in the batch.
    """

    files: dict[str, FileState] = field(default_factory=dict[str, FileState])
    old: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def arrived(self) -> dict[str, FileState]:
        return {name: file for name, file in self.files.items() if file.file_id}


class Recollection:
    """What the API says of the files that a memory knows. Files go by their ids in this call."""

    def __init__(self, known: Mapping[str, FileState], earlier: Earlier | None = None) -> None:
        """Begin with all to be asked; `earlier` is old content of changed files, which may still arrive."""
        #: States of files that the API has, and of files that it could not be asked about.
        self.states: dict[str, FileState] = {}
        #: Files to ask about by themselves, now.
        self.alone: dict[str, FileState] = {}
        self._known = dict(known)
        self._batches: defaultdict[str, _Batch] = defaultdict(_Batch)
        for name, file in known.items():
            if file.batch_id is not None:
                self._batches[file.batch_id].files[name] = file
            elif file.file_id is not None:
                self.alone[name] = file
        for batch_id, old in (earlier or {}).items():
            self._batches[batch_id].old = old

    @property
    def batches(self) -> list[str]:
        """Batches to ask about."""
        return list(self._batches)

    @property
    def lost(self) -> set[str]:
        """Knowledge files that the API no longer has; complete once every question is answered."""
        return {
            file.file_id for name, file in self._known.items() if file.file_id and name not in self.states
        }

    @property
    def news(self) -> dict[str, FileState]:
        """Files that have arrived although the memory did not know it."""
        return {
            name: replace(self._known[name], file_id=state.file_id, task_id=state.task_id)
            for name, state in self.states.items()
            if state.is_replayed and self._known[name].file_id is None
        }

    def must_finalize(self, batch_id: str) -> bool:
        """Whether some of a batch's files were only announced."""
        batch = self._batches[batch_id]
        return len(batch.arrived) < len(batch.files)

    def batch_finalized(self, batch_id: str, accepted: Mapping[str, FileState]) -> None:
        """Note the files that a batch has accepted, now or earlier, by client file id."""
        files = self._batches[batch_id].files
        for name, file in files.items():
            state = accepted.get(file.client_file_id or "")
            if file.file_id is None and state is not None and state.file_id:
                files[name] = replace(file, file_id=state.file_id, task_id=state.task_id)

    def batch_seen(self, batch_id: str, states: Mapping[str, FileState]) -> dict[str, str]:
        """Judge the files of a batch by what it says of its items, by client file id.

        The API accepts a batch as a whole, so old content that had arrived with it is in the bucket now: it
        can be neither left out nor deleted.

        Returns:
            Places of changed files whose old content has arrived, each with its client file id.
        """
        batch = self._batches[batch_id]
        for name, file in batch.arrived.items():
            state = states.get(file.client_file_id or "")
            if state is None:
                self.alone[name] = file
            elif not state.is_gone:
                self.states[name] = replace(file, outcome="replayed")
        return {
            place: client_file_id
            for client_file_id, place in batch.old.items()
            if client_file_id in states and states[client_file_id].file_id
        }

    def batch_missing(self, batch_id: str) -> None:
        """Note that the API does not know a batch: only the files that arrived can be asked about."""
        self.alone.update(self._batches[batch_id].arrived)

    def batch_failed(self, batch_id: str, error: FileState) -> None:
        """Note that a batch could not be asked about.

        A file that was only announced is sent again, unless it may have arrived and asking later helps.
        """
        batch = self._batches[batch_id]
        unknown = batch.files if error.retryable else batch.arrived
        self.states.update(dict.fromkeys(unknown, replace(error, batch_id=batch_id)))

    def file_seen(self, name: str, *, is_present: bool) -> None:
        """Note whether the API has a file that was asked about alone."""
        if is_present:
            self.states[name] = replace(self.alone[name], outcome="replayed")

    def file_failed(self, name: str, error: FileState) -> None:
        """Note that a file could not be asked about."""
        self.states[name] = replace(error, batch_id=self.alone[name].batch_id)


def is_unfinished(group: Sequence[str], known: Mapping[str, FileState], batch_id: str | None) -> bool:
    """Whether this very batch was opened before, is unfinished, and none of its files went elsewhere."""
    if batch_id is None:
        return False
    files = [known.get(name) for name in group]
    return any(file is None or file.file_id is None for file in files) and all(
        file is None or file.batch_id == batch_id for file in files
    )


def choose_sent(candidates: Collection[FileState]) -> FileState | None:
    """Return the best of several memories of a file: one that arrived, else the first."""
    arrived = (file for file in candidates if file.file_id)
    return next(arrived, next(iter(candidates), None))
