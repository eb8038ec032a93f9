"""Finds what an operator names, and reads the small files: keys, access files, configurations."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

#: Without it, opening a pipe waits for a process that writes into it. Windows has neither.
_NO_WAITING = getattr(os, "O_NONBLOCK", 0)


def expand_home(path: Path) -> Path:
    """Return `path` with the home folder in place of `~` or `~user`; like a shell, as it is if there is none.

    Office programs put files such as `~$report.docx` beside those that are open.
    """
    with suppress(RuntimeError):
        return path.expanduser()
    return path


def read_regular_file(path: Path, most_bytes: int) -> bytes:
    """Return the content of a file; a pipe or device in its place hangs nothing.

    Raises:
        OSError: It cannot be read, is no regular file, or has more than `most_bytes`; `strerror` says which.
    """
    with open(path, "rb", opener=open_regular_file) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"it has more than {most_bytes:,} bytes")
    return content


def open_regular_file(path: str, flags: int) -> int:
    """Open a file as `os.open` does, at once.

    Raises:
        OSError: It cannot be opened, or is no regular file.
    """
    descriptor = os.open(path, flags | _NO_WAITING, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file")
    return descriptor
