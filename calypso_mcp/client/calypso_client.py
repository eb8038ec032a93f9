"""The public client: one object for one API key."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Self

import httpx2

from calypso_mcp.client.buckets.buckets import Buckets
from calypso_mcp.client.buckets.sources import BucketSources
from calypso_mcp.client.clock import SYSTEM_CLOCK, Clock
from calypso_mcp.client.connection import Connection
from calypso_mcp.client.files import Files
from calypso_mcp.client.policies import ClientPolicies
from calypso_mcp.client.readiness import ReadinessWaiter
from calypso_mcp.client.retrieval.agents import Agents
from calypso_mcp.client.retrieval.answers import Answers
from calypso_mcp.client.retrieval.search import Search
from calypso_mcp.client.transport.connections import Connections, check_base_url
from calypso_mcp.client.transport.pacing import CreatePacer
from calypso_mcp.client.transport.requester import Requester
from calypso_mcp.client.uploading.sent_files import SentFiles
from calypso_mcp.client.uploading.uploads import Uploads
from calypso_mcp.client.websites import Qa, Websites
from calypso_mcp.domain.addresses import may_be_api_key
from calypso_mcp.errors import ConfigError


class CalypsoClient:
    """Typed access to the Calypso REST API. An async context manager; nothing connects before first use.

    Attributes:
        buckets: List and create buckets.
        sources: The sources of a bucket, if the backend lists them (see `connection.extensions`).
        files: Upload sessions, batches, knowledge files, indexing tasks: one method per endpoint.
        agents: List and create agents.
        answers: Ask an agent.
        search: Passages within a scope.
        connection: Whether the key works.
        uploads: From bytes to accepted files, single or many.
        websites: Pages and files that Calypso reads from the web.
        qa: Questions with their answers.
        readiness: From accepted to searchable.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        transport: httpx2.AsyncBaseTransport | None = None,
        storage_transport: httpx2.AsyncBaseTransport | None = None,
        connections: Connections | None = None,
        policies: ClientPolicies | None = None,
        pacer: CreatePacer | None = None,
        clock: Clock = SYSTEM_CLOCK,
        dice: Callable[[], float] = random.random,
        sent: SentFiles | None = None,
        refused_key_hint: str = "",
    ) -> None:
        """Tie everything together.

        Args:
            base_url: https (loopback excepted), ending in `/v1`.
            api_key: Project API key. Appears in no repr, log or error.
            transport: Replaces the network; for the embedded backend and tests.
            storage_transport: Replaces the network for upload addresses; `transport` by default.
            connections: Shared with other clients of the same base URL, and closed by their owner; instead of
                `transport` and `storage_transport`.
            policies: Retries, timeouts, polling, parallel uploads.
            pacer: Shared by every client of the process that uses the same key.
            clock: Where time comes from.
            dice: Random numbers from 0 to 1 for the jitter between attempts.
            sent: Memory of the files sent; without one, only the API recognises what is repeated.
            refused_key_hint: What to do when the API refuses the key; the operator's advice by default.

        Raises:
            ConfigError: The base URL or the key cannot be used.
        """
        url = check_base_url(base_url)
        _check_key(api_key)
        policies = policies or ClientPolicies()
        self._connections = connections or Connections(
            url, policies, transport=transport, storage_transport=storage_transport
        )
        self._owns_connections = connections is None
        requester = Requester(
            self._connections,
            base_url=url,
            api_key=api_key,
            policies=policies,
            pacer=pacer or CreatePacer(clock=clock),
            clock=clock,
            dice=dice,
            refused_key_hint=refused_key_hint,
        )
        self.buckets = Buckets(requester)
        self.files = Files(requester)
        self.sources = BucketSources(requester)
        self.agents = Agents(requester)
        self.answers = Answers(requester, policies.timeouts)
        self.search = Search(requester, self.agents, self.answers, self.buckets, clock)
        self.connection = Connection(requester, clock)
        self.uploads = Uploads(
            files=self.files,
            connections=self._connections,
            policies=policies,
            clock=clock,
            dice=dice,
            sent=sent or SentFiles(),
            sources=self.sources,
        )
        self.websites = Websites(requester)
        self.qa = Qa(requester, self.connection, self.uploads)
        self.readiness = ReadinessWaiter(self.files, self.buckets, policies.poll, clock)

    async def aclose(self) -> None:
        """Close all connections but shared ones."""
        if self._owns_connections:
            await self._connections.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()


def _check_key(api_key: str) -> None:
    if not may_be_api_key(api_key):
        raise ConfigError(
            "The API key is empty or contains characters that no key contains.",
            hint="Copy it from Calypso again, without quotes or line ends.",
        )
