"""Running the extraction child: start it, ask it, and end it when it misbehaves."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
from array import array
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import anyio
from anyio import to_thread
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
from anyio.streams.buffered import BufferedByteReceiveStream

from calypso_mcp.local.indexing.documents import MOST_CHARS, Block, Document, ExtractionFailed, Part

#: `-P` keeps Python from taking a module of the current folder for a library's. The folders of this process's
#: modules follow as arguments, because the child's environment names none.
_PROGRAM = (
    "import sys; sys.path += sys.argv[1:]; from calypso_mcp.local.indexing.formats.child import main; main()"
)
#: The child's whole environment: hostile files need no secrets near them. Children run side by side, so
#: numeric libraries get one thread each. Tesseract asks for four threads unless the limit stops it; with one
#: it takes a third of the processor time.
_ENVIRONMENT = {
    "PYTHONUTF8": "1",
    "OMP_NUM_THREADS": "1",
    "OMP_THREAD_LIMIT": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
#: Most bytes for one character of text, and for everything around the texts.
_BYTES_PER_CHAR = 4
_FRAME_BYTES = 100_000_000
#: Seconds for a child that has stopped answering to end by itself.
_GRACE_S = 1.0
_LENGTH_LINE_BYTES = 32


@dataclass(frozen=True, slots=True)
class ExtractionLimits:
    """What one file may cost."""

    #: Address space of the child process, where the system can limit it.
    memory_bytes: int = 1_073_741_824
    #: Processor seconds per file, where the system can limit them.
    cpu_s: int = 60
    #: Seconds per file, everywhere. Several times those of the processor: giving up is for good, and a busy
    #: machine may grant a child a fifth of one.
    wall_s: float = 300.0
    #: Characters of text from one file.
    max_chars: int = MOST_CHARS
    #: Paragraphs, headings, lists and tables in one file: more would fill this process's memory.
    max_blocks: int = 250_000
    #: Bytes of a file that is read as text.
    max_file_bytes: int = 26_214_400
    #: Children at the same time: one for each file that a worker reads, that in its extra place included.
    processes: int = 3
    #: A child is replaced after this many files, in case a parser leaks.
    files_per_process: int = 200

    def for_recognition(self) -> ExtractionLimits:
        """Return these limits for a file whose pictures are read: seconds a page, and models in memory."""
        return replace(
            self, memory_bytes=self.memory_bytes * 6, cpu_s=self.cpu_s * 30, wall_s=self.wall_s * 24
        )


@dataclass(frozen=True, slots=True)
class FileToRead:
    """A stored file and how to read it."""

    path: Path
    #: Name of its format in the registry.
    format: str
    #: The name it was uploaded under.
    filename: str = ""
    #: The character set that its content type declares; empty where it declares none.
    charset: str = ""
    #: Whether it is a web page, of which only the main content is read.
    is_page: bool = False
    #: Whether to read the text in its pictures, too.
    recognizes: bool = False


def _module_folders() -> list[str]:
    """Return the folders of this process's modules, without the current folder."""
    current = os.path.realpath(os.curdir)
    package = str(Path(__file__).parents[3])
    return [package, *(folder for folder in sys.path if folder and os.path.realpath(folder) != current)]


def _environment() -> dict[str, str]:
    if sys.platform != "win32":
        return _ENVIRONMENT
    # Windows starts no Python without it.
    return _ENVIRONMENT | {"SYSTEMROOT": os.environ["SYSTEMROOT"]}  # noqa: TID251  no secret


def _to_blocks(fields: bytes, texts: bytes, rows: bytes) -> list[Block]:
    blocks: list[Block] = []
    lines = array("I", rows)
    text_start, row_start = 0, 0
    for text_bytes, row_count, part, *rest in json.loads(fields):
        text_end, row_end = text_start + text_bytes, row_start + 2 * row_count
        text, of_rows = texts[text_start:text_end].decode(), lines[row_start:row_end]
        text_start, row_start = text_end, row_end
        place = None if part is None else Part(*part)
        blocks.append(
            Block(text, place, *rest, row_lines=tuple(zip(of_rows[::2], of_rows[1::2], strict=True)))
        )
    return blocks


class ChildDied(Exception):
    """The child ended or broke the protocol in the middle of a file."""


class ChildProcess:
    """One child, asked one file at a time."""

    def __init__(self, process: Process, requests: ByteSendStream, answers: ByteReceiveStream) -> None:
        self._process = process
        self._requests = requests
        self._answers = BufferedByteReceiveStream(answers)
        self._has_stopped_answering = False
        self._bytes_left = 0
        #: Whether it has not yet answered the last request.
        self.is_busy = False
        self.files_read = 0

    @classmethod
    async def start(cls) -> ChildProcess:
        """Start a Python that imports only the child's own module."""
        flags: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
        # Shielded: cancelled half-way, asyncio forgets a process whose pipes it is still connecting.
        process: Process | None = None
        with anyio.CancelScope(shield=True):
            process = await anyio.open_process(
                [sys.executable, "-P", "-c", _PROGRAM, *_module_folders()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                creationflags=flags,
                env=_environment(),
            )
        if process is None or process.stdin is None or process.stdout is None:
            raise ChildDied
        return cls(process, process.stdin, process.stdout)

    async def read(self, file: FileToRead, limits: ExtractionLimits) -> Document:
        """Have one file read; return its content.

        Raises:
            ExtractionFailed: The file cannot be read.
            ChildDied: The child ended or answered nonsense. Close it.
        """
        answer, blocks = await self._ask(
            limits,
            **asdict(file) | {"path": str(file.path)},
            max_chars=limits.max_chars,
            max_blocks=limits.max_blocks,
        )
        tags, warnings = tuple(answer["tags"]), tuple(answer["warnings"])
        return Document(tuple(blocks), answer["title"], tags, warnings, answer["shows_unread_text"])

    async def draw(self, path: Path, page: int, limits: ExtractionLimits) -> bytes:
        """Have a page (1-based) of a PDF drawn; return it as PNG. Raises as `read` does."""
        answer, _ = await self._ask(limits, path=str(path), page=page)
        return base64.b64decode(answer["picture"])

    async def _ask(self, limits: ExtractionLimits, **asked: Any) -> tuple[dict[str, Any], list[Block]]:
        self.files_read += 1
        self.is_busy = True
        request = {**asked, "memory_bytes": limits.memory_bytes, "cpu_s": limits.cpu_s}
        try:
            await self._requests.send(json.dumps(request).encode() + b"\n")
            self._bytes_left = limits.max_chars * _BYTES_PER_CHAR + _FRAME_BYTES
            answer = await to_thread.run_sync(json.loads, await self._receive())
            blocks: list[Block] = []
            while fields := await self._receive():
                texts, rows = await self._receive(), await self._receive()
                # In a thread: a file of very many blocks would hold up everybody's requests for a second.
                blocks += await to_thread.run_sync(_to_blocks, fields, texts, rows)
        except (
            anyio.BrokenResourceError,
            anyio.ClosedResourceError,
            anyio.EndOfStream,
            anyio.IncompleteRead,
            anyio.DelimiterNotFound,
            ValueError,
        ) as error:
            self._has_stopped_answering = True
            raise ChildDied from error
        self.is_busy = False
        if "code" in answer:
            raise ExtractionFailed(answer["code"], answer["message"])
        return answer, blocks

    async def _receive(self) -> bytes:
        """Return the next body of an answer. Raises ValueError if the answer is longer than any can be."""
        length = int(await self._answers.receive_until(b"\n", _LENGTH_LINE_BYTES))
        self._bytes_left -= length
        if length < 0 or self._bytes_left < 0:
            raise ValueError(length)
        return await self._answers.receive_exactly(length)

    @property
    def is_alive(self) -> bool:
        """Whether the process is still running."""
        return self._process.returncode is None

    async def close(self) -> int | None:
        """End it at once; return its exit status, negative for a signal."""
        with anyio.CancelScope(shield=True):
            if self._has_stopped_answering:
                # Its exit status is on its way; a signal sent now could make Python lose it.
                with anyio.move_on_after(_GRACE_S):
                    await self._process.wait()
            if self.is_alive and not self._kill_group():
                with contextlib.suppress(ProcessLookupError):  # it ended by itself meanwhile
                    self._process.kill()
            await self._process.aclose()
        return self._process.returncode

    def _kill_group(self) -> bool:
        """Kill it with all it has started, unless it has no group yet; return whether it had one."""
        if sys.platform != "win32":
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
                return True
        return False
