"""The names of settings, and the checks of their values.

Messages complete the sentence "<flag> (<variable>): ...".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator

from calypso_mcp.domain.addresses import is_api_root, keeps_secrets, split_url
from calypso_mcp.regular_files import expand_home

#: Settings that go together; a command offers the flags of whole groups.
Group = Literal["calypso", "models", "scope", "files", "transfer", "http", "access", "observing"]

_LARGEST_PORT = 65_535
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]{1,253})(?::(?P<port>[0-9]{1,5}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Knob:
    """How a person sets one setting.

    Attributes:
        group: Which commands offer the flag.
        metavar: Placeholder in `--help`; empty for an on/off flag.
        separator: What separates several values in the variable; None for a single value.
        limits: Whether callers may do more without the setting. Such a setting is never empty.
        secret: Whether its value must never be shown.
        variable: Environment variable; empty: CALYPSO_ and the setting's name.
        flag: Command line flag; empty: the setting's name, unless an argument would expose a secret.
    """

    group: Group
    metavar: str = ""
    separator: str | None = None
    limits: bool = False
    secret: bool = False
    variable: str = ""
    flag: str | None = ""

    def of(self, setting: str) -> Knob:
        """Return the knob of `setting` with both names."""
        flag = None if self.secret else self.flag or f"--{setting.replace('_', '-')}"
        return replace(self, variable=self.variable or f"CALYPSO_{setting.upper()}", flag=flag)


def is_web_url(value: str) -> bool:
    """Whether a token may be sent to this address: https, or this machine."""
    try:
        return bool(_checked_url(value))
    except ValueError:
        return False


def _checked_url(value: str) -> str:
    parts = split_url(value)
    if parts is None or parts.scheme not in {"http", "https"}:
        raise ValueError("must be a full URL that starts with https:// or http://")
    if parts.username or parts.password:
        raise ValueError("must not contain a user name or password")
    if not keeps_secrets(parts):
        raise ValueError("must start with https:// (plain http is allowed to this machine only)")
    return value.rstrip("/")


def _checked_api_url(value: str) -> str:
    url = _checked_url(value)
    if not is_api_root(urlsplit(url)):
        raise ValueError("must end in /v1, such as https://api.calypso.so/v1")
    return url


def _checked_endpoint(value: str) -> str:
    url = _checked_url(value)
    if urlsplit(url).query or urlsplit(url).fragment:
        raise ValueError("must not contain a query")
    return url.removesuffix("/embeddings").removesuffix("/chat/completions")


def _checked_folder(value: Path) -> Path:
    folder = expand_home(value).absolute()
    if not folder.is_dir():
        raise ValueError(f"{value} is not a folder")
    return folder


def _absolute(value: Path) -> Path:
    return expand_home(value).absolute()


def _checked_public_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.query or parts.fragment:
        raise ValueError("must not contain a query")
    url = urlsplit(_checked_url(value).removesuffix("/mcp"))
    # The host as clients write it into every request (RFC 3986, section 6.2).
    host = url.netloc.lower().removesuffix(":443" if url.scheme == "https" else ":80")
    return url._replace(netloc=host).geturl()


def _checked_issuer(value: str) -> str:
    _checked_url(value)
    # Compared character by character with what tokens say (RFC 8414, section 3.3), and some end in a slash.
    return value


def _checked_host(value: str) -> str:
    host = _HOST.fullmatch(value.strip())
    if host is None or not 1 <= int(host["port"] or 1) <= _LARGEST_PORT:
        raise ValueError("must be a host, or a host and a port, such as wiki.corp or 10.0.0.5:8000")
    return value.strip().lower()


ApiUrl = Annotated[str, AfterValidator(_checked_api_url)]
EndpointUrl = Annotated[str, AfterValidator(_checked_endpoint)]
WebUrl = Annotated[str, AfterValidator(_checked_url)]
PublicUrl = Annotated[str, AfterValidator(_checked_public_url)]
Issuer = Annotated[str, AfterValidator(_checked_issuer)]
Folder = Annotated[Path, AfterValidator(_checked_folder)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
PrivateHost = Annotated[str, AfterValidator(_checked_host)]
LogLevel = Literal["debug", "info", "warning", "error"]
