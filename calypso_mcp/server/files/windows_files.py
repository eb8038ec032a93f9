"""Opening a file below an allowed folder on Windows, where a path cannot be opened step by step.

The file is opened first and asked afterwards where it really is: `GetFinalPathNameByHandleW` answers for
the handle, not for a name, so a folder swapped for a junction between check and read is noticed. What
counts from then on is the real path: it must lie below the allowed folder, and its names are judged again,
because a short name (`ID_RSA~1`) hides the long one.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from calypso_mcp.domain.files.path_rules import PathStyle, parts_below, split_root

_LONGEST_PATH = 32_768
_REPARSE_POINT = 0x400


def final_parts(root: str, final: str) -> tuple[str, ...] | None:
    """Return the components of `final` below `root`, both absolute; None where it lies elsewhere."""
    plain = final.removeprefix("\\\\?\\")
    if plain.upper().startswith("UNC\\"):
        plain = "\\\\" + plain[4:]
    style = PathStyle.WINDOWS
    return parts_below(split_root(plain, style), split_root(root, style), style)


def open_below(root: str, parts: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Open a file below `root`; returns its descriptor and its real components below `root`.

    Raises:
        OSError: It cannot be opened, or a link led out of `root` (`ELOOP`).
    """
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)
    descriptor = os.open(Path(root, *parts), flags)
    try:
        return descriptor, _parts_of(descriptor, root)
    except BaseException:
        os.close(descriptor)
        raise


def check_folder(root: str, parts: tuple[str, ...]) -> None:
    """Check that the folder below `root` exists and no component of it is a link.

    Raises:
        OSError: It does not exist, is a file, or is reached through a link.
    """
    path = Path(root)
    for part in parts:
        path = path / part
        if is_reparse_point(path.lstat()):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    if not path.is_dir():
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))


def is_reparse_point(status: os.stat_result) -> bool:
    """Whether this is a link, a junction or a mount point rather than a folder or file of its own."""
    return bool(getattr(status, "st_file_attributes", 0) & _REPARSE_POINT)


def _parts_of(descriptor: int, root: str) -> tuple[str, ...]:
    found = final_parts(root, _final_path(descriptor))
    if not found:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return found


if sys.platform == "win32":
    import ctypes
    import msvcrt

    def _final_path(descriptor: int) -> str:
        buffer = ctypes.create_unicode_buffer(_LONGEST_PATH)
        handle = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor))
        if not ctypes.windll.kernel32.GetFinalPathNameByHandleW(handle, buffer, _LONGEST_PATH, 0):
            raise ctypes.WinError()
        return buffer.value

else:

    def _final_path(descriptor: int) -> str:
        raise OSError(errno.ENOSYS, f"descriptor {descriptor} has no final path: this is not Windows")
