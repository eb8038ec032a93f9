"""Keeps upload addresses out of the HTTP library's log.

It writes the whole URL of every request at INFO. Ours hold upload addresses, which are secrets, and a
program that uses the client as a library sets log levels without knowing that.
"""

from __future__ import annotations

import logging

import httpx2


class _OriginsOnly(logging.Filter):
    """Shortens every URL to where it leads."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                f"{value.scheme}://{value.netloc.decode()}" if isinstance(value, httpx2.URL) else value
                for value in record.args
            )
        return True


_ORIGINS_ONLY = _OriginsOnly()


def keep_addresses_out() -> None:
    """Install the filter; again is harmless."""
    logging.getLogger("httpx2").addFilter(_ORIGINS_ONLY)
