"""Serving an ASGI application on a port, with an end that is not an error."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from ipaddress import ip_address
from types import FrameType
from typing import TYPE_CHECKING

import anyio
import uvicorn

from calypso_mcp.cli.process.ending import end_soon
from calypso_mcp.cli.process.http_connections import BoundedConnection
from calypso_mcp.errors import ConfigError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

#: Seconds that requests in progress get when the process is told to stop; closing takes the rest.
_GRACE_S = 1
#: Seconds between two records of foreign addresses.
_BETWEEN_S = 60.0


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that already listens, so that a client may connect as soon as its address is printed.

    Raises:
        ConfigError: The address is in use or not ours.
    """
    name = "--host, --port (CALYPSO_HTTP_HOST, CALYPSO_HTTP_PORT)"
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise ConfigError(
            f"{name}: cannot listen on {host}:{port}: {reason}.",
            hint="Choose another with --port; 0 takes a free one." if port else "Choose another with --host.",
        ) from None


def origin(listening: socket.socket) -> str:
    """Return the `http://host:port` that reaches `listening` from this machine."""
    host, port = listening.getsockname()[:2]
    if ip_address(host).is_unspecified:
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, stopping: anyio.Event | None) -> None:
        super().__init__(config)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at the signal `sig`."""
        end_soon()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._stopping is not None:
            self._stopping.set()
        await super().shutdown(sockets)


def _is_worth_logging(record: logging.LogRecord) -> bool:
    """Whether a record says more than that the end of the process cancelled a request.

    Warnings are about bytes that are not HTTP. They name no sender, and strangers could cause any number.
    """
    is_cancelled = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not is_cancelled and record.levelno != logging.WARNING


class OncePerMinute(logging.Filter):
    """Passes one record a minute.

    The foreign Host or Origin of one request shows an operator what a proxy sends; strangers could cause any
    number of such records.
    """

    _passed_at = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether `record` is passed on; also if the clock was set back."""
        if 0 <= record.created - self._passed_at < _BETWEEN_S:
            return False
        self._passed_at = record.created
        return True


async def serve(app: ASGIApp, listening: socket.socket, stopping: anyio.Event | None = None) -> None:
    """Answer requests until SIGINT or SIGTERM, then let those in progress finish.

    `stopping` is set then, for `app` to end what would not finish by itself.
    """
    config = uvicorn.Config(
        app,
        http=BoundedConnection,
        log_config=None,
        access_log=False,  # request lines hold upload addresses, which are secrets
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    logging.getLogger("uvicorn.error").addFilter(_is_worth_logging)
    logging.getLogger("mcp.server.transport_security").addFilter(OncePerMinute())
    server = _Server(config, stopping)

    # uvicorn raises a signal it caught once more after stopping, which would end us as if killed.
    def already_stopping(number: int, _frame: FrameType | None) -> None:
        if not server.should_exit:
            raise KeyboardInterrupt(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, already_stopping)
    await server.serve(sockets=[listening])
