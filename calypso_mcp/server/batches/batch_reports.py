"""The report about a batch: counts the outcomes of all inputs and lists those worth reading."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby, islice
from operator import attrgetter
from pathlib import PurePosixPath
from typing import Any, Literal, Self

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from calypso_mcp.domain.amounts import join_first
from calypso_mcp.domain.states.file_state import FileState, UploadOutcome
from calypso_mcp.domain.states.readiness import Readiness
from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.server.batches.batch_inputs import BatchInput
from calypso_mcp.server.files.folder_walk import REASONS
from calypso_mcp.server.results.models import USUAL, ToolResult, inline
from calypso_mcp.server.results.standings import ReadinessWord, reason_line, reason_of

OutcomeWord = Literal[UploadOutcome, "skipped", "would_send", "removed", "would_remove"]

#: Outcomes listed of each kind that needs attention, and of each that needs none; the rest is in the counts.
_MOST_OUTCOMES = 100
_MOST_QUIET = 20
#: Skipped files named for each reason, unchanged files, and endings of files for each hint.
_MOST_EXAMPLES = 5
_PATH_CHARS = 200
#: Longest line about a file that needs nothing from the reader.
_LINE_CHARS = 79
_SHORTEST_PATH = 24
_SKIPPED_WHEN_FOUND = frozenset({"unsupported_type", "empty_file", "file_too_large", "file_not_found"})
#: Said once for all files that have changed.
CHANGED_HINT = "The old version of a changed file stays in the bucket: the API deletes nothing."
_CHANGED_HINTS = {
    "beside": "The old version of a changed file stays in the bucket, and searches still find it.",
    "replaced": "The old version of a changed file disappears as soon as the new one is searchable.",
}
_ELSEWHERE = "replaces the source of this name, which came from elsewhere"
_ELSEWHERE_HINT = "To keep both sources, use a bucket for each folder, or send the folder above both."
#: What happened to the version before, if the reader should know it for this file.
_EARLIER = {
    "kept": "not sent: the bucket holds another version, and if_exists=skip keeps it",
    "relabelled": "the bucket holds the same content: only its title, tags and metadata change",
}
#: Outcomes that need action come first. Skipped files are counted by reason instead of listed.
_ORDER: tuple[OutcomeWord, ...] = (
    "failed",
    "rejected",
    "pending",
    "would_send",
    "would_remove",
    "removed",
    "accepted",
    "replayed",
    "skipped",
)
#: Lists that a report shows line by line, below its other facts.
_LISTS = ("outcomes", "omitted", "skipped", "hints")
#: Rank of files that were there already, which is the last one.
_UNCHANGED = (_ORDER.index("replayed"), True)
#: Rank of the others that have changed, or that have something to say.
_NOTABLE = (_ORDER.index("would_send"), False)
#: What needs action, or is gone for good.
_NEEDS_ATTENTION = frozenset[OutcomeWord]({"failed", "rejected", "pending", "would_remove", "removed"})


class InputOutcome(ToolResult):
    """What became of one input, and what to do about it; the report gives each hint once for each code."""

    path: str
    outcome: OutcomeWord
    reason: str | None = USUAL
    bucket: str | None = None
    changed: bool | None = None
    file_id: str | None = None
    code: str | None = None
    retryable: bool | None = None
    hint: SkipJsonSchema[str] = Field(default="", exclude=True)

    @property
    def rank(self) -> tuple[int, bool]:
        """Place in the order of what needs attention: failed, rejected, pending, notable, the rest."""
        if self.outcome in _NEEDS_ATTENTION:
            return (_ORDER.index(self.outcome), False)
        is_notable = self.changed or self.reason is not None
        return _NOTABLE if is_notable else (_ORDER.index(self.outcome), True)

    def as_line(self) -> str:
        """Return every fact on one line; below 80 characters if nothing needs attention."""
        facts = {
            "bucket": self.bucket,
            "file_id": self.file_id,
            "code": self.code,
            "retry": None if self.retryable is None else "yes" if self.retryable else "no",
        }
        details = [f"{name} {value}" for name, value in facts.items() if value is not None]
        outcome = f"{self.outcome}, changed" if self.changed else self.outcome
        end = f" ({', '.join(details)})" if details else ""
        if self.reason is not None:
            return f"{outcome} {inline(self.path)}{end}: {self.reason}"
        room = max(_LINE_CHARS - len(outcome) - len(end) - 1, _SHORTEST_PATH)
        return f"{outcome} {inline(_shortened(self.path, room))}{end}"


class SkippedKind(ToolResult):
    """The inputs that were left out for one reason."""

    code: str
    count: int
    reason: str | None = None
    examples: list[str]

    def as_line(self) -> str:
        """Return the kind with its examples on one line."""
        more = ", …" if self.count > len(self.examples) else ""
        reason = f" ({self.reason})" if self.reason else ""
        return f"skipped {self.count} {self.code}{reason}: {inline(self.examples)}{more}"


class BatchReport(ToolResult):
    """What became of every input: counted in full, listed as far as there is something to act on.

    `hints` are by code; under `changed` stands what to know of files that have changed.
    """

    dry_run: bool | None = None
    bucket: str | None = None
    total: int
    counts: dict[str, int]
    bytes: int
    created: SkipJsonSchema[str | None] = None
    next_step: str
    readiness: ReadinessWord | None = None
    searchable: dict[str, int] | None = None
    progress: str | None = None
    outcomes: list[InputOutcome] | None = None
    omitted: SkipJsonSchema[int | None] = None
    skipped: list[SkippedKind] | None = None
    hints: dict[str, str] | None = None
    batch_ids: list[str] | None = None

    @classmethod
    def of(cls, outcomes: Sequence[InputOutcome], **facts: Any) -> Self:
        """Return the report on all `outcomes`, those to act on first; `facts` are other fields."""
        skipped = [outcome for outcome in outcomes if outcome.outcome == "skipped"]
        others = [outcome for outcome in outcomes if outcome.outcome != "skipped"]
        by_rank = attrgetter("rank")
        ranked = groupby(sorted(others, key=by_rank), by_rank)
        listed = [outcome for rank, same in ranked for outcome in islice(same, _most_listed(rank))]
        return cls(
            outcomes=listed or None,
            omitted=len(others) - len(listed) or None,
            skipped=_kinds(skipped) or None,
            hints=_hints(outcomes) or None,
            **facts,
        )

    def as_text(self) -> str:
        """Return the counts and what to do next, then a line for each file, attention first."""
        lines = [ToolResult.as_text(self.model_copy(update=dict.fromkeys(_LISTS)))]
        lines += [outcome.as_line() for outcome in self.outcomes or ()]
        if self.omitted:
            lines.append(f"and {self.omitted} more, counted above")
        lines += [kind.as_line() for kind in self.skipped or ()]
        codes: dict[str, list[str]] = defaultdict(list)
        for code, hint in (self.hints or {}).items():
            codes[hint].append(code)
        lines += [f"hint for {', '.join(own)}: {hint}" for hint, own in codes.items()]
        return "\n".join(lines)


def report_removal(name: str, outcome: OutcomeWord) -> InputOutcome:
    """Return the outcome of a source whose file is gone."""
    return InputOutcome(path=clean_line(name, _PATH_CHARS), outcome=outcome)


def report_foreseen(item: BatchInput) -> InputOutcome:
    """Return what a dry run says of an input that may be sent."""
    state = item.state or FileState()
    return InputOutcome(
        path=clean_line(item.path, _PATH_CHARS),
        outcome="replayed" if state.is_uploaded else "would_send",
        changed=is_changed(state) or None,
        reason=_earlier_reason(state),
        hint=_changed_hint(state),
    )


def report_input(
    item: BatchInput, indexed: FileState | None = None, *, shared_slug: str | None
) -> InputOutcome:
    """Return the outcome of an input; `indexed`: where it stands in its bucket, as far as that was asked."""
    path, state = clean_line(item.path, _PATH_CHARS), item.state
    if item.skipped is not None:
        return InputOutcome(path=path, outcome="skipped", code=item.skipped, reason=REASONS[item.skipped])
    if state is None:
        return InputOutcome(
            path=path,
            outcome="pending",
            code="out_of_time",
            reason="the call timed out; the file may not have arrived",
            retryable=True,
            hint="Make the same call again: it continues where it stopped and sends nothing twice.",
        )
    slug = item.target.slug if item.upload and item.target else None
    outcome = InputOutcome(
        path=path,
        outcome=_outcome(item, state),
        bucket=slug if slug != shared_slug else None,
        changed=is_changed(state) or None,
        code=state.code,
        reason=reason_line(state.message) if state.message else _earlier_reason(state),
        retryable=None if state.is_uploaded else state.retryable,
        hint=_changed_hint(state) or state.hint or "",
    )
    return outcome if indexed is None else outcome.model_copy(update=_indexed_facts(state, indexed))


def _indexed_facts(state: FileState, indexed: FileState) -> dict[str, Any]:
    """Return which facts of an upload's outcome change by where the file stands in its bucket."""
    failed = indexed.readiness is Readiness.FAILED
    reason = reason_line(indexed.message or "") if failed else reason_of(indexed)
    if reason is None:
        return {}
    facts = {"file_id": indexed.file_id, "reason": reason}
    if not failed or (state.is_replayed and indexed.is_unreadable):
        # What cannot be read was said when it was sent; nothing is left to do about it.
        return facts
    return facts | {
        "outcome": "failed",
        "code": indexed.code,
        "retryable": False,
        "hint": "The file arrived but cannot be indexed: fix the cause, then upload it again.",
    }


def _is_from_elsewhere(state: FileState) -> bool:
    return state.earlier == "replaced" and not state.changed


def _changed_hint(state: FileState) -> str:
    """Return what to know of a file that has changed; empty for any other."""
    if not is_changed(state):
        return ""
    if _is_from_elsewhere(state):
        return _ELSEWHERE_HINT
    return _CHANGED_HINTS.get(state.earlier or "", CHANGED_HINT)


def _earlier_reason(state: FileState) -> str | None:
    if state.earlier_id is not None and state.earlier in (None, "beside"):
        return f"the previous version ({state.earlier_id}) stays in the bucket"
    if _is_from_elsewhere(state):
        return _ELSEWHERE
    return _EARLIER.get(state.earlier or "")


def is_changed(state: FileState) -> bool:
    """Whether an upload brought new content for a name that had other content before."""
    return state.changed or state.earlier in ("replaced", "beside")


def earlier_line(state: FileState, *, is_searchable: bool) -> str | None:
    """Return what became of the version that a single upload follows; None for a first version."""
    if state.earlier == "replaced":
        when = "is no longer searchable" if is_searchable else "disappears as soon as this one is searchable"
        return f"Replaced: the previous version ({state.earlier_id}) {when}."
    reason = _earlier_reason(state)
    if reason is None:
        return CHANGED_HINT if state.changed else None
    found = ", and searches still find it" if state.earlier_id is not None and state.earlier != "kept" else ""
    return f"{reason[:1].upper()}{reason[1:]}{found}."


def count_outcomes(outcomes: Iterable[InputOutcome]) -> dict[str, int]:
    """Return how many inputs had which outcome, those that need action first."""
    counts = Counter(outcome.outcome for outcome in outcomes)
    return {word: counts[word] for word in _ORDER if counts[word]}


def _hints(outcomes: Iterable[InputOutcome]) -> dict[str, str]:
    """Return each hint by code; of a code with several, with the endings of their files."""
    endings: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for outcome in outcomes:
        if outcome.hint:
            ending = PurePosixPath(outcome.path).suffix or outcome.path
            endings[outcome.code or "changed"][outcome.hint].add(ending)
    told: dict[str, list[str]] = defaultdict(list)
    for code, hints in endings.items():
        for hint, files in hints.items():
            named = f" ({join_first(sorted(files), _MOST_EXAMPLES, inline)})" if len(hints) > 1 else ""
            told[code + named].append(hint)
    return {code: " ".join(hints) for code, hints in told.items()}


def _most_listed(rank: tuple[int, bool]) -> int:
    _, is_quiet = rank
    return _MOST_EXAMPLES if rank == _UNCHANGED else _MOST_QUIET if is_quiet else _MOST_OUTCOMES


def _kinds(skipped: Iterable[InputOutcome]) -> list[SkippedKind]:
    by_code: dict[str, list[InputOutcome]] = defaultdict(list)
    for file in skipped:
        by_code[file.code or "unknown"].append(file)
    reasons = {code: {file.reason for file in same} for code, same in by_code.items()}
    return [
        SkippedKind(
            code=code,
            count=len(same),
            # A reason about one file, such as its size, does not hold for the others.
            reason=same[0].reason if len(reasons[code]) == 1 else None,
            examples=[file.path for file in same[:_MOST_EXAMPLES]],
        )
        for code, same in sorted(by_code.items(), key=lambda entry: -len(entry[1]))
    ]


def _shortened(path: str, limit: int) -> str:
    """Return the end of `path`, which says more than its beginning, in at most `limit` characters."""
    return path if len(path) <= limit else f"…{path[1 - limit :]}"


def _outcome(item: BatchInput, state: FileState) -> OutcomeWord:
    # A file that the call does not name is skipped like others of its kind.
    if item.is_found and state.code in _SKIPPED_WHEN_FOUND:
        return "skipped"
    return state.outcome or "failed"
