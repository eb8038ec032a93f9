"""Pictures of pages: drawn in a child process one at a time, and kept for a while."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Final

import anyio

from calypso_mcp.local.indexing.child_process import ExtractionLimits
from calypso_mcp.local.indexing.documents import ExtractionFailed
from calypso_mcp.local.indexing.extraction import ChildPool

_LIMITS: Final = ExtractionLimits(memory_bytes=536_870_912, cpu_s=10, wall_s=30.0)
#: Bytes of pictures in memory, and what a failure counts among them.
_KEPT_BYTES: Final = 16_000_000
_FAILURE_BYTES: Final = 65_536


class PagePictures:
    """The pictures that one backend has drawn last; safe for concurrent use within one event loop."""

    def __init__(self, limits: ExtractionLimits = _LIMITS, kept_bytes: int = _KEPT_BYTES) -> None:
        """Start nothing yet; `limits` hold for one picture, `kept_bytes` for all that are kept in memory."""
        self._children = ChildPool(limits, 1)
        self._kept_bytes = kept_bytes
        self._kept: OrderedDict[tuple[Path, int], bytes | ExtractionFailed] = OrderedDict()
        self._turn = anyio.Lock()
        self._waiting = 0

    async def draw(self, path: Path, page: int) -> bytes:
        """Return page `page` (1-based) of the PDF at `path`, whose bytes never change, as PNG.

        Raises:
            ExtractionFailed: Why there is no picture.
        """
        self._waiting += 1
        try:
            async with self._turn:
                found = await self._find(path, page)
        finally:
            self._waiting -= 1
            if not self._waiting:
                await self._children.close_idle()
        if isinstance(found, ExtractionFailed):
            raise found
        return found

    async def _find(self, path: Path, page: int) -> bytes | ExtractionFailed:
        kept = self._kept.pop((path, page), None)
        if kept is None:
            try:
                kept = await self._children.ask(lambda child, limits: child.draw(path, page, limits))
            except ExtractionFailed as failure:
                kept = failure
        self._kept[path, page] = kept
        while sum(map(_weight, self._kept.values())) > self._kept_bytes:
            self._kept.popitem(last=False)
        return kept


def _weight(kept: bytes | ExtractionFailed) -> int:
    return len(kept) if isinstance(kept, bytes) else _FAILURE_BYTES
