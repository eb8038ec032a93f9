"""What our output is written to: a terminal, a pipe or a file."""

from __future__ import annotations

import errno
import io
import os
import shutil
import sys
import textwrap
from functools import partial
from typing import TYPE_CHECKING, TextIO, cast

from calypso_mcp.errors import CalypsoError

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: Lines longer than this are hard to read, however wide the terminal is.
_WIDEST = 100
_NARROWEST = 40
_STDOUT = 1

#: Wraps a text, but no path or command at its hyphens: people copy them.
fill = partial(textwrap.fill, break_on_hyphens=False)


def columns() -> int:
    """Return how many columns a line of text may take: `COLUMNS`, the terminal's width, or 80."""
    return max(_NARROWEST, min(shutil.get_terminal_size().columns, _WIDEST))


def started_by_hand() -> bool:
    """Whether a person at a terminal is at the other end of standard input."""
    return sys.stdin is not None and sys.stdin.isatty()


class OutputFailed(CalypsoError):
    """The output cannot be written."""


def guard_output() -> None:
    """Make a failed write to standard output one clear error, and ignore a failed write to standard error.

    Characters that the output cannot show, for example in file names, are escaped.
    """
    sys.stdout = _guarded(sys.stdout)
    sys.stderr = _guarded(sys.stderr)


class _Stream(io.FileIO):
    """A standard stream. After its first failure, standard output is not even written to at the end."""

    _has_failed = False

    def write(self, data: Buffer, /) -> int | None:
        if not self._has_failed:
            try:
                return super().write(data)
            except OSError as error:
                # A failure of standard error cannot be reported, and may pass, such as that of a full disk.
                if self.fileno() == _STDOUT:
                    self._has_failed = True
                    closed = error.errno == errno.EPIPE
                    reason = "it was closed before the end" if closed else os.strerror(error.errno or 0)
                    raise OutputFailed(f"cannot write the output: {reason}.") from None
        return memoryview(data).nbytes


def _guarded(stream: TextIO) -> TextIO:
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError, ValueError):  # closed, or none at all
        return stream
    if stream.isatty():
        cast("io.TextIOWrapper[io.BufferedWriter]", stream).reconfigure(errors="backslashreplace")
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Stream(descriptor, "wb", closefd=False)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=descriptor != _STDOUT,
    )
