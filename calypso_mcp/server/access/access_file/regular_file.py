"""Reading a small file that the operator named: a pipe or device put in its place must not hang us."""

from __future__ import annotations

import os
import stat
from pathlib import Path

#: Without it, opening a pipe waits for somebody who writes into it. Windows has neither.
_NO_WAITING = getattr(os, "O_NONBLOCK", 0)


def read_regular_file(path: Path, most_bytes: int) -> bytes:
    """Return the first `most_bytes` of the file at `path`.

    Raises:
        OSError: It cannot be read, or is no regular file.
    """
    with open(path, "rb", opener=_open_at_once) as file:
        return file.read(most_bytes)


def _open_at_once(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | _NO_WAITING)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "it is no regular file")
    return descriptor
