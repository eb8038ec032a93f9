"""What a client should start: absolute, because programs of a desktop are started with a minimal PATH."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from calypso_mcp import __version__

PACKAGE = "calypso-mcp"


def server_command(search_path: str | None = None) -> list[str]:
    """Return an absolute program and its first arguments, which start this calypso-mcp.

    The script beside this Python if there is one. `uvx`, sought in `search_path`, with this version if Python
    itself runs from the cache of uv, which may be emptied any day. Else this Python with `-m calypso_mcp`.
    """
    here = Path(sys.executable).absolute()
    if _is_kept(here):
        script = here.with_name(PACKAGE + (".exe" if os.name == "nt" else ""))
        if os.access(script, os.X_OK):
            return [str(script)]
        return [str(here), "-m", "calypso_mcp"]
    uvx = shutil.which("uvx", path=search_path)
    return (
        [str(Path(uvx).absolute()), f"{PACKAGE}=={__version__}"] if uvx else [str(here), "-m", "calypso_mcp"]
    )


def minimal_path() -> str:
    """Return the PATH with which a desktop starts its programs."""
    if os.name == "nt":
        return r"C:\Windows\system32;C:\Windows"
    return "/usr/bin:/bin:/usr/sbin:/sbin"


def _is_kept(python: Path) -> bool:
    """Whether this Python stays where it is: not in the cache of uv, whose environments come and go."""
    return not any(re.fullmatch(r"(?:archive|environments)-v\d+", part) for part in python.parts)


def ask_program(command: Sequence[str], *, timeout_s: float) -> subprocess.CompletedProcess[str] | None:
    """Run a program and return its exit code and output; None if it did not start or did not end in time."""
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
