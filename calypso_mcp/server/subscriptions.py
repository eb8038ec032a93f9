"""Subscriptions (MCP 2026-07-28): a client learns when a bucket or file it watches changes.

Each stream looks at what it watches itself, with what the caller that opened it may do at that moment. So
nothing has to be told between workers, nothing can reach a stream whose scope does not hold it, and a stream
ends with the grant of its caller.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import MCPServer
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourceUpdated
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_REQUEST,
    SubscriptionFilter,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)

from calypso_mcp.concurrency import run_in_background
from calypso_mcp.errors import CalypsoError
from calypso_mcp.server import sdk
from calypso_mcp.server.resources import read
from calypso_mcp.server.scope.request_scope import Access, access_of
from calypso_mcp.server.state import ServerState

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WatchPolicy:
    """How subscriptions are kept: pause between looks in seconds, resources a stream, streams at once."""

    pause_s: float = 3.0
    uris: int = 50
    streams: int = 256


class Watches:
    """Serves `subscriptions/listen`."""

    def __init__(self, policy: WatchPolicy) -> None:
        self._policy = policy
        self._open = 0

    async def __call__(
        self,
        request: ServerRequestContext[ServerState, Any],
        params: SubscriptionsListenRequestParams,
    ) -> SubscriptionsListenResult:
        """Keep one stream until the client leaves; what is out of scope is dropped like what is not there."""
        if self._open >= self._policy.streams:
            raise MCPError(code=INVALID_REQUEST, message="Too many subscriptions are open.")
        self._open += 1
        try:
            return await self._keep(request, params)
        finally:
            self._open -= 1

    async def _keep(
        self,
        request: ServerRequestContext[ServerState, Any],
        params: SubscriptionsListenRequestParams,
    ) -> SubscriptionsListenResult:
        access = access_of(request)
        asked = params.notifications.resource_subscriptions or []
        seen = {uri: text for uri in asked[: self._policy.uris] if (text := await _look(access, uri))}
        honored = params.model_copy(
            update={"notifications": SubscriptionFilter(resource_subscriptions=list(seen) or None)}
        )
        bus = InMemorySubscriptionBus()
        stream = ListenHandler(bus)
        guard, watch = partial(self._guard, access, stream), partial(self._watch, access, bus, seen)
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

    async def _watch(self, opened: Access, bus: InMemorySubscriptionBus, seen: dict[str, str]) -> None:
        while True:
            await anyio.sleep(self._policy.pause_s)
            access = await _renewed(opened)
            if access is None:
                return
            for uri, before in list(seen.items()):
                now = await _look(access, uri)
                if now is not None and now != before:
                    seen[uri] = now
                    await bus.publish(ResourceUpdated(uri=uri))


async def _renewed(access: Access) -> Access | None:
    try:
        return await access.renewed()
    except CalypsoError as error:
        # Whoever cannot be asked about now has not lost anything yet; reading fails for the same reason.
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
