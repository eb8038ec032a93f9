"""Making vectors in the background: of passages that have none, in batches, one process at a time.

Each batch is committed by itself, so that a process that is killed loses one batch at most. While files are
being indexed it rests after each batch: vectors never hold readiness up.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import anyio
from anyio import to_thread

from calypso_mcp.local.options import EmbeddingOptions
from calypso_mcp.local.processes.file_locks import try_lock
from calypso_mcp.local.semantic.closeness import pack
from calypso_mcp.local.semantic.embedder import Embedder, EmbeddingFailed, prefixes_of, stored_name
from calypso_mcp.local.store import tasks, vectors
from calypso_mcp.local.store.connections.database import Database
from calypso_mcp.local.store.vectors import Unembedded
from calypso_mcp.sqlite.faults import STORE_TROUBLE

_LOG = logging.getLogger(__name__)

#: A text that every model accepts, to find out whether the endpoint works at all.
_HARMLESS = "text"
#: A passage that is refused is cut to this many characters at least before it goes without a vector.
_SHORTEST = 200


class _Superseded(Exception):
    """Another process has set up another model since."""


class EmbeddingWorker:
    """Makes the vectors of one model until it is cancelled, or until another model is set up."""

    def __init__(self, options: EmbeddingOptions, database: Database, embedder: Embedder, lock: Path) -> None:
        """Prepare only; the process that holds the lock of the file `lock` makes the vectors."""
        self._options = options
        self._database = database
        self._embedder = embedder
        self._model = stored_name(options)
        self._prefix = prefixes_of(options).passage
        self._lock = lock
        self._descriptor = -1
        self._is_adopted = False
        self._is_dimension_known = False
        self._failures = 0
        #: The last failure; None once a batch was made.
        self._complaint: str | None = None

    async def run(self) -> None:
        """Make the missing vectors, then look for more now and then; return once another model is set up."""
        try:
            while True:
                pause_s = await self._try()
                await anyio.sleep(pause_s)
        except _Superseded:
            _LOG.warning("Another process now uses another embedding model; this process ranks by words.")
        finally:
            if self._descriptor >= 0:
                os.close(self._descriptor)

    async def _try(self) -> float:
        """Make one batch if there is one, and return how long to rest then, in seconds."""
        try:
            await self._adopt()
            pause_s = await self._work()
        except _Superseded:
            raise
        except EmbeddingFailed as failure:
            self._failures += 1
            self._complain(f"{failure} The vectors of passages must wait; searches rank by words.")
            return self._pause_s(failure)
        except STORE_TROUBLE as error:
            self._complain(f"The vectors of passages must wait: {error}.")
        except Exception as error:  # noqa: BLE001 - searches and uploads must not end with it
            self._complain(f"The vectors of passages must wait after an unexpected {type(error).__name__}.")
            _LOG.debug("The vectors of a batch were not made.", exc_info=error)
        else:
            self._failures = 0
            return pause_s
        return self._options.retry.cap_s

    async def _adopt(self) -> None:
        if self._is_adopted:
            return
        former = await self._database.write(partial(vectors.adopt, model=self._model), durable=False)
        if former is not None:
            _LOG.warning("The embedding model has changed: all vectors are made again.")
        self._is_adopted = True

    async def _work(self) -> float:
        if not await self._is_turn():
            await self._database.read(self._check_model)
            return self._options.poll_s
        batch, is_indexing = await self._database.read(self._next)
        if not batch:
            return self._options.poll_s
        made = await self._embed([self._prefix + passage.whole for passage in batch])
        await self._database.write(partial(self._keep, passages=batch, made=made), durable=False)
        self._is_dimension_known = True
        if self._complaint is not None:
            self._complaint = None
            _LOG.warning("The vectors of passages are being made again.")
        return self._options.pause_s if is_indexing else 0.0

    async def _is_turn(self) -> bool:
        """Whether this process makes the vectors; when it ends, even killed, another makes them."""
        if self._descriptor < 0:
            self._descriptor = await to_thread.run_sync(_locked, self._lock)
        return self._descriptor >= 0

    def _next(self, connection: sqlite3.Connection) -> tuple[list[Unembedded], bool]:
        self._check_model(connection)
        return vectors.list_lacking(connection, self._embedder.batch), tasks.is_any_unfinished(connection)

    def _keep(
        self, connection: sqlite3.Connection, *, passages: Sequence[Unembedded], made: Sequence[bytes]
    ) -> None:
        self._check_model(connection)
        size = next((len(vector) for vector in made if vector), None)
        known = vectors.get_vector_bytes(connection)
        if size is not None and known is not None and size != known:
            if self._is_dimension_known:
                raise EmbeddingFailed("The model makes vectors of another dimension than before.")
            # Another model has this name since the last run.
            vectors.drop(connection)
        vectors.keep(connection, passages, made)

    def _check_model(self, connection: sqlite3.Connection) -> None:
        if vectors.get_model(connection) != self._model:
            raise _Superseded

    async def _embed(self, texts: Sequence[str]) -> list[bytes]:
        """Return the stored form of each text's vector; empty for a text refused at any length."""
        wait_s = self._options.passages_wait_s
        try:
            return [pack(vector) for vector in await self._embedder.embed(texts, wait_s=wait_s)]
        except EmbeddingFailed as failure:
            if not failure.is_inputs_fault:
                raise
        # Fails if the endpoint refuses every text.
        await self._embedder.embed([_HARMLESS], wait_s=wait_s)
        if len(texts) > 1:
            return [vector for text in texts for vector in await self._embed([text])]
        [text] = texts
        return await self._embed([text[: len(text) // 2]]) if len(text) > _SHORTEST else [b""]

    def _pause_s(self, failure: EmbeddingFailed) -> float:
        retry = self._options.retry
        asked = None if failure.retry_after_s is None else min(failure.retry_after_s, retry.retry_after_cap_s)
        pause_s = retry.delay_s(self._failures, retryable=failure.retryable, retry_after_s=asked)
        return retry.cap_s if pause_s is None else pause_s

    def _complain(self, complaint: str) -> None:
        """Log what went wrong, once for as long as it stays the same."""
        if complaint != self._complaint:
            self._complaint = complaint
            _LOG.warning("%s", complaint)


def _locked(path: Path) -> int:
    """Return the descriptor of the file once this process has its lock, -1 while another has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if try_lock(descriptor):
        return descriptor
    os.close(descriptor)
    return -1
