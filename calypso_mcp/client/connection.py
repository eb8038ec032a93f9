"""Checks whether the key works."""

from __future__ import annotations

from http import HTTPStatus

from calypso_mcp.api import paths
from calypso_mcp.api.connection import ConnectionState, Extension
from calypso_mcp.client.transport.bodies import Nothing
from calypso_mcp.client.transport.requester import Requester
from calypso_mcp.errors import ApiError

_NO_SUCH_ENDPOINT = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})


class Connection:
    """`/connection`."""

    def __init__(self, requester: Requester) -> None:
        self._requester = requester

    async def check(self) -> None:
        """Return if the API is there and takes the key; its answer's body is not documented.

        Raises:
            AuthenticationFailed: The key is wrong.
            ConnectionFailed: The API does not answer.
        """
        try:
            await self._requester.get(paths.CONNECTION, Nothing)
        except ApiError as error:
            if error.status not in _NO_SUCH_ENDPOINT:
                raise
            # Older servers lack the endpoint; the listing needs the same key.
            await self._requester.get(paths.BUCKETS, Nothing)

    async def extensions(self) -> frozenset[Extension]:
        """Return what the backend can do beyond the published API; nothing if it does not say.

        Raises:
            AuthenticationFailed: The key is wrong.
            ConnectionFailed: The API does not answer.
        """
        try:
            answer = await self._requester.get(paths.CONNECTION, ConnectionState)
        except ApiError as error:
            if error.status not in _NO_SUCH_ENDPOINT:
                raise
            return frozenset()
        return frozenset(answer.body.extensions)
