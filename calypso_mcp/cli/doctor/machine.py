"""This machine's Python, its SQLite, the libraries and the extras."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path

from calypso_mcp import __version__
from calypso_mcp.cli.clients.command import PACKAGE
from calypso_mcp.cli.doctor.findings import Finding, note, ok, problem
from calypso_mcp.errors import ConfigError
from calypso_mcp.local.indexing.formats.ocr.engines import find_tesseract
from calypso_mcp.local.store.connections.database import check_sqlite

_FOR_CONTRIBUTORS = {"dev", "docs"}
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*(?:;(.*))?")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w-]+)['\"]")


def check_machine() -> Iterator[Finding]:
    """Yield what is installed, and what is missing."""
    yield ok(f"calypso-mcp {__version__}, Python {platform.python_version()} at {sys.executable}")
    yield _check_full_text_search()
    yield from _check_libraries(requires(PACKAGE) or [])


def check_folders(folders: Sequence[Path], home: Path) -> Iterator[Finding]:
    """Yield whether the folders that callers may upload from can be read."""
    if not folders:
        yield note(
            "Without --allow-path, agents can upload text but no files of this machine.",
            "Allow a folder in your client: calypso-mcp install CLIENT --allow-path FOLDER",
        )
    for folder in folders:
        try:
            with os.scandir(folder) as listing:
                next(listing, None)
        except OSError as error:
            yield problem(
                f"{folder} cannot be read: {error.strerror}.",
                "Give this user read access, or allow another folder (--allow-path).",
            )
            continue
        if folder == home or folder in home.parents:
            yield problem(
                f"{folder} is allowed and holds all your files: an agent may upload any of them.",
                "Allow only the folders with documents (--allow-path).",
            )
        else:
            yield ok(f"The server may read {folder}.")


def _check_full_text_search() -> Finding:
    try:
        check_sqlite()
    except ConfigError as error:
        return problem(error.message, error.hint)
    return ok(f"SQLite {sqlite3.sqlite_version} with FTS5")


def _check_libraries(requirements: Sequence[str]) -> Iterator[Finding]:
    missing, extras = _sort(requirements)
    if missing:
        yield problem(
            f"Libraries are missing: {', '.join(missing)}.",
            f"Install them: {sys.executable} -m pip install --force-reinstall {PACKAGE}",
        )
    else:
        yield ok("Every library is installed.")
    for extra in sorted(extras.keys() - _FOR_CONTRIBUTORS):
        if extras[extra]:
            yield ok(f"Extra {extra}: installed.")
        else:
            instead = "; tesseract reads pictures" if extra == "ocr" and find_tesseract() is not None else ""
            yield note(
                f"Extra {extra}: not installed{instead}.",
                f"To install it: {sys.executable} -m pip install '{PACKAGE}[{extra}]'",
            )


def _sort(requirements: Sequence[str]) -> tuple[list[str], dict[str, bool]]:
    """Return the libraries that are missing, and of each extra whether all of it is installed."""
    missing: list[str] = []
    extras: dict[str, bool] = {}
    for found in filter(None, map(_REQUIREMENT.match, requirements)):
        name, marker = found[1], found[2] or ""
        is_there = _is_installed(name)
        if extra := _EXTRA.search(marker):
            extras[extra[1]] = is_there and extras.get(extra[1], True)
        elif not is_there and not marker:
            missing.append(name)
    return missing, extras


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
