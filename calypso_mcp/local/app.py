"""The embedded backend as an ASGI app: the REST API under `/v1`, upload addresses under `/upload`."""

from __future__ import annotations

import logging
import os
import shlex
import stat
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from calypso_mcp.api import paths
from calypso_mcp.concurrency import run_in_background
from calypso_mcp.errors import ConfigError
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.blobs import Blobs
from calypso_mcp.local.housekeeping import keep_house
from calypso_mcp.local.http.exchange import answer_exception
from calypso_mcp.local.http.operations import Operation, a_little, routes
from calypso_mcp.local.options import BLOBS_FOLDER, STORE_FILE, WORKERS_FOLDER, LocalOptions
from calypso_mcp.local.processes.presence import Presence
from calypso_mcp.local.routes import uploads
from calypso_mcp.local.store.connections.database import Database, open_database
from calypso_mcp.local.worker import IndexingWorker
from calypso_mcp.sqlite.connections import is_read_only
from calypso_mcp.sqlite.faults import StoreGone

if TYPE_CHECKING:
    from calypso_mcp.local.semantic.semantics import Semantics
    from calypso_mcp.local.writing.writer import Writer

_LOG = logging.getLogger(__name__)

OPERATIONS = (
    Operation("POST", paths.SEARCH, "search:search"),
    Operation("GET", paths.CONNECTION, "connection:check_connection"),
    Operation("GET", paths.BUCKETS, "buckets:list_buckets"),
    Operation("POST", paths.BUCKETS, "buckets:create_bucket", grows=a_little),
    Operation("POST", paths.UPLOAD_SESSIONS, "files:create_session", grows=lambda file: (file.size_bytes,)),
    Operation("POST", paths.FINALIZE_UPLOAD_SESSION, "files:finalize_session"),
    Operation("GET", paths.FILE, "files:get_file"),
    Operation("GET", paths.TASK, "files:get_task"),
    Operation(
        "POST",
        paths.BATCH_SESSIONS,
        "batches:create_batch",
        grows=lambda batch: (file.size_bytes for file in batch.files),
    ),
    Operation("POST", paths.FINALIZE_BATCH, "batches:finalize_batch"),
    Operation("GET", paths.BATCH, "batches:get_batch"),
    Operation("GET", paths.SOURCES, "sources:list_sources"),
    Operation("PATCH", paths.SOURCE, "sources:relabel"),
    Operation("DELETE", paths.SOURCE, "sources:remove"),
    Operation("GET", paths.SOURCE_TEXT, "sources:read_text"),
    Operation("GET", paths.SOURCE_CONTENT, "sources:read_content"),
    Operation("GET", paths.SOURCE_PICTURE, "sources:draw_page"),
    Operation("POST", paths.WEBSITES, "websites:add_website", grows=a_little),
    Operation("POST", paths.IMPORT_URL, "websites:import_url", grows=a_little),
    Operation("POST", paths.QA, "qa:add_qa", grows=a_little),
    Operation("GET", paths.AGENT_MODELS, "agents:list_models"),
    Operation("POST", paths.AGENTS, "agents:create_agent", grows=a_little),
    Operation("PATCH", paths.AGENT, "agents:update_agent"),
    Operation("POST", paths.RESPONSES, "answers:answer"),
)

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@asynccontextmanager
async def open_backend(options: LocalOptions, *, must_exist: bool = False) -> AsyncGenerator[Starlette]:
    """Open the data folder, start indexing, and yield the app; make a missing store unless it `must_exist`.

    Raises:
        ConfigError: The data folder or this Python's SQLite cannot be used.
        StoreFault: The store is damaged, or missing although it must exist.
    """
    blobs = Blobs(options.data_dir / BLOBS_FOLDER, min_free_bytes=options.min_free_bytes)
    presence = Presence(options.data_dir / WORKERS_FOLDER)
    store = options.data_dir / STORE_FILE
    if must_exist and not store.exists():
        raise StoreGone(store)
    await to_thread.run_sync(_prepare, options, blobs, presence)
    try:
        async with open_database(store, must_exist=must_exist) as database, _open_writer(options) as writer:
            worker = IndexingWorker(options, database, blobs, presence)
            semantics = _open_semantics(options, database)
            backend = Backend(options, database, blobs, worker.wake, semantics, writer)
            jobs = [worker.run, lambda: keep_house(backend), *([semantics.run] if semantics else [])]
            async with run_in_background(*([] if is_read_only(options.data_dir) else jobs)):
                yield _build_app(backend)
    finally:
        presence.leave()


def _build_app(backend: Backend) -> Starlette:
    # Without a lifespan: a server runs that of the app it is given, and this backend is open already.
    app = Starlette(
        # Uploads first: Starlette tries the routes in order, and most requests bring a file.
        routes=[
            *uploads.ROUTES,
            *routes(OPERATIONS),
        ],
        exception_handlers={HTTPException: answer_exception},
    )
    app.state.backend = backend
    return app


def _open_semantics(options: LocalOptions, database: Database) -> Semantics | None:
    if options.embeddings is None:
        return None
    from calypso_mcp.local.semantic.semantics import Semantics

    return Semantics(options.embeddings, options.data_dir, database)


@asynccontextmanager
async def _open_writer(options: LocalOptions) -> AsyncGenerator[Writer | None]:
    if options.writer is None:
        yield None
        return
    from calypso_mcp.local.writing.writer import Writer

    async with aclosing(Writer(options.writer)) as writer:
        yield writer


def _prepare(options: LocalOptions, blobs: Blobs, presence: Presence) -> None:
    try:
        options.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _warn_if_open_to_others(options.data_dir)
        if is_read_only(options.data_dir) and (options.data_dir / STORE_FILE).exists():
            return
        blobs.prepare()
        presence.enter()
        presence.forget_ended()
    except OSError as error:
        reason = "it is a file" if isinstance(error, FileExistsError) else error.strerror
        raise ConfigError(
            f"The data folder {options.data_dir} cannot be used: {reason}.",
            hint="Choose a folder that you may write to (--data-dir, CALYPSO_DATA_DIR).",
        ) from error


def _warn_if_open_to_others(folder: Path) -> None:
    if os.name == "posix" and stat.S_IMODE(folder.stat().st_mode) & _OTHERS:
        _LOG.warning(
            "Other users of this machine can read the data folder %s. Close it with: chmod 700 %s",
            folder,
            shlex.quote(str(folder)),
        )
