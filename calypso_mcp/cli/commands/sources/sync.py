"""`calypso-mcp sync`: keeps a bucket equal to a folder."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import anyio
from anyio.lowlevel import checkpoint

from calypso_mcp.assembly.server import file_policy
from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.cli.calls.mcp_session import Session, naming_create_bucket, open_session
from calypso_mcp.cli.calls.uploading import Sources, upload
from calypso_mcp.cli.printing.outcomes import has_failures, has_unread, print_outcomes, print_round
from calypso_mcp.cli.printing.progress import phase
from calypso_mcp.cli.process.ending import signals_end
from calypso_mcp.cli.process.logs import load_settings_and_log
from calypso_mcp.cli.watching import FolderWatch, is_remote
from calypso_mcp.concurrency import open_task_group, run_in_background
from calypso_mcp.errors import CalypsoError, ConfigError
from calypso_mcp.regular_files import expand_home
from calypso_mcp.server.files.folder_walk import walk

#: Seconds until the next round if no change is reported, and after a round that failed.
_LOOK_ANYWAY_S: Final = 3_600.0
_RETRY_S: Final = 60.0


def add_arguments(parser: CommandParser) -> None:
    """Take the folder and its bucket."""
    parser.description = (
        "Keep a bucket equal to a folder: add new files and replace changed ones. You can stop the "
        "command at any point; run it again to continue."
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="the folder")
    parser.add_destination()
    parser.add_argument(
        "--remove-missing",
        action="store_true",
        help="remove sources whose files are gone from this folder",
    )
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
    either.add_argument("--watch", action="store_true", help="keep running, and follow changes in the folder")
    parser.add_argument(
        "--poll",
        action="store_true",
        help="with --watch: poll for changes, as it always does on network drives",
    )
    parser.add_settings({"calypso", "transfer", "observing"}, names={"allow_secret_names", "scan_secrets"})


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Synchronise; return 1 if a file was not read, sent or made searchable, or nothing may be removed.

    With `--watch` it ends with 0 at SIGTERM, and with 1 when the folder is gone.

    Raises:
        ConfigError: There is no such folder.
    """
    folder: Path = expand_home(arguments.folder).absolute()
    if not folder.is_dir():
        raise ConfigError(
            f"There is no folder at {folder}.",
            hint="It is a file: send it with `calypso-mcp upload`, or name its folder."
            if folder.is_file()
            else "",
        )
    folder = folder.resolve()
    settings = load_settings_and_log({**flags, "allow_paths": [str(folder)]})

    def list_files() -> frozenset[str]:
        if not folder.is_dir():
            raise CalypsoError(f"The folder {folder} is gone.")
        found = walk(str(folder), arguments.include, arguments.exclude, file_policy(settings))
        return frozenset(found.files)

    async def work() -> int:
        removes = _may_remove(arguments, has_files=not arguments.remove_missing or bool(list_files()))
        async with open_session(settings) as session:
            results = await _sync(session, folder, arguments, remove_missing=removes)
        print_outcomes(results)
        is_done = not has_failures(results) and not has_unread(results)
        return 0 if is_done and removes == arguments.remove_missing else 1

    async def follow() -> int:
        stop = asyncio.get_running_loop().call_soon_threadsafe
        async with open_task_group() as tasks:
            with signals_end(lambda: stop(tasks.cancel_scope.cancel)):
                async with open_session(settings) as session:
                    await _watch(session, folder, arguments, list_files)
        return 0

    return anyio.run(follow if arguments.watch else work)


def _may_remove(arguments: argparse.Namespace, *, has_files: bool) -> bool:
    """Whether sources may be removed: not for a folder without files, which may be an unmounted drive."""
    if arguments.remove_missing and not has_files:
        patterns = " Check --include and --exclude." if arguments.include + arguments.exclude else ""
        print(
            "The folder holds no file to send, so nothing is removed from the bucket. Is its drive connected?"
            + patterns
        )
    return arguments.remove_missing and has_files


async def _watch(
    session: Session,
    folder: Path,
    arguments: argparse.Namespace,
    list_files: Callable[[], frozenset[str]],
) -> None:
    """Synchronise now, and again whenever the folder has changed; never returns.

    Raises:
        ToolFailed: The first round failed for a reason that does not pass.
        CalypsoError: The folder is gone, or its changes cannot be followed.
    """
    watch = FolderWatch(folder, list_files, is_polled=arguments.poll or is_remote(folder))
    is_first = True
    async with run_in_background(watch.follow):
        # Lets the watch begin, so that no change falls between it and the first round.
        await checkpoint()
        while True:
            removes = _may_remove(arguments, has_files=await watch.look())
            pause_s = _LOOK_ANYWAY_S
            try:
                results = await _sync(session, folder, arguments, remove_missing=removes)
                print_round(results)
                if has_failures(results):
                    pause_s = _RETRY_S
            except CalypsoError as error:
                if is_first and not error.retryable:
                    raise
                print(f"{error.message} {error.hint}".rstrip(), file=sys.stderr, flush=True)
                pause_s = _RETRY_S
            is_first = False
            await watch.wait(pause_s)


async def _sync(
    session: Session, folder: Path, arguments: argparse.Namespace, *, remove_missing: bool
) -> list[dict[str, Any]]:
    common = {
        "bucket": arguments.destination,
        "create_bucket": arguments.create_bucket,
        "include": arguments.include,
        "exclude": arguments.exclude,
        "remove_missing": remove_missing,
        "dry_run": arguments.dry_run,
        "wait": not arguments.dry_run,
    }
    # In a log, a round of a watch is the one line that `print_round` prints.
    is_quiet = arguments.watch and not sys.stderr.isatty()
    showing = nullcontext() if is_quiet else phase("Looking" if arguments.dry_run else "Syncing")
    with naming_create_bucket(arguments.destination), showing as report:
        return await upload(session, Sources.of([folder]), common, report)
