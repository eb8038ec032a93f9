"""Sends originals, a few of each caller at once.

An original is read whole. It waits for its client in a temporary file, so slow clients fill no memory, and
keep only their own caller waiting.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final
from weakref import WeakValueDictionary

import anyio
from anyio import SpooledTemporaryFile
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from calypso_mcp.errors import Busy, CalypsoError
from calypso_mcp.server.access.answers import failure

_log = logging.getLogger(__name__)

#: Originals being read at once, of all callers, and downloads of one.
_MOST: Final = 6
_MOST_OF_CALLER: Final = 2
#: Bytes handed to the server at a time: it takes whatever it gets, and only then waits for the client.
_PIECE_BYTES: Final = 128 * 1024
#: Longest wait for a place, in seconds.
_WAIT_S: Final = 10.0


class Downloads:
    """The places for originals of one server."""

    def __init__(self, wait_s: float = _WAIT_S) -> None:
        """Let each download wait up to `wait_s` seconds for its place."""
        self._wait_s = wait_s
        self._all = anyio.Semaphore(_MOST)
        # A caller without downloads is forgotten.
        self._of_callers: WeakValueDictionary[str, anyio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def fetch(
        self, caller: str, read: Callable[[], Awaitable[bytes]]
    ) -> AsyncGenerator[tuple[int, SpooledTemporaryFile[bytes]]]:
        """Hold the size of what `read` returns, and a file of it, during the block.

        Raises:
            Busy: No place became free in time, or there is no room for the file.
        """
        of_caller = self._of_callers.setdefault(caller, anyio.Semaphore(_MOST_OF_CALLER))
        async with AsyncExitStack() as held:
            async with AsyncExitStack() as reading:
                try:
                    with anyio.fail_after(self._wait_s):
                        await held.enter_async_context(of_caller)
                        await reading.enter_async_context(self._all)
                except TimeoutError:
                    raise Busy("Too many downloads are in flight.") from None
                data = await read()
                size = len(data)
                file = await held.enter_async_context(await _store(data))
                del data
            yield size, file


class Download(Response):
    """An original, which is read once there is a place for it."""

    def __init__(
        self,
        downloads: Downloads,
        caller: str,
        read: Callable[[], Awaitable[bytes]],
        headers: Mapping[str, str],
        media_type: str = "application/octet-stream",
    ) -> None:
        """Send what `read` returns to `caller`, with `headers`."""
        super().__init__(headers=headers, media_type=media_type)
        self._downloads = downloads
        self._caller = caller
        self._read = read
        self._sent_with = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the original, or with why it cannot be had."""
        try:
            async with self._downloads.fetch(self._caller, self._read) as (size, file):
                headers = {**self._sent_with, "Content-Length": str(size)}
                original = StreamingResponse(_pieces(file), 200, headers, self.media_type)
                await original(scope, receive, send)
        except CalypsoError as error:
            await failure(error)(scope, receive, send)


async def _store(data: bytes) -> SpooledTemporaryFile[bytes]:
    """Return a file of `data`, to be read from its beginning.

    Raises:
        Busy: There is no room for it.
    """
    file = SpooledTemporaryFile()
    try:
        if len(data) > _PIECE_BYTES:
            await file.rollover()  # before it is written, else there would be a copy in memory
        await file.write(data)
        await file.seek(0)  # writes the rest
    except OSError as error:
        with suppress(OSError):  # tries to write the rest again
            await file.aclose()
        _log.error("No temporary file for a download: %s", error.strerror)
        raise Busy("The server has no room for temporary files.") from None
    return file


async def _pieces(file: SpooledTemporaryFile[bytes]) -> AsyncGenerator[bytes]:
    while piece := await file.read(_PIECE_BYTES):
        yield piece
