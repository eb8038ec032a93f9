"""Telling a person what became of each file: a summary, and every file that did not arrive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

from calypso_mcp.domain.untrusted_text import clean_line

Outcome = Mapping[str, Any]

#: Longest text shown of a name or a reason.
_SHOWN_CHARS = 200
#: Outcomes of one kind that are listed one by one.
_LISTED = 20

#: In the order a person wants to read them, with what each means.
_MEANINGS = {
    "accepted": "uploaded",
    "replayed": "already there, unchanged",
    "would_send": "would be sent",
    "skipped": "left out on purpose",
    "pending": "not sent yet; run the same command again",
    "rejected": "refused by the API",
    "failed": "could not be sent",
}
#: Outcomes that nobody needs to hear about file by file.
_UNREMARKABLE = frozenset({"accepted", "replayed", "would_send"})
#: Outcomes after which the job counts as failed.
FAILURES = frozenset({"failed", "rejected", "pending"})


def print_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Print how many files had which outcome, then those a person should look at."""
    counts = Counter(str(outcome["status"]) for outcome in outcomes)
    sizes: Counter[str] = Counter()
    for outcome in outcomes:
        sizes[str(outcome["status"])] += int(outcome.get("size_bytes") or 0)
    for status in sorted(counts, key=_rank):
        size = f"{_readable(sizes[status]):>10}" if sizes[status] else " " * 10
        print(f"  {status:<12}{counts[status]:>7}{size}  {_MEANINGS.get(status, '')}".rstrip())
    for status in sorted(counts.keys() - _UNREMARKABLE, key=_rank):
        _print_each(status, [outcome for outcome in outcomes if outcome["status"] == status])


def has_failures(outcomes: Sequence[Outcome]) -> bool:
    """Whether any file should have arrived and did not."""
    return any(outcome["status"] in FAILURES for outcome in outcomes)


def print_readiness(result: Mapping[str, Any]) -> None:
    """Print whether everything is searchable, and what is not, with the reason."""
    for item in cast("list[Outcome]", result.get("failed") or []):
        name = item.get("filename") or item.get("file_id") or "?"
        print(f"  not searchable: {_shown(name)}: {_shown(item.get('reason') or item.get('message'))}")
    if result.get("state") == "pending":
        print("  not everything is searchable yet")


def _print_each(status: str, outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes[:_LISTED]:
        name = outcome.get("input") or outcome.get("path") or outcome.get("filename")
        print(f"  {status}: {_shown(name)}: {_shown(outcome.get('reason') or outcome.get('message'))}")
    if len(outcomes) > _LISTED:
        print(f"  {status}: and {len(outcomes) - _LISTED} more")


def _rank(status: str) -> int:
    order = list(_MEANINGS)
    return order.index(status) if status in order else len(order)


def _readable(size_bytes: float) -> str:
    for unit in ("B", "KB", "MB"):
        if size_bytes < 1000:  # noqa: PLR2004 - decimal units
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} GB"


def _shown(text: object) -> str:
    return clean_line(str(text or ""), _SHOWN_CHARS)
