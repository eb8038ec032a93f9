"""What each exception of the HTTP library means here. Nothing above this layer sees an httpx2 exception."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Final

import httpx2

from calypso_mcp import errors

#: Exception -> (our error, what to say, whether another attempt can help). Subclasses stand by themselves,
#: so that a test fails when the library gains a class that has no mapping.
MEANING: Final[Mapping[type[Exception], tuple[type[errors.CalypsoError], str, bool]]] = {
    httpx2.TimeoutException: (errors.RequestTimedOut, "", True),
    httpx2.ConnectTimeout: (errors.RequestTimedOut, "No connection could be made in time.", True),
    httpx2.ReadTimeout: (errors.RequestTimedOut, "The API did not answer in time.", True),
    httpx2.WriteTimeout: (errors.RequestTimedOut, "The API did not accept the request in time.", True),
    httpx2.PoolTimeout: (errors.RequestTimedOut, "All connections were busy for too long.", True),
    httpx2.NetworkError: (errors.ConnectionFailed, "", True),
    httpx2.ConnectError: (errors.ConnectionFailed, "No connection could be made.", True),
    httpx2.ReadError: (errors.ConnectionFailed, "The connection broke before the answer arrived.", True),
    httpx2.WriteError: (errors.ConnectionFailed, "The connection broke while the request was sent.", True),
    httpx2.CloseError: (errors.ConnectionFailed, "The connection broke while closing.", True),
    httpx2.ProxyError: (errors.ConnectionFailed, "The proxy did not let the request through.", True),
    httpx2.ProtocolError: (errors.ConnectionFailed, "The connection broke off in the middle.", True),
    httpx2.RemoteProtocolError: (errors.ConnectionFailed, "The connection broke off in the middle.", True),
    httpx2.LocalProtocolError: (errors.ConnectionFailed, "The request cannot be sent as it is.", False),
    httpx2.UnsupportedProtocol: (errors.ConnectionFailed, "This kind of address is not supported.", False),
    httpx2.InvalidURL: (errors.ConnectionFailed, "The address is not a URL.", False),
    httpx2.TransportError: (errors.ConnectionFailed, "", True),
    httpx2.RequestError: (errors.ConnectionFailed, "", True),
    httpx2.HTTPError: (errors.ConnectionFailed, "", True),
    httpx2.DecodingError: (errors.ContractError, "The answer's compression is damaged.", False),
    httpx2.TooManyRedirects: (errors.ContractError, "The API redirects in circles.", False),
}

#: Raised only by a mistake in this program, so they pass as what they are: bugs.
MISTAKES: Final[frozenset[type[Exception]]] = frozenset(
    {
        httpx2.HTTPStatusError,
        httpx2.CookieConflict,
        httpx2.StreamError,
        httpx2.StreamConsumed,
        httpx2.StreamClosed,
        httpx2.ResponseNotRead,
        httpx2.RequestNotRead,
    }
)


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
        kind = next((known for known in type(error).__mro__ if known in MEANING or known in MISTAKES), None)
        if kind is None or kind in MISTAKES:
            raise
        ours, message, retryable = MEANING[kind]
        # Not chained: an httpx2 error holds its request, and with it the key or the upload address.
        raise ours(message, retryable=retryable) from None
