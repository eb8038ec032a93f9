"""`calypso-mcp sync`: a bucket that holds what a folder holds."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import anyio

from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.cli.logs import log_to_stderr
from calypso_mcp.cli.mcp_session import Session, open_session
from calypso_mcp.cli.outcomes import has_failures, print_outcomes
from calypso_mcp.cli.progress import phase
from calypso_mcp.cli.uploading import Sources, upload
from calypso_mcp.errors import ConfigError
from calypso_mcp.settings import load_settings


def add_arguments(parser: CommandParser) -> None:
    """Take the folder and its bucket."""
    parser.description = (
        "Keep a bucket equal to a folder: what is new is added, what has changed is replaced. It can be "
        "stopped at any point; the same command continues."
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="the folder")
    parser.add_argument(
        "--bucket", dest="destination", required=True, metavar="BUCKET", help="slug, id or name of the bucket"
    )
    parser.add_argument("--create-bucket", action="store_true", help="create the bucket if there is none")
    parser.add_argument(
        "--include", action="append", default=[], metavar="GLOB", help="only files that match"
    )
    parser.add_argument(
        "--exclude", action="append", default=[], metavar="GLOB", help="leave out files that match"
    )
    parser.add_argument(
        "--remove-missing",
        action="store_true",
        help="remove from the bucket what came from this folder and is gone",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    parser.add_settings({"calypso", "transfer", "observing"}, names={"allow_secret_names", "scan_secrets"})


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Synchronise; 1 where any file did not arrive or cannot be searched.

    Raises:
        ConfigError: There is no such folder.
    """
    folder: Path = arguments.folder.expanduser().absolute()
    if not folder.is_dir():
        raise ConfigError(f"There is no folder at {folder}.")
    settings = load_settings({**flags, "allow_paths": [str(folder)]})
    log_to_stderr(settings)

    async def work() -> int:
        async with open_session(settings) as session:
            return await _sync(session, folder, arguments)

    return anyio.run(work)


async def _sync(session: Session, folder: Path, arguments: argparse.Namespace) -> int:
    common = {
        "bucket": arguments.destination,
        "create_bucket": arguments.create_bucket,
        "include": arguments.include,
        "exclude": arguments.exclude,
        "if_exists": "replace",
        "remove_missing": arguments.remove_missing,
        "confirm": arguments.remove_missing,
        "dry_run": arguments.dry_run,
        "wait": not arguments.dry_run,
    }
    with phase("Looking" if arguments.dry_run else "Syncing") as report:
        results = await upload(session, Sources.of([folder]), common, report)
    print_outcomes(results)
    return 1 if has_failures(results) else 0
