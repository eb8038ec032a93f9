"""How much one caller may store: in a bucket, and in a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from calypso_mcp.domain.amounts import format_bytes
from calypso_mcp.errors import QuotaExceeded

_OTHER_BUCKET = "Use another bucket."
_INSTEAD = {
    "bytes_per_bucket": _OTHER_BUCKET,
    "sources_per_bucket": _OTHER_BUCKET,
    "bytes_per_day": "Make the same call again after midnight UTC.",
}


@dataclass(frozen=True, slots=True)
class Usage:
    """What a caller has stored: in one bucket, and today (UTC) in all of them."""

    bucket_bytes: int = 0
    bucket_sources: int = 0
    day_bytes: int = 0

    def plus(self, size_bytes: int, *, sources: int = 1) -> Usage:
        """Return the usage with one more source of that size; `sources` is 0 if it replaces one."""
        return Usage(
            self.bucket_bytes + size_bytes, self.bucket_sources + sources, self.day_bytes + size_bytes
        )


@dataclass(frozen=True, slots=True)
class Quota:
    """What a caller may store, in a day from midnight to midnight UTC; None: no limit."""

    bytes_per_bucket: int | None = None
    sources_per_bucket: int | None = None
    bytes_per_day: int | None = None

    @property
    def is_unlimited(self) -> bool:
        """Whether it allows everything."""
        return self == Quota()

    def refusal(self, after: Usage, size_bytes: int, *, caller: str) -> QuotaExceeded | None:
        """Return why a source of that size is refused, which `after` counts already; None if it fits."""
        sources = "1 source" if self.sources_per_bucket == 1 else f"{self.sources_per_bucket or 0:,} sources"
        limits = (
            ("bytes_per_bucket", after.bucket_bytes, f"{format_bytes(self.bytes_per_bucket or 0)} a bucket"),
            ("sources_per_bucket", after.bucket_sources, f"{sources} a bucket"),
            ("bytes_per_day", after.day_bytes, f"{format_bytes(self.bytes_per_day or 0)} a day"),
        )
        for name, total, allowance in limits:
            most: int | None = getattr(self, name)
            if most is not None and total > most:
                return QuotaExceeded(
                    f"You may store {allowance}; this source ({format_bytes(size_bytes)}) would exceed that.",
                    hint=f"{_INSTEAD[name]} Or ask the operator to raise {name} for agent {caller!r} in the "
                    "access file.",
                )
        return None

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> Quota:
        """Return the quota in the claims of a grant.

        Raises:
            KeyError: Something is missing; nothing is ever assumed in its place.
        """
        return cls(claims["bytes_per_bucket"], claims["sources_per_bucket"], claims["bytes_per_day"])
