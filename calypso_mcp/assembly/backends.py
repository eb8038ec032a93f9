"""One API client for every API key in use, all with the same way to Calypso."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from pydantic import SecretStr

from calypso_mcp.assembly.embedded import EMBEDDED_BASE_URL, EmbeddedTransport
from calypso_mcp.concurrency import open_task_group
from calypso_mcp.errors import AuthenticationFailed
from calypso_mcp.server.state import Backend
from calypso_mcp.settings import Settings

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from calypso_mcp.client import CalypsoClient, ClientPolicies, LedgerFile
    from calypso_mcp.local.app import LocalOptions

#: Beside the data of the embedded Calypso; for the hosted one, all that is there.
_LEDGER_FILE = "sent.sqlite"


@asynccontextmanager
async def opened(settings: Settings) -> AsyncGenerator[Backends]:
    """Yield the backends of one process; everything they started ends with the block."""
    async with open_task_group() as tasks:
        backends = Backends(settings, tasks)
        try:
            yield backends
        finally:
            with anyio.CancelScope(shield=True):
                await backends.aclose()


class Backends:
    """The backends of one process. Clients are made when first needed and closed together."""

    def __init__(self, settings: Settings, tasks: TaskGroup) -> None:
        """Prepare without connecting to anything.

        Args:
            settings: What the operator decided.
            tasks: Where an embedded backend runs; must outlive the requests.
        """
        self._settings = settings
        self._by_key: dict[str, Backend] = {}
        self._clients = AsyncExitStack()
        self._embedded: EmbeddedTransport | None = None
        self._sent: LedgerFile | None = None
        # In the process nobody but our own client can reach the embedded API, so its key need not be known.
        self._embedded_key = secrets.token_urlsafe(32)
        if not settings.uses_hosted_api:
            self._embedded = EmbeddedTransport(tasks, self._local_options)

    def of_process(self) -> Backend:
        """Return the backend of the operator's own key."""
        return self.of_key(self._settings.api_key)

    def of_key(self, key: SecretStr | None) -> Backend:
        """Return the backend of `key`; the embedded one has a single key of its own.

        Raises:
            AuthenticationFailed: The hosted API is used and there is no key.
        """
        if self._embedded is not None:
            return self._backend(self._embedded_key)
        if key is None:
            raise AuthenticationFailed("No Calypso API key was given.")
        return self._backend(key.get_secret_value())

    async def accepts(self, key: SecretStr) -> bool:
        """Whether Calypso accepts `key`; errors other than a refusal pass through."""
        if self._embedded is not None:
            return False
        client = self._client(key.get_secret_value())
        try:
            await client.connection.check()
        except AuthenticationFailed:
            return False
        finally:
            await client.aclose()
        return True

    async def aclose(self) -> None:
        """Close every client, the memory of sent files, then the embedded backend."""
        await self._clients.aclose()
        if self._sent is not None:
            self._sent.close()
        if self._embedded is not None:
            self._embedded.stop()

    def _backend(self, key: str) -> Backend:
        backend = self._by_key.get(key)
        if backend is None:
            client = self._client(key)
            self._clients.push_async_callback(client.aclose)
            label = "hosted" if self._embedded is None else "embedded"
            backend = self._by_key[key] = Backend.of(client, label)
        return backend

    def _client(self, key: str) -> CalypsoClient:
        """Make a client; one pacer for each key, because the limit on creates is per key."""
        from calypso_mcp.client import CalypsoClient, CreatePacer, SentLedger, account_of

        policies = client_policies(self._settings)
        if self._embedded is None:
            return CalypsoClient(
                base_url=self._settings.api_base_url,
                api_key=key,
                policies=policies,
                pacer=CreatePacer(),
                sent=SentLedger(self._ledger_file(), account_of(self._settings.api_base_url, key)),
            )
        return CalypsoClient(
            base_url=EMBEDDED_BASE_URL,
            api_key=key,
            transport=self._embedded,
            storage_transport=self._embedded,
            policies=policies,
            pacer=CreatePacer(),
            # Its key is another one in every process; what it holds lies in the same folder.
            sent=SentLedger(self._ledger_file(), account_of(EMBEDDED_BASE_URL, "")),
        )

    def _ledger_file(self) -> LedgerFile:
        from calypso_mcp.client import LedgerFile

        if self._sent is None:
            self._sent = LedgerFile(self._settings.data_dir / _LEDGER_FILE)
        return self._sent

    def _local_options(self) -> LocalOptions:
        from calypso_mcp.local.app import LocalOptions

        return LocalOptions(data_dir=self._settings.data_dir, api_key=self._embedded_key)


def client_policies(settings: Settings) -> ClientPolicies:
    """Return the client's part of the settings."""
    from calypso_mcp.client import ClientPolicies, Timeouts

    seconds = settings.request_timeout_s
    return ClientPolicies(
        timeouts=Timeouts(
            connect_s=min(10.0, seconds), read_s=seconds, write_s=seconds, answer_s=max(60.0, 2 * seconds)
        ),
        parallel_uploads=settings.parallel_uploads,
    )
