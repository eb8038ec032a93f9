"""The embedding model of one process: it finds and orders passages, and makes their vectors."""

from __future__ import annotations

import logging
from collections import OrderedDict
from pathlib import Path

import anyio

from calypso_mcp.local.options import EmbeddingOptions
from calypso_mcp.local.retrieval.search import Closeness
from calypso_mcp.local.semantic.closeness import closeness_to
from calypso_mcp.local.semantic.embedder import Embedder, EmbeddingFailed, Vector, prefixes_of, stored_name
from calypso_mcp.local.semantic.worker import EmbeddingWorker
from calypso_mcp.local.store.connections.database import Database

_LOG = logging.getLogger(__name__)

MODELS_FOLDER = "models"
_LOCK_FILE = "embedding.lock"

#: Questions whose vectors are remembered, and how much of a question is embedded.
_REMEMBERED = 256
_QUESTION_CHARS = 2_000


def build_embedder(options: EmbeddingOptions, data_dir: Path) -> Embedder:
    """Return the model at the endpoint, or the one on this machine."""
    if options.url is not None:
        from calypso_mcp.local.semantic.endpoint import EndpointEmbedder

        return EndpointEmbedder(options, options.url)
    from calypso_mcp.local.semantic.local_model import LocalEmbedder

    return LocalEmbedder(options.model, data_dir / MODELS_FOLDER)


class Semantics:
    """Finds and orders passages by meaning where they have vectors."""

    def __init__(self, options: EmbeddingOptions, data_dir: Path, database: Database) -> None:
        """Prepare without connecting to anything or loading a model."""
        self._options = options
        self._model = stored_name(options)
        self._prefix = prefixes_of(options).question
        self._embedder = build_embedder(options, data_dir)
        self._worker = EmbeddingWorker(options, database, self._embedder, data_dir / _LOCK_FILE)
        self._known: OrderedDict[str, Vector] = OrderedDict()
        #: Until when searches go by words, in seconds of the event loop, and whether the log says so.
        self._resting_until = 0.0
        self._is_out = False
        self._is_superseded = False

    async def run(self) -> None:
        """Make the vectors that are missing, until cancelled. A model that was replaced measures no more."""
        try:
            await self._worker.run()
            self._is_superseded = True
            # Searches that are under way may still use the embedder.
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await self._embedder.aclose()

    async def closeness_for(self, question: str) -> Closeness | None:
        """Return what measures how close passages are to `question`; None to search by words alone.

        After a question that got no vector in time, the next ones do not wait for a while.
        """
        if self._is_superseded:
            return None
        question = question[:_QUESTION_CHARS].encode(errors="replace").decode()
        asked = self._known.get(question) or await self._ask(question)
        if asked is None:
            return None
        self._known[question] = asked
        self._known.move_to_end(question)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return closeness_to(asked, self._model)

    async def _ask(self, question: str) -> Vector | None:
        if anyio.current_time() < self._resting_until:
            return None
        try:
            wait_s = self._options.question_wait_s
            [asked] = await self._embedder.embed([self._prefix + question], wait_s=wait_s)
        except EmbeddingFailed as failure:
            self._resting_until = anyio.current_time() + self._options.rest_s
            if not self._is_out:
                self._is_out = True
                _LOG.warning("%s Searches rank by words until it works.", failure)
            return None
        if self._is_out:
            self._is_out = False
            _LOG.warning("Searches rank by meaning again.")
        return asked
