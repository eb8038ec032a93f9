"""Web addresses in normal form, by which pages are fetched and recognised (RFC 3986, 6; WHATWG URL)."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from calypso_mcp.local.refusals import blocked
from calypso_mcp.local.web.public_addresses import IPAddress

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
#: Where web servers listen. Any other port is a service that speaks something else.
_WEB_PORTS: Final = frozenset({80, 443, 8080, 8443})
_LONGEST: Final = 2_048
_LONGEST_HOST: Final = 253
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?!\d+(?:[/?#]|$))")
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
#: A last label by which browsers take the whole host for a number: decimal, octal or hexadecimal.
_NUMERIC: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NOT_IN_URLS: Final = re.compile(r"[\x00-\x20\x7f\\]")
#: Names of private networks (RFC 6761, 6762, 8375, 9476), never looked up: that would tell others about them.
_PRIVATE_NAMES: Final = frozenset(
    {"localhost", "local", "internal", "intranet", "lan", "home", "corp", "arpa"}
)
_UNRESERVED: Final = frozenset(string.ascii_letters + string.digits + "-._~")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
#: Characters that need no escape in a path, and in a query.
_KEPT_IN_PATH: Final = "/:@!$&'()*+,;=-._~%"
KEPT_IN_QUERY: Final = _KEPT_IN_PATH + "?[]"


@dataclass(frozen=True, slots=True)
class WebUrl:
    """An address of the web: `str()` is its normal form, by which a page is recognised again."""

    scheme: str
    #: Lower case, in ASCII; an IPv6 address without brackets.
    host: str
    port: int
    #: Path and query, percent-encoded.
    target: str

    def __str__(self) -> str:
        return f"{self.origin}{self.target}"

    @property
    def origin(self) -> str:
        """Scheme, host and port, the port only where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def names_private_host(self) -> bool:
        """Whether the host's name itself says that it is not on the public internet."""
        last = self.host.rpartition(".")[2]
        return address_of(self.host) is None and ("." not in self.host or last in _PRIVATE_NAMES)

    @property
    def is_at_web_port(self) -> bool:
        """Whether the port is one where web servers listen."""
        return self.port in _WEB_PORTS

    def join(self, location: str) -> WebUrl:
        """Return where a redirect from here leads.

        Raises:
            Refusal: To no web address (`url_fetch_blocked`).
        """
        return parse_url(urljoin(str(self), location.strip().replace(" ", "%20")))


def parse_url(text: str) -> WebUrl:
    """Return the address that `text` names, with https for a missing scheme (API sheet section 10).

    Raises:
        Refusal: It is no web address, or its spelling hides where it leads (`url_fetch_blocked`).
    """
    text = text.strip()
    if not text or len(text) > _LONGEST:
        raise blocked(f"A URL has 1 to {_LONGEST:,} characters.")
    if _NOT_IN_URLS.search(text):
        raise blocked("The URL contains a character that no URL has, such as a space or a backslash.")
    stated = _SCHEME.match(text)
    if stated is None and not text.startswith("//"):
        text = f"//{text}"
    try:
        parts = urlsplit(text if stated else f"https:{text}")
        port = parts.port
    except ValueError:
        raise blocked("The URL cannot be read.") from None
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS:
        raise blocked(f"Only http and https can be fetched, not {scheme[:20]!r}.")
    if "@" in parts.netloc:
        raise blocked("The URL contains a user name. Remove it.")
    host = _host(parts.netloc)
    path = _normal_path(parts.path)
    query = f"?{normalize_escapes(parts.query, KEPT_IN_QUERY)}" if parts.query else ""
    return WebUrl(scheme, host, port if port is not None else _DEFAULT_PORTS[scheme], path + query)


def address_of(host: str) -> IPAddress | None:
    """Return a normalised host as an IP address; None if it is a name."""
    try:
        return IPv6Address(host) if ":" in host else IPv4Address(host)
    except ValueError:
        return None


def _host(netloc: str) -> str:
    if netloc.startswith("["):
        inside, bracket, rest = netloc[1:].partition("]")
        address = address_of(inside) if bracket and ":" in inside and "%" not in inside else None
        if address is None or not (rest == "" or rest.startswith(":")):
            raise blocked("The URL's host is not a valid IPv6 address.")
        return address.compressed
    host = _in_ascii(netloc.partition(":")[0]).removesuffix(".")
    labels = host.split(".")
    if len(host) > _LONGEST_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise blocked("The URL's host is not a valid name.")
    if _NUMERIC.fullmatch(labels[-1]) and address_of(host) is None:
        raise blocked("The URL's host is a number; write an IPv4 address as four decimal numbers.")
    return host


def _in_ascii(host: str) -> str:
    if host.isascii():
        return host.lower()
    import idna  # its tables take milliseconds to load

    try:
        return idna.encode(host, uts46=True, transitional=False).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        raise blocked("The URL's host is not a valid name.") from None


def _normal_path(path: str) -> str:
    kept: list[str] = []
    segments = normalize_escapes(path, _KEPT_IN_PATH).split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    is_folder = bool(segments) and segments[-1] in {".", ".."}
    return "/" + "/".join([*kept, ""] if is_folder and kept else kept)


def normalize_escapes(text: str, kept: str) -> str:
    """Return `text` with escapes in upper case, and only for characters that need one."""

    def respell(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if character in _UNRESERVED else match[0].upper()

    # A percent sign that begins no escape is a character.
    text = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", text)
    return _ESCAPE.sub(respell, quote(text, safe=kept))
