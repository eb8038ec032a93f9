from __future__ import annotations

import io
import re

import pytest

from calypso_mcp.cli import progress
from calypso_mcp.cli.hits import is_cited, print_hits
from calypso_mcp.cli.outcomes import has_failures, print_outcomes, print_readiness

HIT = {
    "rank": 1,
    "text": "A customer may return any order\nwithin 45 days.",
    "file_id": "file_1",
    "filename": "handbook.pdf",
    "page": 7,
}


def test_a_hit_is_printed_with_file_page_and_snippet(capsys: pytest.CaptureFixture[str]) -> None:
    print_hits("How long?", [HIT])
    out = capsys.readouterr().out
    assert '"How long?"' in out
    assert "1. handbook.pdf, page 7" in out
    assert "return any order within 45 days" in out


@pytest.mark.parametrize(
    ("first", "last", "shown"), [(3, 9, "lines 3-9"), (3, 3, "line 3"), (3, None, "line 3")]
)
def test_a_hit_in_a_text_file_is_printed_with_its_lines(
    capsys: pytest.CaptureFixture[str], first: int, last: int | None, shown: str
) -> None:
    print_hits("?", [{**HIT, "page": None, "line_start": first, "line_end": last}])
    assert f"handbook.pdf, {shown}\n" in capsys.readouterr().out


def test_a_question_without_passages_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_hits("?", [])
    assert "nothing found" in capsys.readouterr().out


def test_text_of_a_document_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_hits(
        "?", [{**HIT, "text": "red \x1b[31mtext\x1b[0m \u202egnp", "filename": "a\x1b]0;title\x07.md"}]
    )
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out


@pytest.mark.parametrize("missing", ["file_id", "filename", "text"])
def test_a_hit_counts_as_cited_only_with_text_and_source(missing: str) -> None:
    assert is_cited(HIT)
    assert not is_cited({**HIT, missing: ""})


def test_outcomes_are_counted_and_those_that_matter_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = [
        {"status": "accepted", "path": "a.md", "size_bytes": 1500},
        {"status": "accepted", "path": "b.md", "size_bytes": 500},
        {"status": "skipped", "path": ".env", "reason": "its name suggests a secret"},
        {"status": "failed", "path": "c.md", "reason": "it is empty"},
    ]
    print_outcomes(outcomes)
    out = capsys.readouterr().out
    assert re.search(r"accepted +2 +2\.0 KB", out)
    assert "a.md" not in out
    assert "skipped: .env: its name suggests a secret" in out
    assert "failed: c.md: it is empty" in out


def test_a_long_list_of_the_same_outcome_is_cut_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_outcomes(
        [{"status": "skipped", "path": f"{number}.bin", "reason": "unsupported"} for number in range(25)]
    )
    assert "and 5 more" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("statuses", "failed"),
    [
        (["accepted", "replayed", "skipped"], False),
        (["accepted", "failed"], True),
        (["rejected"], True),
        (["pending"], True),
    ],
)
def test_a_job_failed_when_a_file_that_should_arrive_did_not(statuses: list[str], *, failed: bool) -> None:
    assert has_failures([{"status": status} for status in statuses]) == failed


def test_what_cannot_be_searched_is_named_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    print_readiness({"state": "failed", "failed": [{"filename": "scan.pdf", "reason": "no text layer"}]})
    assert "not searchable: scan.pdf: no text layer" in capsys.readouterr().out


async def test_without_a_terminal_progress_is_plain_lines_now_and_then() -> None:
    times = iter([0.0, 0.5, 3.0, 3.5, 4.0])
    out = io.StringIO()
    with progress.phase("Uploading", out, lambda: next(times)) as report:
        await report(1, 4, "a.md")
        await report(2, 4, "b.md")
        await report(3, 4, "c.md")
    assert out.getvalue().splitlines() == ["Uploading ...", "Uploading 50% b.md", "Uploading done in 4.0 s"]


async def test_in_a_terminal_progress_is_a_bar() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    with progress.phase("Uploading", out) as report:
        await report(2, 4, "b.md [bold]")
    assert "Uploading" in out.getvalue()
    assert "100%" in out.getvalue()
