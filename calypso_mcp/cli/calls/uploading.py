"""Uploading a person's files through the MCP server: one call for each folder, one for all single files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calypso_mcp.cli.calls.mcp_session import Session
from calypso_mcp.cli.printing.progress import Report
from calypso_mcp.domain.files.path_rules import is_pattern
from calypso_mcp.errors import ConfigError
from calypso_mcp.regular_files import expand_home
from calypso_mcp.server.calls.call_time import LONGEST_CALL_S

#: A person who types the command has agreed to what it does. The time counts only in a child process.
_BY_A_PERSON = {"confirm": True, "timeout_s": LONGEST_CALL_S}
#: The reason given for a path that leads to neither a file nor a folder.
_MISSING = "there is no file or folder"


@dataclass(frozen=True, slots=True)
class Sources:
    """What a person named on the command line, made absolute."""

    folders: tuple[Path, ...]
    files: tuple[Path, ...]
    #: Paths that exist but cannot be read, with the system's reason.
    unreadable: tuple[tuple[Path, str], ...] = ()

    @classmethod
    def of(cls, paths: Sequence[Path]) -> Sources:
        """Sort paths into folders and files, and those that cannot be read.

        Raises:
            ConfigError: None of the paths leads to a file or a folder.
        """
        absolute = [expand_home(path).absolute() for path in paths]
        reasons = {path: _why_unreadable(path) for path in absolute}
        if all(reason == _MISSING for reason in reasons.values()):
            raise ConfigError(
                f"There is no file or folder at {absolute[0]}.",
                hint="Name the folder; `calypso-mcp upload` takes --include GLOB."
                if is_pattern(str(absolute[0]))
                else "",
            )
        absolute = [path for path in absolute if reasons[path] is None]
        return cls(
            folders=tuple(dict.fromkeys(path for path in absolute if path.is_dir())),
            files=tuple(dict.fromkeys(path for path in absolute if path.is_file())),
            unreadable=tuple((path, reason) for path, reason in reasons.items() if reason is not None),
        )

    @property
    def allowed(self) -> tuple[Path, ...]:
        """Folders the server must be allowed to read for this, and no others."""
        return tuple(dict.fromkeys([*self.folders, *(path.parent for path in self.files)]))


def calls_for(sources: Sources, common: Mapping[str, object]) -> Iterator[dict[str, object]]:
    """Yield the arguments of each `upload_batch` call; globs only make sense for folders."""
    for folder in sources.folders:
        yield {**common, "directory": str(folder)}
    if sources.files:
        yield {
            **{name: value for name, value in common.items() if name not in {"include", "exclude"}},
            "paths": [str(path) for path in sources.files],
        }


async def upload(
    session: Session, sources: Sources, common: Mapping[str, object], report: Report | None
) -> list[dict[str, Any]]:
    """Upload everything; returns the result of `upload_batch` for each folder and for the files.

    Paths that cannot be read come last, as one more result.
    """
    results = [
        await session.call("upload_batch", {**arguments, **_BY_A_PERSON}, report)
        for arguments in calls_for(sources, common)
    ]
    failed = [
        {"path": str(path), "outcome": "failed", "reason": f"It cannot be read: {reason}."}
        for path, reason in sources.unreadable
    ]
    return [*results, {"counts": {"failed": len(failed)}, "outcomes": failed}] if failed else results


def _why_unreadable(path: Path) -> str | None:
    """Return why the folder at `path`, or the one that holds the file there, cannot be listed; else None."""
    try:
        next((path if path.is_dir() else path.parent).iterdir(), None)
    except FileNotFoundError:
        return _MISSING
    except OSError as problem:
        return problem.strerror or "I/O error"
    return None if path.is_dir() or path.is_file() else _MISSING
