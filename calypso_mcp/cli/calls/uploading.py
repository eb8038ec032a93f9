"""Uploading a person's files through the MCP server: one call for each folder, one for all single files."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from calypso_mcp.cli.calls.mcp_session import Session
from calypso_mcp.cli.printing.outcomes import counts_of, outcomes_of
from calypso_mcp.cli.printing.progress import Report
from calypso_mcp.domain.files.path_rules import is_pattern
from calypso_mcp.errors import ConfigError
from calypso_mcp.regular_files import expand_home

#: Seconds one call may take; the tools' own limit. What takes longer is continued by the next call.
_CALL_S = 300.0
#: A person who types the command has agreed to what it does.
_BY_A_PERSON = {"confirm": True, "timeout_s": int(_CALL_S)}
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

    def paths_of(self, outcomes: Iterable[Mapping[str, Any]]) -> list[Path]:
        """Return the paths of the files of `outcomes` on this machine."""
        return [path for outcome in outcomes if (path := self._path_of(outcome)) is not None]

    def _path_of(self, outcome: Mapping[str, Any]) -> Path | None:
        name = str(outcome["path"])
        candidates = (Path(name), *(folder / name for folder in self.allowed))
        return next((path for path in candidates if path.is_absolute() and path.is_file()), None)


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
    """Upload everything; returns the last result of `upload_batch` for each folder and for the files.

    Paths that cannot be read come last, as one more result.
    """
    results = [
        await _upload_to_the_end(session, arguments, report) for arguments in calls_for(sources, common)
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


async def _upload_to_the_end(
    session: Session, arguments: Mapping[str, object], report: Report | None
) -> dict[str, Any]:
    """Call again with the same arguments while that can help: each call continues the one before."""
    joined: dict[str, Any] | None = None
    left: int | None = None
    unready_before: int | None = None
    while True:
        started = time.monotonic()
        result = await session.call("upload_batch", {**arguments, **_BY_A_PERSON}, report)
        joined = _join(joined, result) if joined else result
        is_quick = time.monotonic() - started < _CALL_S / 2
        unready: int | None = result.get("searchable", {}).get("pending")
        # What an API accepted without ids cannot be asked about: waiting for it ends at once, every time.
        is_stuck = is_quick and unready is not None and unready == unready_before
        indexing = arguments.get("wait") and result.get("readiness") == "pending" and not is_stuck
        out_of_time = "progress" in result or indexing
        pending = cast("int", result["counts"].get("pending", 0))
        if not out_of_time and (not pending or (left is not None and pending >= left)):
            return joined
        left, unready_before = pending, unready


def _join(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the results of a call and of the next one with the same arguments as one result.

    The second call finds what the first one sent and lists little of it, and knows neither what the first
    one removed nor which bucket it created.
    """
    counts, counts_before = counts_of([after]), counts_of([before])
    there = min(counts["replayed"], counts_before["replayed"])
    counts["accepted"] += counts["replayed"] - there
    counts["replayed"] = there
    counts["removed"] += counts_before["removed"]
    sent = {outcome["path"]: outcome for outcome in outcomes_of([before]) if outcome["outcome"] == "accepted"}
    outcomes = [
        sent.pop(outcome["path"], outcome) if outcome["outcome"] == "replayed" else outcome
        for outcome in outcomes_of([after])
    ]
    named = {outcome["path"] for outcome in outcomes}
    outcomes += [outcome for path, outcome in sent.items() if path not in named]
    facts = {
        "created": before.get("created", after.get("created")),
        "outcomes": outcomes,
        "omitted": max(0, after.get("omitted", 0) + len(named) - len(outcomes)),
    }
    others = {name: fact for name, fact in after.items() if name not in facts}
    return {**others, "counts": dict(+counts), **{name: fact for name, fact in facts.items() if fact}}


async def wait_until_searchable(
    session: Session, arguments: Mapping[str, object], limit_s: float, report: Report
) -> dict[str, Any]:
    """Wait until everything is searchable or has failed, or `limit_s` is over; returns the last answer."""
    deadline = time.monotonic() + limit_s
    while True:
        remaining = max(0.0, deadline - time.monotonic())
        timeout_s = int(min(_CALL_S, remaining))
        result = await session.call("wait_for_bucket_sync", {**arguments, "timeout_s": timeout_s}, report)
        if result["readiness"] != "pending" or remaining <= _CALL_S:
            return result
