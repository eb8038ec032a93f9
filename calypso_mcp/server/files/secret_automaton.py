"""All forms of secrets as one automaton, compiled once and kept for the processes that come later."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from calypso_mcp.regular_files import open_regular_file
from calypso_mcp.server.files.secret_forms import FORMS

if TYPE_CHECKING:
    from hyperscan import Database, Scratch

#: Its usual name in a data folder.
AUTOMATON_FILE: Final = "secret-forms"
_DIGEST_BYTES: Final = 32
#: Ten times what the automaton takes.
_MOST_BYTES: Final = 64 << 20
_making = threading.Lock()

#: Told of a match: the number of its form, its start and its end; returns whether to stop.
Judge = Callable[[int, int, int], bool]


class SecretAutomaton:
    """The automaton, and each thread's working memory of it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._of_thread = threading.local()

    def scan(self, text: bytes, judge: Judge) -> None:
        """Report the matches in `text` in time linear in its length, without Python's lock in between."""
        import hyperscan

        def report(number: int, start: int, end: int, _flags: int, _context: object) -> bool:
            return judge(number, start, end)

        with suppress(hyperscan.ScanTerminated):
            self._database.scan(text, match_event_handler=report, scratch=self._scratch())

    def _scratch(self) -> Scratch:
        if not hasattr(self._of_thread, "scratch"):
            from hyperscan import Scratch

            self._of_thread.scratch = Scratch(self._database)
        scratch: Scratch = self._of_thread.scratch
        return scratch


def secret_automaton(kept_at: Path | None) -> SecretAutomaton:
    """Return the automaton of all forms, made when first needed; a file keeps it for other processes."""
    with _making:
        return make(kept_at)


@cache
def make(kept_at: Path | None) -> SecretAutomaton:
    """Load the automaton, or compile it: that takes 0.1 s and 6 MB."""
    kept = None if kept_at is None else _load(kept_at)
    return SecretAutomaton(kept or _compile(kept_at))


def _load(kept_at: Path) -> Database | None:
    """Return what is kept; None where that is nothing, damaged, not ours, or of other forms or processors."""
    import hyperscan

    try:
        kept = _read_own(kept_at)
    except OSError:
        return None
    digest, compiled = kept[:_DIGEST_BYTES], kept[_DIGEST_BYTES:]
    if digest != _digest(compiled):
        return None
    with suppress(hyperscan.HyperscanError):
        return hyperscan.loadb(compiled, hyperscan.HS_MODE_BLOCK)
    return None


def _compile(kept_at: Path | None) -> Database:
    import hyperscan

    database = hyperscan.Database()
    database.compile(
        expressions=[form.pattern.encode() for form in FORMS],
        ids=list(range(len(FORMS))),
        flags=hyperscan.HS_FLAG_SOM_LEFTMOST,
    )
    if kept_at is not None:
        compiled = hyperscan.dumpb(database)
        with suppress(OSError):  # a folder that cannot be written to costs time only
            _keep(kept_at, _digest(compiled) + compiled)
    return database


def _read_own(path: Path) -> bytes:
    """Return a file that only this user can have written: the engine runs what it holds, unchecked.

    Raises:
        OSError: It is another user's, others may write to it, or it is no regular file.
    """
    if sys.platform == "win32":
        return path.read_bytes()
    # A link would be followed to what this user wrote elsewhere.
    descriptor = open_regular_file(str(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(path)
        return file.read(_MOST_BYTES)


def _digest(compiled: bytes) -> bytes:
    """Return what differs when the file is damaged or of other forms; the engine knows its own versions."""
    forms = repr([form.pattern for form in FORMS])
    return hashlib.sha256(forms.encode() + compiled).digest()


def _keep(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, for its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
