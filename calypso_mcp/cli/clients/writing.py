"""Replaces a configuration as a whole, keeps a copy, and notices changes by other programs."""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from calypso_mcp.cli.clients.jsonc import Unreadable
from calypso_mcp.errors import CalypsoError
from calypso_mcp.regular_files import read_regular_file

_MARK = b"\xef\xbb\xbf"
#: A configuration longer than this is not one, in bytes. Claude Code keeps histories in its own.
_LONGEST_BYTES = 64 * 1_048_576
#: More copies than this of one configuration are never looked for.
_MOST_BACKUPS = 10_000


class NotWritten(CalypsoError):
    """The configuration was not changed."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A configuration as it was read; `content` is None if the file did not exist."""

    path: Path
    content: bytes | None

    @classmethod
    def of(cls, path: Path) -> Snapshot:
        """Read a configuration.

        Raises:
            Unreadable: It exists and cannot be read, or is too long.
        """
        try:
            return cls(path, read_regular_file(path, _LONGEST_BYTES))
        except FileNotFoundError:
            if path.is_symlink():
                raise Unreadable("it is a link to a file that does not exist") from None
            return cls(path, None)
        except OSError as error:
            raise Unreadable(str(error.strerror or error)) from None

    @property
    def text(self) -> str:
        """The text without a byte order mark.

        Raises:
            Unreadable: It is not UTF-8.
        """
        try:
            return (self.content or b"").decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Unreadable("it is not UTF-8") from None

    def replace(self, text: str) -> Path | None:
        """Write `text`; return the path of the copy of the file before, None if there was no file.

        Raises:
            NotWritten: The file changed since it was read, or cannot be written. It is as it was.
        """
        target = Path(os.path.realpath(self.path))
        content = (_MARK if (self.content or b"").startswith(_MARK) else b"") + text.encode()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if self.content is not None and not target.stat().st_mode & stat.S_IWUSR:
                raise NotWritten(f"{target} is read-only.")
            with tempfile.NamedTemporaryFile(
                dir=target.parent, prefix=f".{target.name}.", delete=False
            ) as new:
                written = Path(new.name)
                new.write(content)
                new.flush()
                os.fsync(new.fileno())
            try:
                if self.content is not None:
                    written.chmod(target.stat().st_mode & 0o7777)
                if _content_of(target) != self.content:
                    raise NotWritten(
                        f"{target} was changed by another program meanwhile.",
                        hint="Run the same command again.",
                    )
                backup = None if self.content is None else _keep(target, self.content)
                written.replace(target)
            finally:
                written.unlink(missing_ok=True)
        except OSError as error:
            raise NotWritten(f"{target} cannot be written: {error.strerror or error}.") from error
        return backup


def _content_of(path: Path) -> bytes | None:
    try:
        return read_regular_file(path, _LONGEST_BYTES)
    except FileNotFoundError:
        return None


def _keep(path: Path, content: bytes) -> Path:
    """Write a copy beside the file, for its owner only, under a name that is free."""
    for number in range(1, _MOST_BACKUPS):
        copy = path.with_name(f"{path.name}.before-calypso-{number}")
        try:
            descriptor = os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        return copy
    raise NotWritten(f"There are too many copies of {path}.", hint="Delete the older ones.")
