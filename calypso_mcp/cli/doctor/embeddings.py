"""The embedding model: does it work, and how many passages still lack their vectors?"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, closing
from pathlib import Path

from calypso_mcp.assembly.local_options import embedding_options
from calypso_mcp.cli.doctor.findings import Finding, note, ok, problem
from calypso_mcp.local.options import STORE_FILE, EmbeddingOptions
from calypso_mcp.local.semantic.embedder import EmbeddingFailed, stored_name
from calypso_mcp.local.semantic.semantics import build_embedder
from calypso_mcp.local.store import vectors
from calypso_mcp.settings import Settings

_WAIT_S = 20.0


async def check_embeddings(settings: Settings) -> AsyncIterator[Finding]:
    """Yield whether the embedding model works and all passages have vectors; nothing without a model."""
    options = embedding_options(settings)
    if options is None:
        return
    if settings.uses_hosted_api:
        yield note("The hosted Calypso ranks by its own rules and does not use the embedding model.")
        return
    yield await _try_model(options, settings.data_dir)
    if options.url is not None:
        yield note(f"calypso-mcp sends the text of every passage, and every question, to {options.url}.")
    store = settings.data_dir / STORE_FILE
    if store.exists():
        yield _count_missing(store, options)


async def _try_model(options: EmbeddingOptions, data_dir: Path) -> Finding:
    where = "fastembed on this machine" if options.url is None else options.url
    started = time.perf_counter()
    async with aclosing(build_embedder(options, data_dir)) as embedder:
        try:
            [vector] = await embedder.embed(["text"], wait_s=_WAIT_S)
        except EmbeddingFailed as failure:
            return problem(
                f"{options.model} of {where} makes no vectors: {failure}",
                "Correct --embeddings-model and, for an endpoint, --embeddings-url and its key. Until "
                "then, searches rank by words.",
            )
    milliseconds = (time.perf_counter() - started) * 1_000
    return ok(f"{options.model} of {where} makes vectors of {len(vector)} numbers, in {milliseconds:.0f} ms.")


def _count_missing(store: Path, options: EmbeddingOptions) -> Finding:
    try:
        with closing(sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            if vectors.get_model(connection) != stored_name(options):
                return note("The next server makes the vectors of all passages with this model.")
            missing = vectors.count_lacking(connection)
    except sqlite3.Error:
        # Busy, damaged or of another version: the check of the data folder says which.
        return note("Cannot count the passages without a vector.")
    if missing:
        have = "passage has" if missing == 1 else "passages have"
        return note(f"{missing:,} {have} no vector yet; a running server makes them.")
    return ok("Every passage has its vector.")
