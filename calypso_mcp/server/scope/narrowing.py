"""What a request's address and headers ask for: `/mcp?buckets=a,b`, `/mcp?agent=support`, and two headers.

A caller who narrows a request counts on it. So whatever is meant to narrow and cannot be read is an error,
never a request with the full reach of its credential.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import parse_qsl

from calypso_mcp.domain.callers.access import ScopeLimit
from calypso_mcp.errors import InputError

#: `buckets`, and the forms that libraries give to lists: `buckets[]` (axios, PHP, Rails), `buckets[0]` (qs).
_PARAMETER = re.compile(r"(bucket|agent)s?(\[[0-9]{0,4}\])?", re.IGNORECASE)
_HEADERS = {
    "calypso-buckets": "bucket",
    "calypso-bucket": "bucket",
    "calypso-agent": "agent",
    "calypso-agents": "agent",
}
#: A name that an error may repeat; anything else may be a secret in the wrong place.
_SHOWN = re.compile(r"[A-Za-z_-]{1,40}")
#: What ids and slugs are made of; anything else is another way to separate or quote them.
_NAME = re.compile(r"[A-Za-z0-9_.:~-]+")
_NOT_A_LETTER = re.compile(r"[^a-z0-9]")
_BARE_HEADER = re.compile(r"(x|mcp|xmcp)?(bucket|agent)s?(id|name|slug)?s?")
#: A key for Calypso, which servers that hold their own key do not read.
_CREDENTIAL_HEADER = re.compile(r"x?calypso(api)?(key|token)")
_OWN_HEADERS = tuple(name.replace("-", "") for name in _HEADERS)
_LONGEST_HEADER = 60
_LIKENESS = 0.8
_WHAT_TO_WRITE = (
    "Write /mcp?buckets=a,b with ids or slugs of buckets, /mcp?agent=name with the id of an agent, "
    "or the headers Calypso-Buckets and Calypso-Agent."
)


def read_limits(query: str, headers: Iterable[tuple[str, str]]) -> list[ScopeLimit]:
    """Return the limits that an address's query, as it was sent, and headers ask for.

    The elements of an array are one limit. Any other occurrence is a limit of its own, so that what a proxy
    adds narrows further. An empty one allows nothing.

    Raises:
        InputError: The query has any other parameter, or names that cannot be read.
    """
    asked = tuple((kind, value) for name, value in headers if (kind := _HEADERS.get(name.lower())))
    return list(_limits(query, asked))


@lru_cache(maxsize=1_024)
def _limits(query: str, headers: Sequence[tuple[str, str]]) -> Sequence[ScopeLimit]:
    #: Lists of names, by where they are from and what they name.
    lists: dict[tuple[str, str], list[frozenset[str]]] = defaultdict(list)
    arrays: dict[str, frozenset[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found = _PARAMETER.fullmatch(name)
        if found is None:
            raise _unreadable(f"The address has an unknown parameter{_shown(name)}.")
        kind, names = found[1].lower(), _names(value)
        if found[2] is None:
            lists["query", kind].append(names)
        else:
            arrays[kind] = arrays.get(kind, frozenset()) | names
    for kind, names in arrays.items():
        lists["query", kind].append(names)
    for kind, value in headers:
        lists["headers", kind].append(_names(value))
    for repeated in lists.values():
        _check_repeated(repeated)
    return [
        ScopeLimit(buckets=names) if kind == "bucket" else ScopeLimit(agents=names)
        for (_, kind), repeated in lists.items()
        for names in repeated
    ]


def check_headers(names: Iterable[str], *, credential_header: str) -> None:
    """Refuse headers that are meant to narrow a request and are not the ones that do.

    A header with Calypso's name is meant for this server: one that is not known may be a limit by any word.
    The header that holds the credential may have any name.

    Raises:
        InputError: There is such a header.
    """
    credential_header = credential_header.lower()
    for name in map(str.lower, names):
        if name != credential_header and _means_to_narrow(name):
            raise _unreadable(f"A header{_shown(name)} looks like a limit, but this server does not know it.")


def _means_to_narrow(name: str) -> bool:
    letters = _NOT_A_LETTER.sub("", name)
    if name in _HEADERS:
        return False
    if "buckets" in letters or ("calypso" in letters and not _CREDENTIAL_HEADER.fullmatch(letters)):
        return True
    return len(letters) <= _LONGEST_HEADER and _is_like_ours(letters)


@lru_cache(maxsize=1_024)
def _is_like_ours(letters: str) -> bool:
    if _BARE_HEADER.fullmatch(letters):
        return True
    from difflib import get_close_matches

    return bool(get_close_matches(letters.removeprefix("x"), _OWN_HEADERS, n=1, cutoff=_LIKENESS))


def _names(value: str) -> frozenset[str]:
    names = frozenset(part.strip() for part in value.split(",") if part.strip())
    if not all(_NAME.fullmatch(name) for name in names):
        raise _unreadable("The names of buckets or agents cannot be read; separate them by commas.")
    return names


def _check_repeated(occurrences: Sequence[frozenset[str]]) -> None:
    """Refuse a list sent as repeated parameters, as some libraries do: as limits it would allow nothing."""
    named = [names for names in occurrences if names]
    if len(named) > 1 and not named[0].intersection(*named[1:]):
        raise _unreadable(
            "The request has several lists of buckets or agents, and no name is in all of them."
        )


def _shown(name: str) -> str:
    return f" {name!r}" if _SHOWN.fullmatch(name) else ""


def _unreadable(problem: str) -> InputError:
    return InputError(problem, code="invalid_request", hint=_WHAT_TO_WRITE)
