"""From a stored file to its text, whatever the file does.

Small UTF-8 text in simple formats is read here, in a thread. All else is read in child processes with limits:
their parsers face hostile input, need libraries that this process should not load, or keep it busy. A child
that dies or takes too long fails its one file and is replaced.
"""

from __future__ import annotations

import signal
from email.message import Message
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio
from anyio.to_thread import run_sync

from calypso_mcp.domain.file_formats import HEAD_BYTES
from calypso_mcp.local.indexing.child_process import (
    ChildDied,
    ChildProcess,
    ExtractionLimits,
    FileToRead,
)
from calypso_mcp.local.indexing.documents import (
    Block,
    Document,
    ExtractionFailed,
    FailureCode,
    FileContent,
)
from calypso_mcp.local.indexing.formats.detection import choose_entry

if TYPE_CHECKING:
    from calypso_mcp.local.indexing.formats.registry import Entry

__all__ = ["Block", "Document", "ExtractionFailed", "ExtractionLimits", "Extractor", "FailureCode"]

#: Larger files are read in a child process whatever their format.
_LARGE_BYTES = 524_288


class Extractor:
    """Reads files of every supported format; safe for concurrent use within one event loop.

    Use as an async context manager: leaving it ends the child processes.
    """

    def __init__(self, limits: ExtractionLimits | None = None) -> None:
        self._limits = limits or ExtractionLimits()
        self._slots = anyio.CapacityLimiter(self._limits.processes)
        self._idle: list[ChildProcess] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._idle:
            await self._idle.pop().close()

    async def extract(
        self, path: Path, *, filename: str, content_type: str, is_page: bool = False
    ) -> Document:
        """Return the text of the file at `path`.

        Args:
            path: Where the bytes are; its name means nothing.
            filename: The name the file was uploaded under.
            content_type: The MIME type declared at upload; may be empty.
            is_page: Whether it is a page of the web, of which the main content counts.

        Raises:
            ExtractionFailed: Why there is no text, for the file's owner.
        """
        head, size = await run_sync(_look_at, path)
        if size == 0:
            raise ExtractionFailed("empty", "The file is empty.")
        if size > self._limits.max_file_bytes:
            raise ExtractionFailed(
                "too_large", f"The file is larger than {self._limits.max_file_bytes:,} bytes."
            )
        entry = choose_entry(filename, content_type, head)
        charset = _charset(content_type)
        document = None
        if entry.is_simple and size <= _LARGE_BYTES:
            document = await run_sync(_read_here, entry, path, filename, charset)
        if document is None:
            file = FileToRead(path, entry.format.name, filename, charset, is_page)
            async with self._slots:
                document = await self._read_in_child(file, self._limits.times(entry))
        if not document.blocks:
            raise ExtractionFailed("empty", "The file contains no text.")
        return document

    async def _read_in_child(self, file: FileToRead, limits: ExtractionLimits) -> Document:
        child = await self._child()
        answered = False
        try:
            with anyio.fail_after(limits.wall_s):
                answer = await child.read(file, limits)
            answered = True
        except TimeoutError as error:
            raise _took_too_long() from error
        except ChildDied as error:
            raise _death_of(await child.close()) from error
        finally:
            if answered and child.files_read < limits.files_per_process:
                self._idle.append(child)
            else:
                await child.close()
        if isinstance(answer, ExtractionFailed):
            raise answer
        return answer

    async def _child(self) -> ChildProcess:
        while self._idle:
            child = self._idle.pop()
            if child.is_alive:
                return child
            await child.close()
        return await ChildProcess.start()


def _look_at(path: Path) -> tuple[bytes, int]:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES), path.stat().st_size


def _read_here(entry: Entry, path: Path, filename: str, charset: str) -> Document | None:
    """Return the document of a text in UTF-8; None for any other encoding, which may need guessing."""
    data = path.read_bytes()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return entry.read(FileContent(data, filename, charset)) if 0 not in data else None


def _charset(content_type: str) -> str:
    if "charset" not in content_type.lower():
        return ""
    header = Message()
    header["content-type"] = content_type
    return header.get_content_charset("")


def _took_too_long() -> ExtractionFailed:
    return ExtractionFailed("timeout", "Reading the file took too long; it was given up.")


def _death_of(status: int | None) -> ExtractionFailed:
    if status is not None and status == -getattr(signal, "SIGXCPU", 0) != 0:
        return _took_too_long()
    return ExtractionFailed(
        "broken", "The file's reader stopped: the file is damaged, or it needs more memory than is allowed."
    )
