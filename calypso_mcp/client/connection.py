"""Checks whether the key works, and asks what the backend can do."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Final

from calypso_mcp.api import paths
from calypso_mcp.api.connection import ConnectionState, Extension
from calypso_mcp.client.clock import Clock
from calypso_mcp.client.transport.bodies import Nothing
from calypso_mcp.client.transport.requester import Requester
from calypso_mcp.errors import ApiError, ContractError, ServerError

_log = logging.getLogger(__name__)

_NO_SUCH_ENDPOINT = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
#: Seconds for which a backend that fails to say what it can do counts as one that does what is published.
_ASSUMED_S: Final = 600.0


class Connection:
    """`/connection`. An API may lack the endpoint, or break it, and do all the rest."""

    def __init__(self, requester: Requester, clock: Clock) -> None:
        self._requester = requester
        self._clock = clock
        self._known: frozenset[Extension] | None = None
        self._failed_at: float | None = None

    @property
    def is_assuming(self) -> bool:
        """Whether `extensions` returns nothing because the backend lately failed to say what it can do."""
        return self._failed_at is not None and self._clock.now() - self._failed_at < _ASSUMED_S

    async def check(self) -> None:
        """Return if the API is there and takes the key; its answer's body is not documented.

        Raises:
            AuthenticationFailed: The key is wrong.
            ConnectionFailed: The API does not answer.
        """
        try:
            await self._requester.send("GET", paths.CONNECTION, Nothing)
        except ApiError as error:
            if not _concerns_endpoint(error):
                raise
            # The listing needs the same key.
            await self._requester.send("GET", paths.BUCKETS, Nothing)

    async def extensions(self) -> frozenset[Extension]:
        """Return what the backend can do beyond the published API: asked once, and remembered.

        Nothing if it does not say. If it fails to, the log has a warning, and it is asked again in a while.

        Raises:
            AuthenticationFailed: The key is wrong.
            ConnectionFailed: The API does not answer.
        """
        if self._known is None and not self.is_assuming:
            try:
                answer = await self._requester.send("GET", paths.CONNECTION, ConnectionState)
            except (ApiError, ContractError) as error:
                if isinstance(error, ApiError) and not _concerns_endpoint(error):
                    raise
                if isinstance(error, ServerError | ContractError):
                    self._note_failure(error)
                    return frozenset()
                self._known = frozenset()
            else:
                self._known = frozenset(answer.body.extensions)
        return self._known or frozenset()

    def _note_failure(self, error: ServerError | ContractError) -> None:
        if self._failed_at is None:
            _log.warning(
                "The API does not say what it can do (GET %s: %s); only what is published is used.",
                paths.CONNECTION,
                error.message,
            )
        self._failed_at = self._clock.now()


def _concerns_endpoint(error: ApiError) -> bool:
    """Whether an answer says that the endpoint is missing or broken, rather than that the key is wrong."""
    return error.status in _NO_SUCH_ENDPOINT or isinstance(error, ServerError)
