"""What each exception of the HTTP library means here. Nothing above this layer sees an httpx2 exception."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Final

import httpx2

from calypso_mcp import errors

#: Exception -> (our error, what to say, whether another attempt can help). The nearest base counts.
MEANING: Final[Mapping[type[Exception], tuple[type[errors.CalypsoError], str, bool]]] = {
    httpx2.HTTPError: (errors.ConnectionFailed, "The connection broke.", True),
    httpx2.ConnectError: (errors.ConnectionFailed, "No connection could be made.", True),
    httpx2.ProxyError: (errors.ConnectionFailed, "The proxy did not let the request through.", True),
    httpx2.TimeoutException: (errors.RequestTimedOut, "The API did not answer in time.", True),
    httpx2.ConnectTimeout: (errors.RequestTimedOut, "No connection could be made in time.", True),
    httpx2.LocalProtocolError: (errors.ConnectionFailed, "The request cannot be sent as it is.", False),
    httpx2.UnsupportedProtocol: (errors.ConnectionFailed, "This kind of address is not supported.", False),
    httpx2.InvalidURL: (errors.ConnectionFailed, "The address is not a URL.", False),
    httpx2.DecodingError: (errors.ContractError, "The answer's compression is damaged.", False),
    httpx2.TooManyRedirects: (errors.ContractError, "The API redirects in a loop.", False),
}


@contextmanager
def mapped() -> Generator[None]:
    """Turn httpx2's exceptions into ours. Their texts are dropped: they may quote an address.

    Raises:
        ConnectionFailed: Or RequestTimedOut; no usable answer.
        ContractError: An answer that cannot be read.
    """
    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        ours, message, retryable = next(MEANING[kind] for kind in type(error).__mro__ if kind in MEANING)
        # Not chained: an httpx2 error holds its request, and with it the key or the upload address.
        raise ours(message, retryable=retryable) from None
