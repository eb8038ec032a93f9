"""OLE compound files (MS-CFB): Office before 2007, Outlook, and objects in newer documents."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import olefile  # pyright: ignore[reportMissingTypeStubs]

_ole_file: Any = olefile.OleFileIO  # not typed
OLE_START = b"\xd0\xcf\x11\xe0"
#: What olefile and the readers of its streams raise on a damaged file.
DAMAGES = (RecursionError, OverflowError, OSError, struct.error, ValueError, TypeError, LookupError)


def open_compound_file(data: bytes) -> Any:
    """Return olefile's view of `data`, a context manager; raises one of `DAMAGES`."""
    return _ole_file(BytesIO(data))
