"""Which content this process last sent from which path, to say when a file has changed since.

A courtesy, not a record: it is lost with the process and decides nothing. What is sent or replayed follows
from the content alone.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from calypso_mcp.client import CalypsoClient

_MOST_PATHS = 50_000


class SentFiles:
    """The latest hash by bucket and path, for the paths sent last."""

    def __init__(self, most: int = _MOST_PATHS) -> None:
        self._most = most
        self._hashes: OrderedDict[tuple[str, str], str] = OrderedDict()

    def note(self, bucket: str, path: str, sha256: str) -> bool:
        """Remember what was sent; returns whether other content was sent from there before."""
        before = self._hashes.pop((bucket, path), None)
        self._hashes[(bucket, path)] = sha256
        if len(self._hashes) > self._most:
            self._hashes.popitem(last=False)
        return before is not None and before != sha256


_by_client: WeakKeyDictionary[CalypsoClient, SentFiles] = WeakKeyDictionary()


def sent_files(client: CalypsoClient) -> SentFiles:
    """Return what was sent through `client`: one API key never learns of another's."""
    return _by_client.setdefault(client, SentFiles())
