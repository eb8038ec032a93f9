"""Whether the API accepts a key that a caller sent: asked of many keys over one set of connections."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from calypso_mcp.client.calypso_client import CalypsoClient
from calypso_mcp.client.policies import ClientPolicies
from calypso_mcp.client.transport.connections import Connections, check_base_url
from calypso_mcp.domain.retry import RetryPolicy
from calypso_mcp.errors import AuthenticationFailed

#: A caller is waiting, and sends the request again anyway.
_RETRY: Final = RetryPolicy(attempts=2)
_ANSWER_S: Final = 10.0


class KeyChecks:
    """Asks the API at one base URL about keys. Connects when first used."""

    def __init__(self, base_url: str, policies: ClientPolicies) -> None:
        """Check the base URL.

        Raises:
            ConfigError: It cannot be used.
        """
        self._base_url = check_base_url(base_url)
        timeouts = replace(policies.timeouts, answer_s=min(_ANSWER_S, policies.timeouts.answer_s))
        self._policies = replace(policies, retry=_RETRY, timeouts=timeouts)
        self._connections = Connections(self._base_url, self._policies)

    async def accepts(self, api_key: str) -> bool:
        """Whether the API accepts `api_key`; errors other than a refusal pass through."""
        client = CalypsoClient(
            base_url=self._base_url,
            api_key=api_key,
            connections=self._connections,
            policies=self._policies,
        )
        try:
            await client.connection.check()
        except AuthenticationFailed:
            return False
        return True

    async def aclose(self) -> None:
        """Close the connections."""
        await self._connections.aclose()
