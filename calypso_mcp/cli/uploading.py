"""Uploading a person's files through the MCP server: one call for each folder, one for all single files."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from calypso_mcp.cli.mcp_session import Session
from calypso_mcp.cli.progress import Report
from calypso_mcp.errors import ConfigError

#: Longest wait of one call, in seconds; the tool's own limit.
_WAIT_S = 300.0

#: Statuses of an input whose bytes the API has.
ARRIVED = frozenset({"accepted", "replayed"})


@dataclass(frozen=True, slots=True)
class Sources:
    """What a person named on the command line, made absolute."""

    folders: tuple[Path, ...]
    files: tuple[Path, ...]

    @classmethod
    def of(cls, paths: Sequence[Path]) -> Sources:
        """Sort paths into folders and files.

        Raises:
            ConfigError: There is nothing at a path, or something that is neither.
        """
        absolute = [path.expanduser().absolute() for path in paths]
        for path in absolute:
            if not path.is_dir() and not path.is_file():
                raise ConfigError(f"There is no file or folder at {path}.")
        return cls(
            folders=tuple(dict.fromkeys(path for path in absolute if path.is_dir())),
            files=tuple(dict.fromkeys(path for path in absolute if path.is_file())),
        )

    @property
    def allowed(self) -> tuple[Path, ...]:
        """Folders the server must be allowed to read for this, and no others."""
        return tuple(dict.fromkeys([*self.folders, *(path.parent for path in self.files)]))

    def paths_of(self, outcomes: Sequence[Mapping[str, Any]]) -> list[Path]:
        """Return where the files of `outcomes` lie on this machine."""
        return [path for outcome in outcomes if (path := self._path_of(outcome)) is not None]

    def _path_of(self, outcome: Mapping[str, Any]) -> Path | None:
        name = str(outcome.get("path") or outcome.get("input") or "")
        candidates = (Path(name), *(folder / name for folder in self.allowed))
        return next((path for path in candidates if path.is_absolute() and path.is_file()), None)

    def allow_flags(self) -> list[str]:
        """Return the flags that allow them."""
        return [part for path in self.allowed for part in ("--allow-path", str(path))]


@dataclass(slots=True)
class Tally:
    """One outcome for every input, over all calls."""

    outcomes: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    batch_ids: list[str] = field(default_factory=list[str])

    def add(self, result: Mapping[str, Any]) -> None:
        """Take the outcomes of one call."""
        self.outcomes.extend(cast("list[dict[str, Any]]", result.get("outcomes", [])))
        self.batch_ids.extend(cast("list[str]", result.get("batch_ids", [])))

    @property
    def arrived(self) -> list[dict[str, Any]]:
        """Outcomes of files that the API has, newly or from before."""
        return [outcome for outcome in self.outcomes if outcome["status"] in ARRIVED]

    def wait_targets(self) -> list[dict[str, object]]:
        """Return the arguments of the waits that cover everything that arrived."""
        if self.batch_ids:
            return [{"batch_id": batch_id} for batch_id in dict.fromkeys(self.batch_ids)]
        return [{"file_ids": [outcome["file_id"] for outcome in self.arrived]}]


def calls_for(sources: Sources, common: Mapping[str, object]) -> Iterator[dict[str, object]]:
    """Yield the arguments of each `upload_batch` call."""
    for folder in sources.folders:
        yield {**common, "directory": str(folder)}
    if sources.files:
        yield {**common, "paths": [str(path) for path in sources.files]}


async def upload(session: Session, sources: Sources, common: Mapping[str, object], report: Report) -> Tally:
    """Upload everything and return what became of each file."""
    tally = Tally()
    for arguments in calls_for(sources, common):
        tally.add(await session.call("upload_batch", arguments, report))
    return tally


async def wait_until_searchable(
    session: Session, arguments: Mapping[str, object], limit_s: float, report: Report
) -> dict[str, Any]:
    """Wait until everything is searchable, has failed, or `limit_s` is over; returns the last answer."""
    deadline = time.monotonic() + limit_s
    while True:
        remaining = deadline - time.monotonic()
        timeout_s = max(0.0, min(_WAIT_S, remaining))
        result = await session.call("wait_for_bucket_sync", {**arguments, "timeout_s": timeout_s}, report)
        if result.get("state") != "pending" or remaining <= _WAIT_S:
            return result
