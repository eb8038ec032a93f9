"""`calypso-mcp export`: the stored originals of a bucket, with a manifest."""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import anyio

from calypso_mcp.api.buckets import Bucket
from calypso_mcp.api.connection import Extension
from calypso_mcp.api.sources import Source, SourcesQuery
from calypso_mcp.assembly.backends import open_backends
from calypso_mcp.assembly.server import server_state
from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.cli.calls.calling import add_calling_arguments, print_result
from calypso_mcp.cli.printing.progress import phase
from calypso_mcp.cli.process.logs import load_settings_and_log
from calypso_mcp.domain.unicode_forms import normalize
from calypso_mcp.errors import CalypsoError, ConfigError
from calypso_mcp.server.scope.request_scope import Access
from calypso_mcp.settings import Settings

if TYPE_CHECKING:
    from calypso_mcp.client import CalypsoClient
MANIFEST: Final = "manifest.json"
_FILES: Final = "files"
_VERSION: Final = 1
#: What no common file system takes in a name (Windows: "Naming Files, Paths, and Namespaces").
_FORBIDDEN: Final = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_DEVICE: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])( *\..*)?", re.IGNORECASE)
#: Bytes in one name of a path, and in the whole path below the folder: what every common disk takes.
_SEGMENT_BYTES: Final = 120
_PATH_BYTES: Final = 1_000
#: Facts of a source that the manifest keeps.
_FACTS: Final = (
    "id", "name", "identity", "kind", "filename", "content_type", "title", "tags", "metadata",
    "size_bytes", "sha256", "status", "created_at", "updated_at",
)  # fmt: skip


def add_arguments(parser: CommandParser) -> None:
    """Take the bucket and the folder."""
    parser.description = (
        "Write the files of a bucket into a new folder, as they were uploaded, with a manifest of their "
        "names, tags and metadata. It needs the embedded Calypso."
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
        print(f"Sources in {export.folder}: {len(export.written)}. {MANIFEST} describes them.")
    return 0


async def _export(settings: Settings, reference: str, export: Export) -> None:
    async with open_backends(settings) as backends:
        access = Access(server_state(settings, lambda _grant: backends.of_process()))
        bucket = await access.require_bucket(reference)
        if not {Extension.SOURCES, Extension.READ} <= await access.backend.abilities():
            raise ConfigError("This backend does not return the files that it stores.")
        export.begin()
        total = (await access.client.sources.page(SourcesQuery(bucket=bucket.id, limit=1))).total
        with phase("Exporting") as report:
            done = 0
            async for source in export.add_all(access.client, bucket.id):
                done += 1
                await report(done, total, source.name)
        export.end(bucket, datetime.now(UTC).isoformat(timespec="seconds"))


@dataclass(slots=True)
class Export:
    """An export in progress.

    Attributes:
        folder: Where it goes: absent or empty.
        written: The facts of each source in the manifest, with `file`, its place in the folder.
    """

    folder: Path
    written: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    _files: set[str] = field(default_factory=set[str])
    _folders: set[str] = field(default_factory=set[str])

    def begin(self) -> None:
        """Make the folder.

        Raises:
            ConfigError: It is not empty, or cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            is_empty = next(self.folder.iterdir(), None) is None
        except OSError as error:
            raise ConfigError(f"The folder {self.folder} cannot be used: {error.strerror}.") from error
        if not is_empty:
            raise ConfigError(f"{self.folder} is not empty.", hint="Name a new or an empty folder.")

    async def add_all(self, client: CalypsoClient, bucket_id: str) -> AsyncGenerator[Source]:
        """Write each source of a bucket, and yield it.

        Raises:
            CalypsoError: One could not be read, or differs from the stored content.
        """
        async for source in client.sources.every(bucket_id):
            place = self._choose_place(source)
            path = self.folder / place
            data = await client.sources.content(source.id)
            if source.sha256 and hashlib.sha256(data).hexdigest() != source.sha256.lower():
                raise CalypsoError(f"The content of {source.name!r} differs from the stored content.")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            facts = source.model_dump(mode="json", include=set(_FACTS), exclude_none=True)
            self.written.append({"file": place, **facts})
            yield source

    def end(self, bucket: Bucket, exported_at: str) -> None:
        """Write the manifest. It comes last: an export without one is not complete."""
        manifest = {
            "version": _VERSION,
            "exported_at": exported_at,
            "bucket": {"id": bucket.id, "slug": bucket.slug, "name": bucket.name},
            "sources": self.written,
        }
        text = json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"
        (self.folder / MANIFEST).write_text(text, encoding="utf-8")

    def _choose_place(self, source: Source) -> str:
        """Return a path for a source in the folder, which no other source has."""
        # The name of a web page is its address, that of a question the question.
        name = source.name if source.kind == "file" else f"{source.kind}/{source.filename or source.id}"
        parts = [_clean_segment(part) for part in name.split("/") if part] or [_clean_segment(source.id)]
        is_long = sum(len(part.encode()) + 1 for part in parts) > _PATH_BYTES
        ways = _list_ways(parts)
        number = 0
        while is_long or ways[-1] in self._folders or not self._files.isdisjoint(ways):
            number += 1
            # Not even ids need to differ: some lists name a source twice.
            parts = [_clean_segment(source.id) + (f"-{number}" if number > 1 else ""), parts[-1]]
            ways, is_long = _list_ways(parts), False
        self._files.add(ways[-1])
        self._folders.update(ways[:-1])
        return str(PurePosixPath(_FILES, *parts))


def _list_ways(parts: list[str]) -> list[str]:
    """Return a path and the folders on its way, equal if a disk cannot tell their spellings apart."""
    spelt = [normalize("NFC", part.casefold()) for part in parts]
    return ["/".join(spelt[:count]) for count in range(1, len(spelt) + 1)]


def _clean_segment(name: str) -> str:
    """Return one part of a path as every common file system takes it."""
    cleaned = _FORBIDDEN.sub("_", name).rstrip(". ") or "_"
    if _DEVICE.fullmatch(cleaned):
        cleaned = f"_{cleaned}"
    encoded = cleaned.encode(errors="replace")
    # The end of a name holds its ending (".pdf").
    kept = encoded if len(encoded) <= _SEGMENT_BYTES else encoded[:40] + encoded[40 - _SEGMENT_BYTES :]
    return kept.decode(errors="ignore")
