"""`calypso-mcp upload`: files and folders into a bucket, by the engine that agents use."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

import anyio

from calypso_mcp.cli.logs import log_to_stderr
from calypso_mcp.cli.mcp_session import Session, ToolFailed, own_server, settings_flags
from calypso_mcp.cli.outcomes import has_failures, print_outcomes
from calypso_mcp.cli.progress import phase
from calypso_mcp.cli.uploading import Sources, upload
from calypso_mcp.settings import load_settings


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Upload; 1 where any file did not arrive or, where that was waited for, cannot be searched."""
    log_to_stderr(load_settings(flags))
    sources = Sources.of(arguments.paths)
    server_flags = [*settings_flags(flags), *sources.allow_flags()]
    return anyio.run(_within_time, sources, arguments, server_flags)


async def _within_time(sources: Sources, arguments: argparse.Namespace, server_flags: Sequence[str]) -> int:
    limit_s: float = arguments.time_limit
    try:
        with anyio.fail_after(limit_s):
            async with own_server(server_flags) as session:
                return await _upload(session, sources, arguments)
    except TimeoutError:
        print(
            f"Stopped after {limit_s:g} s. The same command continues where this one stopped.",
            file=sys.stderr,
        )
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
    try:
        with phase("Looking" if arguments.dry_run else "Uploading") as report:
            results = await upload(session, sources, common, report)
    except ToolFailed as error:
        if error.code != "bucket_not_found":
            raise
        raise ToolFailed(
            f"There is no bucket {arguments.destination!r}.", hint="Add --create-bucket to create it."
        ) from error
    print_outcomes(results)
    return 1 if has_failures(results) else 0
