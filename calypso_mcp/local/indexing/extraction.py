"""From a stored file to its text, even if the file is hostile.

A thread of this process reads small UTF-8 text in simple formats. Child processes with limits read all other
files: their parsers face hostile input, need libraries that this process should not load, or keep it busy. A
child that dies or takes too long fails only its one file and is replaced.
"""

from __future__ import annotations

import signal
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from email.message import Message
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

import anyio
from anyio.to_thread import run_sync

from calypso_mcp.domain.files.text_bytes import HEAD_BYTES
from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.local.indexing.child_process import ChildDied, ChildProcess, ExtractionLimits, FileToRead
from calypso_mcp.local.indexing.documents import Document, ExtractionFailed, FileContent
from calypso_mcp.local.indexing.formats.ocr.engines import is_recognition_installed
from calypso_mcp.local.indexing.formats.registry import choose_entry

if TYPE_CHECKING:
    from calypso_mcp.local.indexing.formats.registry import Entry

T = TypeVar("T")

#: Larger files are read in a child process whatever their format.
_LARGE_BYTES = 524_288


class ChildPool:
    """Child processes with the same limits, each started when first needed and used again.

    Attributes:
        idle: Those that read nothing now.
    """

    def __init__(self, limits: ExtractionLimits, most: int) -> None:
        self._limits = limits
        self._slots = anyio.CapacityLimiter(most)
        self.idle: list[ChildProcess] = []

    async def ask(self, work: Callable[[ChildProcess, ExtractionLimits], Awaitable[T]]) -> T:
        """Return what `work` has a child do; raise `ExtractionFailed` if it dies or takes too long."""
        async with self._slots:
            child = await self._take()
            try:
                with anyio.fail_after(self._limits.wall_s):
                    return await work(child, self._limits)
            except TimeoutError as error:
                raise _took_too_long() from error
            except ChildDied as error:
                raise _explain_death(await child.close()) from error
            finally:
                if child.is_busy or child.files_read >= self._limits.files_per_process:
                    await child.close()
                else:
                    self.idle.append(child)

    async def close_idle(self) -> None:
        """End those that read nothing now."""
        while self.idle:
            await self.idle.pop().close()

    async def _take(self) -> ChildProcess:
        while self.idle:
            child = self.idle.pop()
            if child.is_alive:
                return child
            await child.close()
        return await ChildProcess.start()


class Extractor:
    """Reads files of every supported format; safe for concurrent use within one event loop.

    Use as an async context manager: leaving it ends the child processes.
    """

    def __init__(
        self, limits: ExtractionLimits | None = None, on_recognizing: Callable[[], object] = lambda: None
    ) -> None:
        """Start nothing yet; `on_recognizing` is called when `recognizing` has grown."""
        self._limits = limits or ExtractionLimits()
        self._readers = ChildPool(self._limits, self._limits.processes)
        #: Pictures take seconds a page: one file at a time, beside the others.
        self._recognizers = ChildPool(self._limits.for_recognition(), 1)
        #: Only one file of each bucket waits for it, so that buckets take turns.
        self._next_recognized = defaultdict[str, anyio.Lock](anyio.Lock)
        self._on_recognizing = on_recognizing
        #: Files whose pictures are being read or wait for it, by bucket; other files do not wait for them.
        self.recognizing = Counter[str]()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._readers.close_idle()
        await self._recognizers.close_idle()

    async def extract(
        self, path: Path, declared: Declaration, *, is_page: bool = False, bucket_id: str = ""
    ) -> Document:
        """Return the text of the file at `path`, whose name means nothing; of a page, only its main content.

        Files with the same `bucket_id` share a turn where pictures are read.

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
        entry = choose_entry(declared.filename, declared.content_type or "", head)
        file = FileToRead(path, entry.format.name, declared.filename, _charset(declared), is_page)
        document = await self._read_or_recognize(entry, file, size, bucket_id)
        if not document.blocks:
            reasons = "".join(f": {warning}" for warning in document.warnings[-1:])
            raise ExtractionFailed("empty", f"The file contains no text{reasons}.")
        return document

    def read_small(self, path: Path, declared: Declaration) -> Document | None:
        """Return the text of a small file in a simple format; None for all others. Blocks.

        Files in other encodings and every kind of failure are left to `extract`, too.
        """
        try:
            head, size = _look_at(path)
            entry = choose_entry(declared.filename, declared.content_type or "", head)
            if not entry.is_simple or size > _LARGE_BYTES:
                return None
            file = FileToRead(path, entry.format.name, declared.filename, _charset(declared))
            document = _read_here(entry, file)
        except Exception:  # noqa: BLE001 - see above
            return None
        return document if document is not None and document.blocks else None

    async def _read_or_recognize(self, entry: Entry, file: FileToRead, size: int, bucket_id: str) -> Document:
        can_recognize = is_recognition_installed()
        if not entry.reader:
            return await self._recognize(file, bucket_id)
        try:
            document = await self._read(entry, file, size)
        except ExtractionFailed as failure:
            if failure.code != "no_text_layer" or not can_recognize:
                raise
            return await self._recognize(file, bucket_id)
        if not document.shows_unread_text or not can_recognize:
            return document
        try:
            return await self._recognize(file, bucket_id)
        except ExtractionFailed:
            return document  # its warnings name what is missing

    async def _read(self, entry: Entry, file: FileToRead, size: int) -> Document:
        if entry.is_simple and size <= _LARGE_BYTES:
            document = await run_sync(_read_here, entry, file)
            if document is not None:
                return document
        return await self._readers.ask(lambda child, limits: child.read(file, limits))

    async def _recognize(self, file: FileToRead, bucket_id: str) -> Document:
        """Read the text in pictures, in a child that no other kind of file waits for."""
        self.recognizing[bucket_id] += 1
        self._on_recognizing()
        try:
            pictures = replace(file, recognizes=True)
            async with self._next_recognized[bucket_id]:
                return await self._recognizers.ask(lambda child, limits: child.read(pictures, limits))
        except ExtractionFailed as failure:
            if failure.code != "no_text_layer":
                raise
            # Whatever has this code is read again once OCR is installed.
            raise ExtractionFailed("empty", failure.message) from failure
        finally:
            self.recognizing[bucket_id] -= 1
            if not self.recognizing.total():
                await self._recognizers.close_idle()  # its models fill memory


def _look_at(path: Path) -> tuple[bytes, int]:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES), path.stat().st_size


def _read_here(entry: Entry, file: FileToRead) -> Document | None:
    """Return the document of a text in UTF-8; None for any other encoding, which may need guessing."""
    data = file.path.read_bytes()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return entry.read(FileContent(data, file.filename, file.charset)) if 0 not in data else None


def _charset(declared: Declaration) -> str:
    content_type = declared.content_type or ""
    if "charset" not in content_type.lower():
        return ""
    header = Message()
    header["content-type"] = content_type
    return header.get_content_charset("")


def _took_too_long() -> ExtractionFailed:
    return ExtractionFailed("timeout", "Reading the file took too long.")


def _explain_death(status: int | None) -> ExtractionFailed:
    if status is not None and status == -getattr(signal, "SIGXCPU", 0) != 0:
        return _took_too_long()
    # The system may have ended it for lack of memory, which passes.
    is_killed = status == -getattr(signal, "SIGKILL", 9)
    return ExtractionFailed(
        "indexing_stopped" if is_killed else "broken",
        "The file's reader stopped: the file is damaged or needs more memory than allowed.",
    )
