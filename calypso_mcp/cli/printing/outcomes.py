"""Prints what became of each file: a summary, and the files that need attention."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from calypso_mcp.domain.json_values import as_object
from calypso_mcp.domain.untrusted_text import clean_line

#: A result of `upload_batch`.
Result = Mapping[str, Any]

#: Longest text shown of a name or a reason, in characters.
_SHOWN_CHARS = 200
#: Outcomes that count as arrived.
_ARRIVED = ("accepted", "replayed")
#: Outcomes after which the job counts as failed.
_FAILURES = ("failed", "rejected", "pending")
#: In the order a person wants to read them, with what each means.
_MEANINGS = {
    "accepted": "uploaded",
    "replayed": "already there, unchanged",
    "would_send": "would be uploaded, unless they are there already",
    "removed": "removed, because gone from the folder",
    "would_remove": "would be removed, because gone from the folder",
    "skipped": "left out",
    "pending": "may not have arrived; run the same command to continue",
    "rejected": "refused",
    "failed": "did not arrive, or cannot be indexed",
}

#: The same in a word, for one line.
_WORDS = {
    "accepted": "uploaded",
    "replayed": "unchanged",
    "removed": "removed",
    "skipped": "left out",
    "pending": "pending",
    "rejected": "refused",
    "failed": "failed",
    "changing": "still changing",
}


def counts_of(results: Sequence[Result]) -> Counter[str]:
    """Return how many inputs had which outcome."""
    counts: Counter[str] = Counter()
    for result in results:
        counts.update(result["counts"])
    return counts


def outcomes_of(results: Sequence[Result]) -> Iterator[dict[str, Any]]:
    """Yield the outcomes that the server listed; of very many it leaves some out."""
    for result in results:
        yield from result.get("outcomes", ())


def has_arrived(results: Sequence[Result]) -> bool:
    """Whether Calypso has any of the files, from this call or from an earlier one."""
    return any(counts_of(results)[outcome] for outcome in _ARRIVED)


def has_failures(results: Sequence[Result]) -> bool:
    """Whether any file did not arrive, or was waited for and cannot be searched yet."""
    return any(counts_of(results)[outcome] for outcome in _FAILURES) or _unready(results) > 0


def has_unread(results: Sequence[Result]) -> bool:
    """Whether the system refused to open any file or folder."""
    return any(kind["code"] == "unreadable" for result in results for kind in result.get("skipped", ()))


def print_outcomes(results: Sequence[Result]) -> None:
    """Print how many files had which outcome, those a person should look at, and what to do about them."""
    _print_created(results)
    counts = counts_of(results)
    if not counts.total():
        print("  There is no file to upload.")
    for outcome, meaning in _MEANINGS.items():
        if counts[outcome]:
            print(f"  {outcome:<12}{counts[outcome]:>7}  {meaning}")
    unnamed = sum(counts[outcome] for outcome in _FAILURES)
    for outcome in outcomes_of(results):
        if reason := outcome.get("reason"):
            unnamed -= outcome["outcome"] in _FAILURES
            print(f"  {outcome['outcome']}: {_shown(outcome['path'])}: {_shown(reason)}")
        elif outcome.get("changed"):
            print(f"  changed: {_shown(outcome['path'])}")
    _print_skipped(results)
    if unready := _unready(results):
        print(f"  {unready} not searchable yet")
    if unnamed > 0:
        print(f"  and {unnamed} more that did not arrive")
    hints = {hint for result in results for hint in as_object(result.get("hints")).values()}
    for hint in sorted(hints):
        print(f"  {_shown(hint)}")


def print_round(results: Sequence[Result]) -> None:
    """Print one line with the time and how many files had which outcome, and a line for each that failed.

    A file that is being written is not a failure: another round follows its change.
    """
    _print_created(results)
    counts = counts_of(results)
    failures = [outcome for outcome in outcomes_of(results) if outcome["outcome"] in _FAILURES]
    lasting = [outcome for outcome in failures if outcome.get("code") != "file_changed"]
    counts["changing"] = len(failures) - len(lasting)
    counts["failed"] -= counts["changing"]
    said = ", ".join(f"{counts[outcome]} {word}" for outcome, word in _WORDS.items() if counts[outcome])
    unready = _unready(results)
    more = f", {unready} not searchable yet" if unready else ""
    print(f"{datetime.now().astimezone():%H:%M:%S}  {said or 'no file'}{more}", flush=True)
    for outcome in lasting:
        reason = outcome.get("reason") or _MEANINGS[outcome["outcome"]]
        print(f"  {outcome['outcome']}: {_shown(outcome['path'])}: {_shown(reason)}", flush=True)


def _print_created(results: Sequence[Result]) -> None:
    for result in results:
        if created := result.get("created"):
            print(f"  new bucket: {_shown(created)}", flush=True)


def _print_skipped(results: Sequence[Result]) -> None:
    for result in results:
        for kind in result.get("skipped", ()):
            reason = f" ({_shown(kind['reason'])})" if "reason" in kind else ""
            examples = ", ".join(map(_shown, kind["examples"]))
            more = ", ..." if kind["count"] > len(kind["examples"]) else ""
            print(f"  skipped {kind['count']} {_shown(kind['code'])}{reason}: {examples}{more}")


def _unready(results: Sequence[Result]) -> int:
    return sum(int(result.get("searchable", {}).get("pending", 0)) for result in results)


def _shown(text: object) -> str:
    return clean_line(str(text or ""), _SHOWN_CHARS)
