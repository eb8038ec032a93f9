"""Subscriptions: a client learns when a bucket or file it watches changes.

Since MCP 2026-07-28 a subscription is a stream of its own (`subscriptions/listen`). In the revisions before,
it is a request (`resources/subscribe`), and changes are announced on the connection: over stdio only, because
with stateless HTTP no connection outlasts a request.

Each subscription reads its resources itself, with the rights that its caller has at that moment. So workers
need not inform each other, a subscriber learns nothing outside its scope, and a subscription ends with the
grant of its caller.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import anyio
from anyio.abc import TaskGroup
from mcp.server.mcpserver import MCPServer
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourceUpdated
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_REQUEST,
    EmptyResult,
    SubscribeRequestParams,
    SubscriptionFilter,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    UnsubscribeRequestParams,
)

from calypso_mcp.concurrency import open_task_group, run_in_background
from calypso_mcp.errors import CalypsoError
from calypso_mcp.server import sdk
from calypso_mcp.server.resources import read, reported
from calypso_mcp.server.scope.request_scope import Access, access_of
from calypso_mcp.server.state import McpRequest, ServerState
from calypso_mcp.server.tasks.extension import require_tasks_declared

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WatchPolicy:
    """How subscriptions are kept.

    Attributes:
        pause_s: Seconds between two looks.
        uris: Resources of one stream or connection.
        streams: Streams at once.
        streams_per_caller: The same for one caller who logged in.
    """

    pause_s: float = 3.0
    uris: int = 50
    streams: int = 256
    streams_per_caller: int = 32


class Watches:
    """Serves `subscriptions/listen`."""

    def __init__(self, policy: WatchPolicy) -> None:
        self._policy = policy
        #: The caller of each open stream.
        self._open: list[str] = []

    async def __call__(
        self,
        request: McpRequest,
        params: SubscriptionsListenRequestParams,
    ) -> SubscriptionsListenResult:
        """Keep one stream until the client leaves; resources out of scope are dropped like unknown ones."""
        require_tasks_declared(request)
        access = access_of(request)
        caller = access.grant.name
        if len(self._open) >= self._policy.streams:
            raise MCPError(code=INVALID_REQUEST, message="Too many subscriptions are open.")
        # Without a login all clients are one caller, so there are no shares.
        if caller and self._open.count(caller) >= self._policy.streams_per_caller:
            raise MCPError(code=INVALID_REQUEST, message="You have too many open subscriptions.")
        self._open.append(caller)
        try:
            return await self._keep(access, request, params)
        finally:
            self._open.remove(caller)

    async def _keep(
        self,
        access: Access,
        request: McpRequest,
        params: SubscriptionsListenRequestParams,
    ) -> SubscriptionsListenResult:
        asked = params.notifications.resource_subscriptions or []
        seen = {uri: text for uri in asked[: self._policy.uris] if (text := await _look(access, uri))}
        honored = params.model_copy(
            update={"notifications": SubscriptionFilter(resource_subscriptions=list(seen) or None)}
        )
        bus = InMemorySubscriptionBus()
        stream = ListenHandler(bus)

        async def announce(uri: str) -> None:
            await bus.publish(ResourceUpdated(uri=uri))

        guard = partial(self._guard, access, stream)
        watch = partial(_watch, access, seen, announce, self._policy.pause_s)
        async with run_in_background(guard, watch):
            return await stream(request, honored)

    async def _guard(self, opened: Access, stream: ListenHandler) -> None:
        """End the stream with the grant of its caller, however slow the API is, and with the process."""
        stopping = opened.state.stopping
        is_over = False
        while not is_over:
            with anyio.move_on_after(self._policy.pause_s):
                await stopping.wait()
            is_over = stopping.is_set() or await _renewed(opened) is None
        stream.close()


class ConnectionWatches:
    """Serves `resources/subscribe` and `resources/unsubscribe` on the one connection of a process."""

    def __init__(self, tasks: TaskGroup, policy: WatchPolicy) -> None:
        self._tasks = tasks
        self._policy = policy
        #: What each watched resource read as when it was last looked at.
        self._seen: dict[str, str] = {}
        self._is_watching = False

    async def subscribe(self, request: McpRequest, params: SubscribeRequestParams) -> EmptyResult:
        """Begin to watch a resource; one out of scope is answered like an unknown one."""
        access, uri = access_of(request), str(params.uri)
        if uri not in self._seen and len(self._seen) >= self._policy.uris:
            raise MCPError(
                code=INVALID_REQUEST, message="You watch too many resources: unsubscribe from one first."
            )
        self._seen[uri] = (await reported(lambda: read(access, uri))).text
        if not self._is_watching:
            self._is_watching = True
            self._tasks.start_soon(
                _watch, access, self._seen, request.session.send_resource_updated, self._policy.pause_s
            )
        return EmptyResult()

    async def unsubscribe(self, _request: McpRequest, params: UnsubscribeRequestParams) -> EmptyResult:
        """Stop watching a resource; one that is not watched is no error."""
        self._seen.pop(str(params.uri), None)
        return EmptyResult()


async def _watch(
    opened: Access, seen: dict[str, str], announce: Callable[[str], Awaitable[None]], pause_s: float
) -> None:
    """Announce each change of the resources in `seen` until the caller may no longer call."""
    while True:
        await anyio.sleep(pause_s)
        access = await _renewed(opened)
        if access is None:
            return
        for uri, before in list(seen.items()):
            now = await _look(access, uri)
            # It may have been unsubscribed from meanwhile.
            if uri in seen and now is not None and now != before:
                seen[uri] = now
                await announce(uri)


async def _renewed(access: Access) -> Access | None:
    try:
        return await access.renewed()
    except CalypsoError as error:
        # A failed check withdraws nothing; reading fails for the same reason.
        logger.debug("a subscriber's grant could not be checked: %s", error.code)
        return access


async def _look(access: Access, uri: str) -> str | None:
    try:
        return (await read(access, uri)).text
    except CalypsoError as error:
        logger.debug("a watched resource could not be read: %s", error.code)
        return None


def register(server: MCPServer[ServerState], policy: WatchPolicy) -> None:
    """Let `server` keep subscriptions."""
    sdk.handle(server, "subscriptions/listen", SubscriptionsListenRequestParams, Watches(policy))


@asynccontextmanager
async def on_one_connection(
    server: MCPServer[ServerState], policy: WatchPolicy | None = None
) -> AsyncGenerator[None]:
    """Let `server` keep subscriptions of the handshake era, too, for the one connection of this block."""
    async with open_task_group() as tasks:
        watches = ConnectionWatches(tasks, policy or WatchPolicy())
        sdk.handle(server, "resources/subscribe", SubscribeRequestParams, watches.subscribe)
        sdk.handle(server, "resources/unsubscribe", UnsubscribeRequestParams, watches.unsubscribe)
        try:
            yield
        finally:
            tasks.cancel_scope.cancel()
