"""`calypso-mcp upload`: files and folders into a bucket, by the engine that agents use."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import anyio

from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.cli.calls.mcp_session import Session, naming_create_bucket, open_session
from calypso_mcp.cli.calls.uploading import Sources, upload
from calypso_mcp.cli.printing.outcomes import has_failures, has_unread, print_outcomes
from calypso_mcp.cli.printing.progress import phase
from calypso_mcp.cli.process.logs import load_settings_and_log
from calypso_mcp.settings import Settings


def add_arguments(parser: CommandParser) -> None:
    """Take the files and where they go."""
    parser.description = (
        "Upload files or folders into a bucket. The exit code is 1 if any failed or could not be read."
    )
    parser.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="files or folders")
    parser.add_destination()
    parser.add_argument(
        "--tag", action="append", default=[], dest="tags", metavar="TAG", help="tag for every file"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be sent, and send nothing")
    parser.add_argument("--wait", action="store_true", help="wait until everything is searchable")
    parser.add_time_limit(3600)
    parser.add_settings({"calypso", "transfer", "observing"}, names={"allow_secret_names", "scan_secrets"})


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Upload; return 1 if a file was not read or sent, or with `--wait` not made searchable."""
    sources = Sources.of(arguments.paths)
    # Only what the person names here may be read.
    settings = load_settings_and_log({**flags, "allow_paths": [str(path) for path in sources.allowed]})
    return anyio.run(_within_time, sources, arguments, settings)


async def _within_time(sources: Sources, arguments: argparse.Namespace, settings: Settings) -> int:
    limit_s: float = arguments.time_limit
    try:
        with anyio.fail_after(limit_s):
            async with open_session(settings) as session:
                return await _upload(session, sources, arguments)
    except TimeoutError:
        print(f"Stopped after {limit_s:g} s. Run the same command to continue.", file=sys.stderr)
        return 1


async def _upload(session: Session, sources: Sources, arguments: argparse.Namespace) -> int:
    common = {
        "bucket": arguments.destination,
        "create_bucket": arguments.create_bucket,
        "tags": arguments.tags,
        "include": arguments.include,
        "exclude": arguments.exclude,
        "dry_run": arguments.dry_run,
        "wait": arguments.wait,
    }
    doing = "Looking" if arguments.dry_run else "Uploading"
    with naming_create_bucket(arguments.destination), phase(doing) as report:
        results = await upload(session, sources, common, report)
    print_outcomes(results)
    return 1 if has_failures(results) or has_unread(results) else 0
