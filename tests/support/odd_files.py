"""What can stand where a file is expected, and what shows that reading it ends."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path


def make_pipe(path: Path) -> None:
    """Make a pipe that no process writes into."""
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    """Make a socket that no process listens at."""
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


def make_device(path: Path) -> None:
    """Make a link to a device without an end."""
    path.symlink_to("/dev/zero")


def make_huge_file(path: Path) -> None:
    """Make a file of 1 TB, which takes no room on the disk."""
    with path.open("wb") as file:
        file.truncate(10**12)


#: Makers by what they make.
ODD_FILES: dict[str, Callable[[Path], None]] = {
    "pipe": make_pipe,
    "socket": make_socket,
    "device": make_device,
    "folder": Path.mkdir,
    "huge file": make_huge_file,
}


def end_of(call: Callable[[], object]) -> object:
    """Return what `call` returns or raises, which must be soon.

    Raises:
        TimeoutError: It hangs.
    """
    ends: list[object] = []

    def run() -> None:
        try:
            ends.append(call())
        except Exception as error:  # noqa: BLE001 - handed on
            ends.append(error)

    reader = threading.Thread(target=run, daemon=True)
    reader.start()
    reader.join(10)
    if not ends:
        raise TimeoutError
    return ends[0]
