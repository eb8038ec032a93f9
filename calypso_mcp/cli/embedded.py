"""The embedded Calypso on a port, with its page: what `backend` and `open` both run."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from socket import socket
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from calypso_mcp import __version__
from calypso_mcp.assembly.local_options import local_options
from calypso_mcp.assembly.own_secrets import kept_secret
from calypso_mcp.cli.clients.edits import snippets
from calypso_mcp.cli.process.ending import end_soon
from calypso_mcp.cli.process.listening import origin, serve
from calypso_mcp.concurrency import run_in_background
from calypso_mcp.domain.limits import FILE_BYTES, MOST_TAGS
from calypso_mcp.local.app import open_backend
from calypso_mcp.local.indexing.formats.unreadable import unreadable_endings
from calypso_mcp.local.options import STORE_FILE
from calypso_mcp.local.processes.served import Served, announced
from calypso_mcp.page.gate import PageGate, PagePlace
from calypso_mcp.page.sessions import LINK_S, LinkSessions, link_passes
from calypso_mcp.server.access.refusal_pace import PAGE_PACE, RefusalPace
from calypso_mcp.server.files.folder_walk import names_left_out
from calypso_mcp.settings import Settings
from calypso_mcp.sqlite.connections import is_read_only
from calypso_mcp.sqlite.faults import FileWatch, StoreFault

if TYPE_CHECKING:
    from starlette.types import ASGIApp

DEFAULT_PORT = 8010
#: The settings that a backend takes besides those of listening and of models.
SETTINGS = frozenset(
    {
        "data_dir",
        "min_free_disk_mb",
        "allow_private_hosts",
        "api_key_file",
        "log_level",
        "log_json",
    }
)
_STORE_CHECK_S = 1.0


@dataclass(frozen=True, slots=True)
class BackendKey:
    """The API key of a backend, and where a person finds it: a variable or a file."""

    key: str
    source: str

    @classmethod
    def of(cls, settings: Settings) -> BackendKey:
        """Return the key of the settings, else the one kept in the data folder, made now if need be.

        Raises:
            ConfigError: The data folder cannot be used.
        """
        if settings.api_key is not None:
            file = settings.api_key_file
            return cls(settings.api_key.get_secret_value(), "CALYPSO_API_KEY" if file is None else str(file))
        path = settings.data_dir / "api-key"
        return cls(kept_secret(path, lambda: f"sk_local_{secrets.token_urlsafe(24)}"), str(path))


def sign_in_link(served: Served, key: BackendKey) -> str:
    """Return the address that opens the page once, within a few minutes.

    The pass follows `#`: browsers send that part neither to a server nor in a Referer header.
    """
    return f"{served.origin}/#sign-in={link_passes(key.key, served.run).make(LINK_S)}"


async def serve_backend(
    settings: Settings,
    key: BackendKey,
    listening: socket,
    greet: Callable[[Served], None],
) -> None:
    """Serve until told to stop; `greet` is called once requests are answered.

    Raises:
        ConfigError: The data folder cannot be used.
        StoreFault: The store was deleted, replaced or emptied meanwhile.
    """
    served = Served(origin(listening))
    async with open_backend(local_options(settings, key.key)) as app:
        store = FileWatch(settings.data_dir / STORE_FILE)
        page = put_page_before(app, settings, key, served)
        with nullcontext() if is_read_only(settings.data_dir) else announced(settings.data_dir, served):
            greet(served)
            async with run_in_background(lambda: _stop_when_gone(store)):
                await serve(page, listening)
    # Raises if this is why it ended.
    store.check()


def put_page_before(app: ASGIApp, settings: Settings, key: BackendKey, served: Served) -> PageGate:
    """Return the page, and the API of `app` behind it."""
    return PageGate(
        app,
        PagePlace("/", "/v1/", (*settings.allowed_hosts, settings.host)),
        LinkSessions(key.key, served.run),
        lambda _: _about(settings, key),
        RefusalPace(PAGE_PACE).wait,
    )


async def _stop_when_gone(store: FileWatch) -> None:
    """Stop the server when the store was deleted, replaced or emptied: nothing can be saved then."""
    while True:
        try:
            await anyio.to_thread.run_sync(store.check)
        except StoreFault:
            end_soon(1)  # the signal alone would end a server that closes slowly as if all were well
            signal.raise_signal(signal.SIGTERM)
            return
        await anyio.sleep(_STORE_CHECK_S)


def _about(settings: Settings, key: BackendKey) -> Mapping[str, Any]:
    """Return what the page shows about this backend."""
    return {
        "speaks": "rest",
        "backend": "embedded",
        "version": __version__,
        "data_folder": str(settings.data_dir),
        "key_source": key.source,
        "limits": {"file_bytes": FILE_BYTES, "tags": MOST_TAGS},
        "unreadable": unreadable_endings(),
        "left_out": names_left_out(),
        "clients": snippets(),
    }
