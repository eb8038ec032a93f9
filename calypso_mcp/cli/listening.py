"""Serving an ASGI application on a port, with an end that is not an error."""

from __future__ import annotations

import os
import signal
import socket
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from calypso_mcp.errors import ConfigError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

#: Seconds that requests in progress get when the process is told to stop.
_GRACE_S = 3


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
        raise ConfigError(f"{name}: cannot listen on {host}:{port}: {reason}.") from None


def origin(listening: socket.socket) -> str:
    """Return the `http://host:port` that reaches `listening` from this machine."""
    host, port = listening.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - recognised, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(app: ASGIApp, listening: socket.socket) -> None:
    """Answer requests until SIGINT or SIGTERM, then let those in progress finish."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # request lines hold upload addresses, which are secrets
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = uvicorn.Server(config)

    # uvicorn raises a signal it caught once more after stopping, which would end us as if killed.
    def already_stopping(number: int, _frame: FrameType | None) -> None:
        if not server.should_exit:
            raise KeyboardInterrupt(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, already_stopping)
    await server.serve(sockets=[listening])
