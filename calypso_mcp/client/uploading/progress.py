"""Counts what `upload_all` has done, and reports each change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Phase = Literal["hashing", "uploading", "finalizing", "done"]


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """How far `upload_all` has come.

    Attributes:
        files_done: Files done in this phase.
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


class ProgressBoard:
    """The counters of one `upload_all`."""

    def __init__(self, files_total: int, listener: Callable[[TransferProgress], None] | None) -> None:
        self._files_total = files_total
        self._listener = listener
        self._files_done = 0
        self._bytes_done = 0
        self._bytes_total = 0
        self._phase: Phase = "hashing"

    def enter(self, phase: Phase, *, bytes_total: int | None = None) -> None:
        """Begin a phase; `uploading` starts counting again, `done` completes the files."""
        self._phase = phase
        if phase == "uploading":
            self._files_done = self._bytes_done = 0
        if phase == "done":
            self._files_done = self._files_total
        if bytes_total is not None:
            self._bytes_total = bytes_total
        self._report()

    def hashed(self, size_bytes: int) -> None:
        """Count a file as looked at."""
        self._files_done += 1
        self._bytes_done += size_bytes
        self._bytes_total += size_bytes
        self._report()

    def kept(self, size_bytes: int) -> None:
        """Count bytes as acknowledged."""
        self._bytes_done = min(self._bytes_total, self._bytes_done + size_bytes)
        self._report()

    def done(self, files: int, missing_bytes: int = 0) -> None:
        """Count files as done, and those of their bytes that did not have to be sent."""
        # A file that needs a second upload under another key is counted once.
        self._files_done = min(self._files_total, self._files_done + files)
        self.kept(missing_bytes)
        if self._phase == "uploading" and self._files_done == self._files_total:
            self.enter("finalizing")

    def _report(self) -> None:
        if self._listener is not None:
            self._listener(
                TransferProgress(
                    self._files_done, self._files_total, self._bytes_done, self._bytes_total, self._phase
                )
            )
