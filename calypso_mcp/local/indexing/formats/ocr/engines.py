"""Which program reads the text in pictures here; finding out loads nothing heavy."""

from __future__ import annotations

import shutil
from functools import cache
from importlib.util import find_spec

#: Where tesseract is looked for, in the server and in the child alike: the child has no PATH of the server's.
_PROGRAM_FOLDERS = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin:/opt/local/bin"
#: Modules of the `ocr` extra.
_MODULES = ("rapidocr", "onnxruntime")


@cache
def is_rapidocr_installed() -> bool:
    """Whether the `ocr` extra is there."""
    return all(find_spec(name) is not None for name in _MODULES)


@cache
def find_tesseract() -> str | None:
    """Return the path of the system's tesseract."""
    return shutil.which("tesseract", path=_PROGRAM_FOLDERS)


def is_recognition_installed() -> bool:
    """Whether the text in pictures can be read."""
    return is_rapidocr_installed() or find_tesseract() is not None
