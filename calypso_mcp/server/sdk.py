"""Collects every use of the MCP SDK's private parts. A test fails if the SDK changes one of them.

- `MCPServer._lowlevel_server`: the only way to handlers that see the request, and to run on own streams.
- `mcp.server.runner.serve_dual_era_loop`, `mcp.shared._context_streams`: what `Server.run` is made of.
- `FuncMetadata.pre_parse_json` guesses at JSON in strings before arguments are validated (`as_given`).
- `mcp.server.mcpserver.server.configure_logging` is what `MCPServer` sets up logging with.
- `MCPServer` reaches a tool through its public `call_tool`, which `calls` overrides.
- `Tool.fn`, `resolved_params` and `context_kwarg` may be replaced after registration (`tool_spec`).
- `Server.middleware`: sees parameters before they are validated (`rewrite`).
- `MCPServer._tool_manager`: every call finds its tool with `get_tool`.
- `mcp.server.runner.ServerRunner`, `mcp.server._streamable_http_modern` and the session manager's
  `_lifespan_state`: what the SDK answers single requests with since 2026-07-28 (`answer_request`).
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import pydantic_core
from mcp.server._streamable_http_modern import _SingleExchangeDispatchContext, _to_jsonrpc_response
from mcp.server.connection import Connection
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.mcpserver import MCPServer, server as mcp_server
from mcp.server.mcpserver.tools import Tool, ToolManager
from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata
from mcp.server.runner import ServerRunner, serve_dual_era_loop
from mcp.shared._context_streams import ContextReceiveStream, ContextSendStream, create_context_streams
from mcp.shared.dispatcher import CallOptions
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER as VERSION_HEADER
from mcp.shared.jsonrpc_dispatcher import progress_token_from_params
from mcp.shared.message import ServerMessageMetadata, SessionMessage
from mcp.shared.transport_context import TransportContext
from mcp_types import (
    DEFAULT_NEGOTIATED_VERSION,
    JSONRPCNotification,
    JSONRPCRequest,
    jsonrpc_message_adapter,
)
from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from starlette.requests import Request

S = TypeVar("S")
P = TypeVar("P", bound=BaseModel)

_UNUSABLE_ID = "The id of a request is a string or a whole number."
_NO_MESSAGE = (
    "A message is one JSON-RPC 2.0 object with a method (its params are an object), a result or an error; "
    "batches are not supported."
)
_LOGGING_SETUP = "configure_logging"

ReadStream = ContextReceiveStream[SessionMessage | Exception]
ReadFeed = ContextSendStream[SessionMessage | Exception]
WriteStream = ContextSendStream[SessionMessage]
WriteOutlet = ContextReceiveStream[SessionMessage]


@contextmanager
def logging_left_alone() -> Generator[None]:
    """Keep `MCPServer` from setting up logging in this block.

    Logging is the program's to set up; and the SDK's way imports `rich`, a twentieth of the whole start.
    """
    original = getattr(mcp_server, _LOGGING_SETUP)
    setattr(mcp_server, _LOGGING_SETUP, _set_up_nothing)
    try:
        yield
    finally:
        setattr(mcp_server, _LOGGING_SETUP, original)


def _set_up_nothing(*_args: object, **_options: object) -> None:
    """Stand in for the SDK's own setup."""


def low_level(server: MCPServer[S]) -> Server[S]:
    """Return the protocol server inside `server`."""
    return server._lowlevel_server


class _ToolsWhenCalled(ToolManager):
    """Makes each tool when it is first called."""

    def __init__(self, makers: Mapping[str, Callable[[], Tool]]) -> None:
        super().__init__()
        self._makers = makers

    def get_tool(self, name: str) -> Tool | None:
        if name not in self._tools and name in self._makers:
            self._tools[name] = self._makers[name]()
        return super().get_tool(name)


class _AsGiven(FuncMetadata):
    """Takes arguments and results as they are."""

    def pre_parse_json(self, data: dict[str, Any]) -> dict[str, Any]:
        return data


def as_given(metadata: FuncMetadata) -> FuncMetadata:
    """Return `metadata` without the SDK's guess that a string that is JSON stands for what it says.

    It would turn a text to upload into an object. `calls.call_arguments` decides by the schema instead.
    """
    return _AsGiven(arg_model=metadata.arg_model)


def offer_when_called(server: MCPServer[S], makers: Mapping[str, Callable[[], Tool]]) -> None:
    """Let `server` call tools, each made with the first call of it."""
    server._tool_manager = _ToolsWhenCalled(makers)


def handle(
    server: MCPServer[S],
    method: str,
    params: type[P],
    handler: Callable[[ServerRequestContext[S, Any], P], Awaitable[HandlerResult]],
) -> None:
    """Answer `method` with `handler`, which sees the whole request, in place of the SDK's own."""
    low_level(server).add_request_handler(method, params, handler)


def rewrite(
    server: MCPServer[S], method: str, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> None:
    """Let `change` rewrite the parameters of `method` before the SDK validates them."""

    async def rewritten(ctx: ServerRequestContext[S, Any], call_next: CallNext) -> HandlerResult:
        if ctx.method == method and ctx.params is not None:
            ctx = replace(ctx, params=change(ctx.params))
        return await call_next(ctx)

    low_level(server).middleware.append(rewritten)


def lifespan(server: MCPServer[S]) -> AbstractAsyncContextManager[S]:
    """Return the server's lifespan, which yields its state."""
    inner = low_level(server)
    return inner.lifespan(inner)


def read_pipe() -> tuple[ReadFeed, ReadStream]:
    """Return a pipe for messages from the client; sending waits until the message is taken."""
    return create_context_streams[SessionMessage | Exception](0)


def write_pipe() -> tuple[WriteStream, WriteOutlet]:
    """Return a pipe for messages to the client; sending waits until the message is taken."""
    return create_context_streams[SessionMessage](0)


async def serve(server: MCPServer[S], messages: ReadStream, replies: WriteStream, state: S) -> None:
    """Serve one connection in the protocol era of its first request, until `messages` ends."""
    await serve_dual_era_loop(low_level(server), messages, replies, lifespan_state=state)


@dataclass(kw_only=True)
class _Exchange(_SingleExchangeDispatchContext):
    """One request; what is sent before its answer goes to `send`."""

    send: Callable[[bytes], Awaitable[None]]

    async def notify(
        self,
        method: str,
        params: Mapping[str, Any] | None,
        opts: CallOptions | None = None,
    ) -> None:
        del opts  # they are about requests
        notification = JSONRPCNotification(
            jsonrpc="2.0", method=method, params=None if params is None else dict(params)
        )
        await self.send(notification.model_dump_json(by_alias=True, exclude_none=True).encode())


def fault_of(text: bytes) -> str | None:
    """Return why `text` is JSON but no message; None if it is one, or no JSON.

    The SDK lists every type that it tried to read. It takes a request whose id is neither a string nor a
    whole number for a notification, and its client would wait for an answer for ever.
    """
    try:
        message = pydantic_core.from_json(text)
    except ValueError:
        return None
    try:
        read = jsonrpc_message_adapter.validate_python(message, by_name=False)
    except ValidationError:
        return _NO_MESSAGE
    return _UNUSABLE_ID if isinstance(read, JSONRPCNotification) and "id" in message else None


async def answer_request(
    server: MCPServer[Any],
    request: Request,
    message: JSONRPCRequest,
    send: Callable[[bytes], Awaitable[None]],
) -> bytes:
    """Return the answer, as JSON, to a message of the handshake era that came alone with a request.

    `send` sends the client a message, as JSON, that belongs to this one. The server runs behind its HTTP app.
    """
    low = low_level(server)
    exchange = _Exchange(
        transport=TransportContext(kind="streamable-http", can_send_request=False, headers=request.headers),
        request_id=message.id,
        message_metadata=ServerMessageMetadata(request_context=request),
        progress_token=progress_token_from_params(message.params),
        send=send,
    )
    version = request.headers.get(VERSION_HEADER, DEFAULT_NEGOTIATED_VERSION)
    connection = Connection.from_envelope(version, None, None)
    runner = ServerRunner(low, connection, low.session_manager._lifespan_state)
    reply = await _to_jsonrpc_response(
        message.id,
        # Not `serve_one`, which sets a timer for closing what the connection has opened: nothing here does.
        runner.on_request(exchange, message.method, message.params),
    )
    return reply.model_dump_json(by_alias=True, exclude_unset=True).encode()
