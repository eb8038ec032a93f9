"""One API client for each API key in use; all of them share their connections."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING

import anyio
from pydantic import SecretStr

from calypso_mcp.assembly.embedded import EMBEDDED_BASE_URL, EmbeddedTransport
from calypso_mcp.concurrency import open_task_group
from calypso_mcp.errors import AuthenticationFailed
from calypso_mcp.server.backend import Backend
from calypso_mcp.settings import Settings

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from calypso_mcp.client import CalypsoClient, ClientPolicies
    from calypso_mcp.client.key_checks import KeyChecks
    from calypso_mcp.client.transport.connections import Connections
    from calypso_mcp.client.uploading.sent_ledger import LedgerFile
    from calypso_mcp.local.options import LocalOptions

#: Beside the data of the embedded Calypso; for the hosted one, all that is there.
_LEDGER_FILE = "sent.sqlite"
#: Connections that all callers together may use at the same time, to the API and to the storage each.
_MOST_CONNECTIONS = 100
#: Files sent to the embedded Calypso at the same time: it stores together what arrives together.
_TO_EMBEDDED = 32
#: Backends of different keys kept at the same time; the one unused for longest is dropped first.
_KEPT_BACKENDS = 256


@asynccontextmanager
async def open_backends(settings: Settings) -> AsyncGenerator[Backends]:
    """Yield the backends of one process; everything they started ends with the block."""
    async with open_task_group() as tasks:
        backends = Backends(settings, tasks)
        try:
            yield backends
        finally:
            with anyio.CancelScope(shield=True):
                await backends.aclose()


class Backends:
    """The backends of one process. Clients are made when first needed and share their connections."""

    def __init__(self, settings: Settings, tasks: TaskGroup) -> None:
        """Connect to nothing; an embedded backend will run in `tasks`, which must outlive the requests."""
        self._settings = settings
        self._by_key: OrderedDict[str, Backend] = OrderedDict()
        #: What is closed with the process: the latest first, and so the embedded backend last.
        self._opened = AsyncExitStack()
        self._embedded: EmbeddedTransport | None = None
        # In the process only our own client can reach the embedded API, so its key need not be known.
        self._embedded_key = secrets.token_urlsafe(32)
        if not settings.uses_hosted_api:
            self._embedded = EmbeddedTransport(tasks, self._local_options)
            self._opened.callback(self._embedded.stop)

    def of_process(self) -> Backend:
        """Return the backend of the operator's own key."""
        return self.of_key(self._settings.api_key)

    def of_key(self, key: SecretStr | None, *, refused_key_hint: str = "") -> Backend:
        """Return the backend of `key`; the embedded one has a single key of its own.

        `refused_key_hint` is what to do when Calypso refuses the key; the operator's advice by default.

        Raises:
            AuthenticationFailed: The hosted API is used and there is no key.
        """
        if self._embedded is not None:
            return self._backend(self._embedded_key, "")
        if key is None:
            raise AuthenticationFailed("No Calypso API key was given.")
        return self._backend(key.get_secret_value(), refused_key_hint)

    async def accepts(self, key: SecretStr) -> bool:
        """Whether Calypso accepts `key`; errors other than a refusal pass through."""
        if self._embedded is not None:
            return False
        return await self._checks.accepts(key.get_secret_value())

    async def aclose(self) -> None:
        """Close all connections, the record of sent files, then the embedded backend."""
        await self._opened.aclose()

    def _backend(self, key: str, refused_key_hint: str) -> Backend:
        backend = self._by_key.get(key)
        if backend is None:
            label = "hosted" if self._embedded is None else "embedded"
            backend = self._by_key[key] = Backend.of(self._client(key, refused_key_hint), label)
            if len(self._by_key) > _KEPT_BACKENDS:
                # Nothing to close: the connections are shared, and calls under way go on.
                self._by_key.popitem(last=False)
        self._by_key.move_to_end(key)
        return backend

    def _client(self, key: str, refused_key_hint: str) -> CalypsoClient:
        """Make a client; one pacer for each key, because the limit on creates is per key."""
        from calypso_mcp.client import CalypsoClient
        from calypso_mcp.client.transport.pacing import CreatePacer
        from calypso_mcp.client.uploading.sent_ledger import SentLedger, account_of

        # The key of the embedded one differs in every process; what it holds lies in the same folder.
        account = account_of(self._base_url, key if self._embedded is None else "")
        return CalypsoClient(
            base_url=self._base_url,
            api_key=key,
            sent=SentLedger(self._sent, account),
            connections=self._connections,
            policies=client_policies(self._settings),
            pacer=CreatePacer(),
            refused_key_hint=refused_key_hint,
        )

    @property
    def _base_url(self) -> str:
        return self._settings.api_base_url if self._embedded is None else EMBEDDED_BASE_URL

    @cached_property
    def _connections(self) -> Connections:
        from calypso_mcp.client.transport.connections import Connections

        connections = Connections(
            self._base_url,
            client_policies(self._settings),
            transport=self._embedded,
            most_connections=_MOST_CONNECTIONS,
        )
        self._opened.push_async_callback(connections.aclose)
        return connections

    @cached_property
    def _checks(self) -> KeyChecks:
        from calypso_mcp.client.key_checks import KeyChecks

        checks = KeyChecks(self._settings.api_base_url, client_policies(self._settings))
        self._opened.push_async_callback(checks.aclose)
        return checks

    @cached_property
    def _sent(self) -> LedgerFile:
        from calypso_mcp.client.uploading.sent_ledger import LedgerFile

        sent = LedgerFile(self._settings.data_dir / _LEDGER_FILE)
        self._opened.callback(sent.close)
        return sent

    def _local_options(self) -> LocalOptions:
        from calypso_mcp.assembly.local_options import local_options

        return local_options(self._settings, self._embedded_key)


def client_policies(settings: Settings) -> ClientPolicies:
    """Return the client's part of the settings."""
    from calypso_mcp.client import ClientPolicies, Timeouts

    seconds = settings.request_timeout_s
    return ClientPolicies(
        timeouts=Timeouts(
            connect_s=min(10.0, seconds), read_s=seconds, write_s=seconds, answer_s=max(60.0, 2 * seconds)
        ),
        parallel_uploads=settings.parallel_uploads or (8 if settings.uses_hosted_api else _TO_EMBEDDED),
    )
