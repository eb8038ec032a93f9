"""Fetching one URL: through redirects, within limits of time and size, as far as robots.txt allows.

Each name is resolved once, all its addresses are checked, and the connection goes to one of them: a name that
gets another address a moment later (DNS rebinding) gains nothing. TLS and the Host header keep the name.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from http import HTTPStatus
from ssl import SSLContext
from typing import TYPE_CHECKING, Final, cast

import anyio
import httpcore2
from anyio import to_thread

from calypso_mcp import __version__
from calypso_mcp.domain.retry import is_retryable_status
from calypso_mcp.local.refusals import Refusal, blocked, failed, too_large
from calypso_mcp.local.web.policy import WebPolicy
from calypso_mcp.local.web.public_addresses import IPAddress
from calypso_mcp.local.web.robots import MOST_BYTES, PRODUCT, Robots
from calypso_mcp.local.web.urls import address_of

if TYPE_CHECKING:
    from calypso_mcp.local.web.urls import WebUrl

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 5
_PIECE_BYTES: Final = 65_536
_GZIP: Final = 16
_ROBOTS: Final = "/robots.txt"
#: A short page that leads on at once, as sites whose server cannot redirect have it.
_LEADING_ON: Final = re.compile(
    rb"<meta\s[^<>]{0,100}?http-equiv\s{0,4}=\s{0,4}[\"']?refresh\b[^<>]{0,100}?content\s{0,4}=\s{0,4}[\"']?\s{0,4}"
    rb"\d\s{0,4}[;,]\s{0,4}url\s{0,4}=\s{0,4}[\"']?([^\s\"'<>]{1,2000})",
    re.IGNORECASE,
)
_LONGEST_LEADING_ON: Final = 4_096
_USER_AGENT: Final = f"{PRODUCT}/{__version__}"
#: Addresses of one host that are tried.
_MOST_TRIED = 4


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer at the end of all redirects."""

    #: The address that answered.
    url: WebUrl
    #: By lower-case name.
    headers: Mapping[str, str]
    data: bytes = field(repr=False)

    @property
    def content_type(self) -> str:
        """The media type with its parameters; empty where the server states none."""
        return self.headers.get("content-type", "")


async def fetch(
    url: WebUrl, policy: WebPolicy, *, accept: str, most_bytes: int, language: str | None = None
) -> Fetched:
    """Return the answer that `url` leads to; `most_bytes` are those of its body, unpacked.

    Raises:
        Refusal: The URL or a redirect leads to a place that must not be read (`url_fetch_blocked`), the
            fetch fails (`url_fetch_failed`), or the body is too large (`file_too_large`).
    """
    try:
        with anyio.fail_after(policy.total_s):
            tls = await to_thread.run_sync(_certificates)
            async with httpcore2.AsyncConnectionPool(tls, network_backend=CheckedNetwork(policy)) as pool:
                headers = {"Accept": accept, **({"Accept-Language": language} if language else {})}
                return await _Fetch(pool, policy).run(url, headers, most_bytes)
    except TimeoutError:
        raise failed(f"The page did not arrive within {policy.total_s:g} s.", retryable=True) from None


class _Fetch:
    """One fetch, over the hosts that its redirects lead to."""

    def __init__(self, pool: httpcore2.AsyncConnectionPool, policy: WebPolicy) -> None:
        self._pool = pool
        self._policy = policy
        self._robots: dict[str, Robots] = {}

    async def run(self, url: WebUrl, headers: Mapping[str, str], most_bytes: int) -> Fetched:
        for _ in range(_MOST_REDIRECTS + 1):
            if not (await self._robots_of(url)).allow(url.target):
                raise blocked(
                    f"The site's robots.txt does not allow reading this page ({url.origin}{_ROBOTS})."
                )
            async with self._request(url, headers) as response:
                if _is_success(response.status):
                    found = Fetched(url, _headers(response), await _body(response, most_bytes))
                    url = _refreshed(found)
                    if url == found.url:
                        return found
                elif response.status in _REDIRECTS:
                    url = _location(url, response)
                else:
                    raise failed(
                        f"{url} answers {response.status}.", retryable=is_retryable_status(response.status)
                    )
        raise failed(f"The URL was redirected more than {_MOST_REDIRECTS} times.")

    async def _robots_of(self, url: WebUrl) -> Robots:
        if url.origin not in self._robots:
            self._robots[url.origin] = await self._read_robots(url.join(_ROBOTS))
        return self._robots[url.origin]

    async def _read_robots(self, url: WebUrl) -> Robots:
        """Return a site's rules (RFC 9309, 2.3.1): none if it has no file; a server error forbids all."""
        for _ in range(_MOST_REDIRECTS + 1):
            async with self._request(url, {"Accept": "text/plain"}) as response:
                if response.status in _REDIRECTS:
                    url = _location(url, response)
                elif (
                    is_retryable_status(response.status)
                    or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR
                ):
                    raise failed(
                        f"{url} answers {response.status}, so the site's rules for robots are unknown.",
                        retryable=True,
                    )
                elif not _is_success(response.status):
                    return Robots()
                else:
                    text = await _body(response, MOST_BYTES, cut=True)
                    return await to_thread.run_sync(Robots.parse, text.decode(errors="replace"))
        return Robots()

    @asynccontextmanager
    async def _request(self, url: WebUrl, headers: Mapping[str, str]) -> AsyncGenerator[httpcore2.Response]:
        self._policy.private_hosts.check_url(url)
        silence_s = self._policy.silence_s
        try:
            async with self._pool.stream(
                "GET",
                str(url),
                headers={"User-Agent": _USER_AGENT, "Accept-Encoding": "gzip", **headers},
                extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), silence_s)},
            ) as response:
                yield response
        except (httpcore2.TimeoutException, httpcore2.NetworkError):
            raise failed(f"{url.host!r} does not answer, or stopped answering.", retryable=True) from None
        except httpcore2.ProtocolError:
            raise failed(
                f"{url.host!r} broke off its answer, or does not speak HTTP.", retryable=True
            ) from None


def _is_success(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def _location(url: WebUrl, response: httpcore2.Response) -> WebUrl:
    location = _headers(response).get("location", "")
    if not location:
        raise failed(f"{url} answers with a redirect that names no address.")
    return url.join(location)


def _refreshed(page: Fetched) -> WebUrl:
    """Return where a page leads on to by itself; its own address if it does not (WHATWG HTML, 4.2.5.3)."""
    if "html" not in page.content_type or len(page.data) > _LONGEST_LEADING_ON:
        return page.url
    target = _LEADING_ON.search(page.data)
    with suppress(Refusal):  # "about:blank" is no page to go on to
        return page.url.join(unescape(target[1].decode(errors="replace"))) if target else page.url
    return page.url


def _headers(response: httpcore2.Response) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}


async def _body(response: httpcore2.Response, most_bytes: int, *, cut: bool = False) -> bytes:
    """Return the unpacked body; beyond `most_bytes` only its beginning where `cut` is wanted.

    Raises:
        Refusal: It is too large, damaged, or packed in a way that was not asked for.
    """
    announced = _headers(response).get("content-length", "")
    if not cut and announced.isdecimal() and int(announced[:20]) > most_bytes:
        raise too_large(most_bytes)
    body = bytearray()
    async for piece in _unpacked(response):
        body += piece
        if len(body) > most_bytes:
            if cut:
                return bytes(body[:most_bytes])
            raise too_large(most_bytes)
    return bytes(body)


async def _unpacked(response: httpcore2.Response) -> AsyncGenerator[bytes]:
    """Yield the body, never more than `_PIECE_BYTES` unpacked at once: a few kilobytes can hold gigabytes."""
    coding = _headers(response).get("content-encoding", "identity").strip().lower()
    if coding in {"", "identity"}:
        async for part in response.aiter_stream():
            yield part
        return
    if coding not in {"gzip", "x-gzip"}:
        raise failed("The page has an unsupported compression.")
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | _GZIP)
    try:
        async for part in response.aiter_stream():
            rest = part
            while rest and not unpacking.eof:
                yield unpacking.decompress(rest, _PIECE_BYTES)
                rest = unpacking.unconsumed_tail
    except zlib.error:
        raise failed("The page's compression is damaged.") from None
    if not unpacking.eof:
        raise failed("The page broke off in the middle.", retryable=True)


@cache
def _certificates() -> SSLContext:
    import httpx2

    return httpx2.create_ssl_context()


class CheckedNetwork(httpcore2.AsyncNetworkBackend):
    """The network as far as a policy allows it."""

    def __init__(self, policy: WebPolicy) -> None:
        """Connect through the policy's network, or through this machine's."""
        self._policy = policy
        # The cast: the library offers a stand-in of another type where anyio is missing.
        self._network = policy.network or cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to an address of `host`.

        Raises:
            Refusal: One of its addresses must not be reached, or none answers.
        """
        for address in (await self._addresses(host, port))[:_MOST_TRIED]:
            try:
                return await self._network.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        raise failed(f"{host!r} does not answer on port {port}.", retryable=True)

    async def _addresses(self, host: str, port: int) -> Sequence[IPAddress]:
        stated = address_of(host)
        found = [stated] if stated is not None else await self._policy.resolve(host)
        for address in found:
            self._policy.private_hosts.check_address(host, port, address)
        return list(dict.fromkeys(found))
