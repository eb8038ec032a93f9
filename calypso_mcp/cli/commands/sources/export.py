"""`calypso-mcp export`: the stored originals of a bucket, with a manifest."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import anyio

from calypso_mcp.api.connection import Extension
from calypso_mcp.api.sources import SourcesQuery
from calypso_mcp.assembly.backends import open_backends
from calypso_mcp.assembly.server import server_state
from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.cli.calls.calling import add_calling_arguments, print_result
from calypso_mcp.cli.exporting import MANIFEST, Export
from calypso_mcp.cli.printing.progress import phase
from calypso_mcp.cli.process.logs import load_settings_and_log
from calypso_mcp.errors import ConfigError
from calypso_mcp.server.scope.request_scope import Access
from calypso_mcp.settings import Settings


def add_arguments(parser: CommandParser) -> None:
    """Take the bucket and the folder."""
    parser.description = (
        "Write the files of a bucket into a new folder, as they were uploaded, with a manifest of their "
        "names, tags and metadata. Run the command again to resume an interrupted export. It needs the "
        "embedded Calypso."
    )
    parser.add_argument("exported", metavar="BUCKET", help="slug, id or name of the bucket")
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="new or empty folder")
    add_calling_arguments(parser)


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Export, and say how much it was.

    Raises:
        ConfigError: The folder is not empty, or the backend does not return stored files.
        ScopeError: There is no such bucket, or it is out of scope.
    """
    settings = load_settings_and_log(flags)
    export = Export(arguments.folder)
    anyio.run(_export, settings, arguments.exported, export)
    if not print_result({"folder": str(export.folder), "sources": export.written}, arguments):
        print(f"{len(export.written)} sources are in {export.folder}; {MANIFEST} describes them.")
    return 0


async def _export(settings: Settings, reference: str, export: Export) -> None:
    async with open_backends(settings) as backends:
        access = Access(server_state(settings, lambda _grant: backends.of_process()))
        bucket = await access.require_bucket(reference)
        if not {Extension.SOURCES, Extension.READ} <= await access.backend.abilities.all():
            raise ConfigError("This backend does not return the files that it stores.")
        export.begin(bucket)
        total = (await access.client.sources.page(SourcesQuery(bucket=bucket.id, limit=1))).total
        with phase("Exporting") as report:
            done = 0
            async for source in export.add_all(access.client, bucket.id):
                done += 1
                await report(done, total, source.name)
        export.end(bucket, datetime.now(UTC).isoformat(timespec="seconds"))
