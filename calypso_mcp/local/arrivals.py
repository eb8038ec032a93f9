"""Small files that arrive at the same time: looked up, stored and recorded together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from anyio import to_thread

from calypso_mcp.concurrency import Together
from calypso_mcp.local.blobs import Blobs, Digests, Whole
from calypso_mcp.local.store import sessions
from calypso_mcp.local.store.connections.database import Database
from calypso_mcp.local.store.sessions import SessionRow

_MOST_TOGETHER = 32
#: Groups stored at the same time: while the disk flushes one, the next one is written.
_GROUPS = 2


class Arrivals:
    """Finds sessions and stores whole files, in groups made of the requests that are in flight at once."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs
        self._lookups = Together(self._look_up, most=_MOST_TOGETHER)
        self._stores = Together(self._store, most=_MOST_TOGETHER, groups=_GROUPS)

    async def find_session(self, secret: str) -> tuple[SessionRow, float] | None:
        """Return the session an address leads to, and when the address expires.

        Callers get theirs in the order in which they asked.
        """
        return await self._lookups.of(secret)

    async def store_whole(self, session: SessionRow, data: bytes, expected: Mapping[str, str]) -> SessionRow:
        """Store all bytes of `session` for good, and record that; return the session as it is then.

        `expected` are base64 hashes by GCS name (`md5`, `crc32c`) that they must have.

        Raises:
            AlreadySealed: They are stored already.
            BlobBusy: Another process is receiving them.
            HashMismatch: They have other hashes; nothing was stored.
        """
        return session.with_digests(await self._stores.of(Whole(session.id, data, expected)))

    async def _look_up(self, secrets: Sequence[str]) -> list[tuple[SessionRow, float] | None]:
        found = await self._database.read(lambda connection: sessions.find_by_secrets(connection, secrets))
        return [found.get(secret) for secret in secrets]

    async def _store(self, wholes: Sequence[Whole]) -> Sequence[Digests | Exception]:
        sealed = await to_thread.run_sync(partial(self._blobs.seal_together, wholes))

        stored = {
            whole.session_id: found
            for whole, found in zip(wholes, sealed, strict=True)
            if isinstance(found, Digests)
        }
        # The bytes are safe on the disk; the record can be made again from them.
        await self._database.write(partial(sessions.mark_uploaded, stored=stored), durable=False)
        return sealed
