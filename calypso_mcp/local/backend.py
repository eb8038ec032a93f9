"""The parts of one running embedded backend, as the routes see them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar

import anyio
from anyio import to_thread

from calypso_mcp.domain.limits import FILE_BYTES
from calypso_mcp.local.arrivals import Arrivals
from calypso_mcp.local.blobs import Blobs, has_room
from calypso_mcp.local.options import LocalOptions
from calypso_mcp.local.refusals import Refusal
from calypso_mcp.local.store.connections.database import Database
from calypso_mcp.local.turns import Turns

if TYPE_CHECKING:
    from calypso_mcp.local.indexing.page_pictures import PagePictures
    from calypso_mcp.local.retrieval.search import Closeness
    from calypso_mcp.local.semantic.semantics import Semantics
    from calypso_mcp.local.writing.writer import Writer

T = TypeVar("T")

#: Threads that may wait for the disk at once.
_DISK_THREADS = 16
_FETCHES = 8
_MB = 1_000_000


@dataclass(frozen=True)
class Backend:
    """Everything a request may need."""

    options: LocalOptions
    database: Database
    blobs: Blobs
    #: Wakes the indexing worker of this process: there is work.
    wake_worker: Callable[[], None]
    #: Finds passages by meaning, too; None: words alone do.
    semantics: Semantics | None = None
    #: Writes answers; None: answers quote the sources.
    writer: Writer | None = None
    turns: Turns = field(default_factory=Turns)
    #: Bounds how many web pages are fetched at the same time.
    fetches: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_FETCHES))
    _disk: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_DISK_THREADS))

    @cached_property
    def arrivals(self) -> Arrivals:
        """Small files that are arriving."""
        return Arrivals(self.database, self.blobs)

    @cached_property
    def pictures(self) -> PagePictures:
        """Pictures of pages."""
        from calypso_mcp.local.indexing.page_pictures import PagePictures

        return PagePictures()

    def now(self) -> float:
        """Return the time in seconds."""
        return self.options.clock()

    async def closeness_for(self, question: str) -> Closeness | None:
        """Return what measures how close passages are to a question; None to search by words alone."""
        return None if self.semantics is None else await self.semantics.closeness_for(question)

    async def on_disk(self, work: Callable[[], T]) -> T:
        """Return what `work`, which blocks on files, returns."""
        return await to_thread.run_sync(work, limiter=self._disk)

    async def check_room(self, *sizes: int) -> None:
        """Check that files of `sizes` bytes leave as much of the disk free as the operator wants.

        Raises:
            Refusal: Too little would be free (507).
        """
        # A size that no file may have is refused as such, and takes no room.
        size_bytes = sum(size for size in sizes if 0 < size <= FILE_BYTES)
        folder, least = self.options.data_dir, self.options.min_free_bytes
        if not least or await self.on_disk(partial(has_room, folder, size_bytes, least)):
            return
        free = shutil.disk_usage(folder).free
        raise Refusal(
            507,
            "disk_nearly_full",
            f"The disk of the data folder has {free // _MB:,} MB free; nothing may be added that leaves"
            f" less than {least // _MB:,} MB.",
        )
