"""What a batch came to: one outcome for every input, counted in full and listed as far as it is worth it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from calypso_mcp.client.readiness import FailedItem
from calypso_mcp.client.uploading.outcomes import Outcome, Verdict
from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.errors import CalypsoError
from calypso_mcp.server.calls.batch_inputs import BatchInput
from calypso_mcp.server.results.models import ToolResult
from calypso_mcp.server.results.standings import reason_line

OutcomeWord = Literal["accepted", "replayed", "rejected", "failed", "pending", "skipped", "would_send"]

#: Outcomes listed, and how many of them may be skips: those are counted by reason anyway.
_MOST_OUTCOMES = 500
_MOST_SKIPS = 15
#: Outcomes told with everything that is known. Of what went well beyond, only which file it became.
_MOST_DETAILED = 40
_BRIEF = {"size_bytes": None, "task_id": None}
_PATH_CHARS = 200
_SKIPPED_WHEN_FOUND = frozenset({"unsupported_type", "empty_file", "file_too_large"})
#: Said once of every file that has changed, where an upload tells of it.
CHANGED_HINT = "What a changed file held before stays in the bucket beside it: the API deletes nothing."
#: What a reader has to act on comes first.
_ORDER: tuple[OutcomeWord, ...] = (
    "failed",
    "rejected",
    "pending",
    "skipped",
    "would_send",
    "accepted",
    "replayed",
)


class InputOutcome(ToolResult):
    """What became of one input."""

    path: str
    outcome: OutcomeWord
    size_bytes: int | None = None
    bucket: str | None = None
    file_id: str | None = None
    task_id: str | None = None
    changed: bool | None = None
    code: str | None = None
    reason: str | None = None
    retryable: bool | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """An outcome and what to do about it; hints are told once for each code, not once for each file."""

    outcome: InputOutcome
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """The outcomes in numbers, and those worth reading.

    Attributes:
        counts: By outcome, of all inputs.
        skipped: By reason, of all that were skipped.
        outcomes: Those to act on first.
        omitted: How many more there are.
        hints: What to do, by code; under `changed`, what to know of files that have changed.
    """

    counts: dict[str, int]
    skipped: dict[str, int]
    outcomes: list[InputOutcome]
    omitted: int
    hints: dict[str, str]


def unsent(one: BatchInput, *, dry_run: bool) -> Told:
    """Return the outcome of an input that was not handed to the client."""
    path = clean_line(one.path, _PATH_CHARS)
    if one.skipped is not None:
        return Told(
            InputOutcome(path=path, outcome="skipped", code=one.skipped.code, reason=one.skipped.reason)
        )
    if one.problem is not None:
        return _refused(path, one.problem, found=one.is_found)
    if dry_run and one.upload is not None:
        return Told(InputOutcome(path=path, outcome="would_send", size_bytes=one.size_bytes))
    unknown = InputOutcome(
        path=path,
        outcome="pending",
        size_bytes=one.size_bytes or None,
        code="out_of_time",
        reason="the time was up before it was known to have arrived",
        retryable=True,
    )
    return Told(unknown, "Make the same call again: it continues where it stopped and repeats nothing.")


def sent(one: BatchInput, outcome: Outcome, *, shared_slug: str | None) -> Told:
    """Return the outcome of an input that the client has dealt with."""
    slug = one.target.slug if one.target else None
    told = InputOutcome(
        path=clean_line(one.path, _PATH_CHARS),
        outcome=outcome.status,
        size_bytes=outcome.size_bytes,
        bucket=slug if slug != shared_slug else None,
        file_id=outcome.file_id,
        task_id=outcome.task_id,
        changed=outcome.changed or None,
        code=outcome.code,
        reason=reason_line(outcome.message) if outcome.message else None,
        retryable=None if outcome.is_uploaded else outcome.retryable,
    )
    return Told(told, outcome.hint or "")


def not_searchable(told: Told, item: FailedItem) -> Told:
    """Return the outcome of an input that arrived but could not be indexed."""
    failed = told.outcome.model_copy(
        update={
            "outcome": "failed",
            "code": item.code,
            "reason": reason_line(item.message),
            "retryable": False,
        }
    )
    return Told(failed, "It arrived but cannot be indexed: mend the cause, then upload it again.")


def summary(outcomes: Iterable[Told]) -> Summary:
    """Count every outcome and list the first, those to act on before the others."""
    everything = sorted(outcomes, key=lambda told: _ORDER.index(told.outcome.outcome))
    counts = Counter(told.outcome.outcome for told in everything)
    skipped = Counter(told.outcome.code or "" for told in everything if told.outcome.outcome == "skipped")
    listed = _listed([told.outcome for told in everything])
    hints: dict[str, str] = {}
    for told in everything:
        if told.hint and told.outcome.code:
            hints.setdefault(told.outcome.code, told.hint)
    if any(told.outcome.changed for told in everything):
        hints["changed"] = CHANGED_HINT
    return Summary(
        counts={word: counts[word] for word in _ORDER if counts[word]},
        skipped=dict(skipped.most_common()),
        outcomes=listed,
        omitted=len(everything) - len(listed),
        hints=hints,
    )


def _listed(ordered: Sequence[InputOutcome]) -> list[InputOutcome]:
    skips = 0
    listed: list[InputOutcome] = []
    for one in ordered:
        skips += one.outcome == "skipped"
        if one.outcome == "skipped" and skips > _MOST_SKIPS:
            continue
        is_detailed = len(listed) < _MOST_DETAILED or one.code is not None
        listed.append(one if is_detailed else one.model_copy(update=_BRIEF))
    return listed[:_MOST_OUTCOMES]


def _refused(path: str, problem: CalypsoError, *, found: bool) -> Told:
    # A file nobody asked for by name is skipped like others of its kind.
    skipped = found and problem.code in _SKIPPED_WHEN_FOUND
    refused = Verdict.of(problem).status
    told = InputOutcome(
        path=path,
        outcome="skipped" if skipped else refused,
        code=problem.code,
        reason=reason_line(problem.message),
        retryable=None if skipped else problem.retryable,
    )
    return Told(told, problem.hint)
