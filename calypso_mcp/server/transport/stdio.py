"""MCP over stdin and stdout, tolerant of what real clients send.

Beyond the SDK's transport: `server/discover` may come before `initialize` (real clients probe that way), a
message that is too long or no JSON is answered instead of being fatal or ignored, answers already under way
at the end of input are still sent, and the process is free to exit at once afterwards.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from io import FileIO
from typing import BinaryIO, TypeVar

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream
from mcp.server.mcpserver import MCPServer
from mcp.shared.message import SessionMessage
from mcp_types import (
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    RequestId,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError

from calypso_mcp.concurrency import open_task_group
from calypso_mcp.domain.json_text import is_utf_16, parsable
from calypso_mcp.server import sdk
from calypso_mcp.server.transport.stdio_pipes import (
    MOST_BYTES,
    TooLong,
    claimed,
    lines_of,
    watch_end,
    write_line,
)

logger = logging.getLogger(__name__)

S = TypeVar("S")

#: How long answers under way may take after the end of input, in seconds; the exit is promised within 0.2.
_LAST_ANSWERS_S = 0.12
_ID_AT_HEAD = re.compile(
    rb'\A\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,18}|"[^"\\]{1,128}")'
)
_ID_AT_TAIL = re.compile(
    rb'"id"\s*:\s*(\d{1,18}|"[^"\\]{1,128}")\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*\Z'
)


async def run_stdio(server: MCPServer[S], *, on_input_end: Callable[[], None]) -> None:
    """Serve the client at the other end of stdin and stdout until it closes stdin.

    `on_input_end` is called once stdin has ended, from another thread and even while nothing is read from it.
    """
    with claimed() as (source, target):
        watch_end(source.fileno(), on_input_end)
        await serve_pipes(server, source, target)


async def serve_pipes(
    server: MCPServer[S], source: BinaryIO, target: FileIO, *, last_answers_s: float = _LAST_ANSWERS_S
) -> None:
    """Serve the client that writes to `source` and reads from `target`, until `source` ends.

    Answers under way may take `last_answers_s` seconds after that end.
    """
    async with sdk.lifespan(server) as state, open_task_group() as tasks:
        wire = _Wire(target, last_answers_s)
        replies, outlet = sdk.write_pipe()
        feed, messages = sdk.read_pipe()
        tasks.start_soon(wire.write_all, outlet)
        reader = _Reader(wire, feed, lambda message: _discover(server, state, tasks, message))
        tasks.start_soon(reader.read_all, lines_of(source))
        await sdk.serve(server, messages, replies, state)
        tasks.cancel_scope.cancel()


async def _discover(
    server: MCPServer[S], state: S, tasks: TaskGroup, request: SessionMessage
) -> SessionMessage:
    """Answer a probe on a connection of its own, so that it does not decide the real one's era."""
    feed, messages = sdk.read_pipe()
    replies, outlet = sdk.write_pipe()
    tasks.start_soon(sdk.serve, server, messages, replies, state)
    async with feed, outlet:
        await feed.send(request)
        return await outlet.receive()


class _Wire:
    """What goes out, and which requests still wait for it."""

    def __init__(self, target: FileIO, last_answers_s: float) -> None:
        self._target = target
        self._last_answers_s = last_answers_s
        self._writing = anyio.Lock()
        self._unanswered: set[RequestId] = set()
        self._all_answered = anyio.Event()

    def expect_answer(self, request_id: RequestId) -> None:
        self._unanswered.add(request_id)

    async def write_all(self, outlet: sdk.WriteOutlet) -> None:
        async with outlet:
            async for message in outlet:
                await self.write(message)

    async def write(self, message: SessionMessage) -> None:
        body = message.message
        line = body.model_dump_json(by_alias=True, exclude_unset=True).encode()
        async with self._writing:
            try:
                await write_line(self._target, line)
            except OSError:
                logger.info("the client no longer reads")
        if isinstance(body, JSONRPCResponse | JSONRPCError) and body.id is not None:
            self._unanswered.discard(body.id)
            if not self._unanswered:
                self._all_answered.set()

    async def refuse(self, request_id: RequestId | None, code: int, message: str) -> None:
        error = JSONRPCError(jsonrpc="2.0", id=request_id, error=ErrorData(code=code, message=message))
        await self.write(SessionMessage(error))

    async def last_answers(self) -> None:
        """Wait a moment for requests under way, so that piped input gets its answers."""
        with anyio.move_on_after(self._last_answers_s):
            while self._unanswered:
                self._all_answered = anyio.Event()
                await self._all_answered.wait()


class _Reader:
    """What comes in: messages for the SDK, and what is answered before they reach it."""

    def __init__(
        self, wire: _Wire, feed: sdk.ReadFeed, discover: Callable[[SessionMessage], Awaitable[SessionMessage]]
    ) -> None:
        self._wire = wire
        self._feed = feed
        self._discover = discover
        self._opened = False

    async def read_all(self, lines: MemoryObjectReceiveStream[bytes | TooLong]) -> None:
        async with lines, self._feed:
            async for line in lines:
                message = await self._parse(line)
                if message is not None:
                    await self._pass_on(message)
            await self._wire.last_answers()

    async def _pass_on(self, message: SessionMessage) -> None:
        body = message.message
        if isinstance(body, JSONRPCRequest):
            if body.method == "server/discover" and not self._opened:
                await self._wire.write(await self._discover(message))
                return
            self._opened = True
            self._wire.expect_answer(body.id)
        await self._feed.send(message)

    async def _parse(self, line: bytes | TooLong) -> SessionMessage | None:
        """Return the message of `line`; answer an unreadable one with an error and return None."""
        if isinstance(line, TooLong):
            problem = f"The message is longer than {MOST_BYTES} bytes. Pass large content as a file path."
            await self._wire.refuse(_request_id(line.head, line.tail), INVALID_REQUEST, problem)
            return None
        # The last of UTF-16 is half a line end.
        if not line.strip(b" \t\r\n\0"):
            return None
        text = parsable(line)
        try:
            message = jsonrpc_message_adapter.validate_json(text, by_name=False)
        except ValidationError:
            fault = sdk.fault_of(text)
            problem = fault or (
                "The input is in UTF-16, but MCP over stdio uses UTF-8."
                if is_utf_16(line)
                else "The message is not JSON-RPC 2.0, or is nested too deeply."
            )
            code = INVALID_REQUEST if fault else PARSE_ERROR
            await self._wire.refuse(_request_id(line[:4096], line[-4096:]), code, problem)
            return None
        if isinstance(message, JSONRPCNotification) and (fault := sdk.fault_of(text)):
            await self._wire.refuse(None, INVALID_REQUEST, fault)
            return None
        return SessionMessage(message)


def _request_id(head: bytes, tail: bytes) -> RequestId | None:
    """Return the id of a request that could not be read, where it stands at either end."""
    found = _ID_AT_HEAD.match(head) or _ID_AT_TAIL.search(tail)
    if found is None:
        return None
    text = found.group(1).decode("utf-8", errors="replace")
    return text.strip('"') if text.startswith('"') else int(text)
