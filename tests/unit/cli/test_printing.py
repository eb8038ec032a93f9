from __future__ import annotations

import io
import re
import time
from contextlib import redirect_stderr

import pytest

from calypso_mcp.cli.calls.calling import print_table
from calypso_mcp.cli.doctor.findings import note, render
from calypso_mcp.cli.printing import progress
from calypso_mcp.cli.printing.hits import is_cited, print_hits, wrap
from calypso_mcp.cli.printing.outcomes import (
    has_arrived,
    has_failures,
    has_unread,
    print_outcomes,
    print_round,
)

HIT = {
    "text": "A customer may return any order\nwithin 45 days.",
    "file_id": "file_1",
    "filename": "handbook.pdf",
    "place": "page 7",
}


def test_a_hit_is_printed_with_file_page_and_snippet(capsys: pytest.CaptureFixture[str]) -> None:
    print_hits("How long?", [HIT])
    out = capsys.readouterr().out
    assert '"How long?"' in out
    assert "1. handbook.pdf, page 7" in out
    assert "return any order within 45 days" in out


TABLE = "Light | Meaning\n" + "\n".join(f"pattern {number} | state {number} of it" for number in range(40))
PROSE = "Nothing of interest is said in this sentence of the handbook. " * 30


def test_rows_are_printed_whole_each_on_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    print_hits("What does pattern 33 mean?", [{**HIT, "text": TABLE}])
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[-41:] == TABLE.splitlines()


def test_a_heading_is_printed_above_its_text() -> None:
    assert wrap("Leave\n\nEvery employee\nhas 27 days.", 60) == "Leave\nEvery employee has 27 days."


@pytest.mark.parametrize("width", [40, 60, 100])
def test_no_line_of_a_passage_is_wider_than_the_terminal(width: int) -> None:
    for text in (TABLE, PROSE, "x" * 5000, f"{PROSE}\n{TABLE}\n{PROSE}"):
        assert all(len(line) <= width for line in wrap(text, width).splitlines())


def test_a_passage_that_is_hard_to_wrap_costs_little() -> None:
    started = time.process_time()
    for text in ("a. " * 3000, "| " * 5000, "word " * 4000, "a |\n" * 3000):
        wrap(text, 60)
    assert time.process_time() - started < 10


@pytest.mark.parametrize("before", range(30, 75, 5))
def test_no_path_or_command_is_broken_at_its_hyphens(
    before: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    path = "/home/anna-maria/calypso-mcp/leave-policy.md"
    text = f"{'x' * before} {path}"
    print(render([note(text, text)], 80), wrap(text, 80), sep="\n")
    print_hits(text, [{"filename": text, "file_id": "file_1", "text": ""}])
    assert capsys.readouterr().out.count(path) == 5


def test_a_hit_without_a_place_is_printed_with_its_name_alone(capsys: pytest.CaptureFixture[str]) -> None:
    print_hits("?", [{**HIT, "place": None}])
    assert "1. handbook.pdf\n" in capsys.readouterr().out


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


def test_a_file_that_is_being_written_is_no_failure_of_a_round(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = [
        {"path": "a.md", "outcome": "failed", "reason": "it was not sent", "code": "file_changed"},
        {"path": "b.md", "outcome": "failed", "reason": "it is broken", "code": "unreadable"},
    ]
    print_round([{"counts": {"failed": 2, "replayed": 1}, "outcomes": outcomes}])
    out = capsys.readouterr().out
    assert "1 unchanged, 1 failed, 1 still changing" in out
    assert "b.md: it is broken" in out
    assert "a.md" not in out


def test_outcomes_are_counted_and_those_that_matter_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    folder = {
        "counts": {"failed": 3, "skipped": 3, "accepted": 602},
        "outcomes": [
            {"path": "c.md", "outcome": "failed", "reason": "it is empty"},
            {"path": "a.md", "outcome": "accepted"},
            {"path": "b.md", "outcome": "accepted", "changed": True},
        ],
        "omitted": 602,
        "skipped": [
            {"code": "secret_name", "count": 3, "reason": "its name suggests a secret", "examples": [".env"]}
        ],
        "hints": {"empty_file": "Put something in."},
    }
    print_outcomes([folder, {"counts": {"accepted": 3}}])
    out = capsys.readouterr().out
    assert re.search(r"accepted +605 +uploaded", out)
    assert "changed: b.md" in out
    assert "a.md" not in out
    assert "failed: c.md: it is empty" in out
    assert "skipped 3 secret_name (its name suggests a secret): .env, ..." in out
    # What went well and is not listed needs no word.
    assert "and 2 more that did not arrive" in out
    assert "Put something in." in out


@pytest.mark.parametrize(
    ("counts", "arrived", "failed"),
    [
        ({"accepted": 1, "replayed": 2, "skipped": 3}, True, False),
        ({"accepted": 1, "failed": 1}, True, True),
        ({"rejected": 1}, False, True),
        ({"pending": 1}, False, True),
        ({"would_send": 4}, False, False),
    ],
)
def test_a_job_failed_when_a_file_that_should_arrive_did_not(
    counts: dict[str, int], *, arrived: bool, failed: bool
) -> None:
    assert has_arrived([{"counts": counts}]) == arrived
    assert has_failures([{"counts": counts}]) == failed


@pytest.mark.parametrize(("code", "unread"), [("unreadable", True), ("ignored", False)])
def test_a_folder_that_could_not_be_read_is_told_apart_from_what_another_round_may_mend(
    code: str, *, unread: bool
) -> None:
    """A watch would repeat its round every minute for a folder that it may never read."""
    skipped = [{"code": code, "count": 1, "examples": ["lost+found/"]}]
    results = [{"counts": {"accepted": 1, "skipped": 1}, "skipped": skipped}]
    assert (has_unread(results), has_failures(results)) == (unread, False)


def test_a_job_that_waited_in_vain_failed_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    result = {"counts": {"accepted": 3}, "readiness": "pending", "searchable": {"ready": 1, "pending": 2}}
    assert has_failures([result])
    print_outcomes([result])
    assert "2 not searchable yet" in capsys.readouterr().out


async def test_without_a_terminal_progress_is_plain_lines_now_and_then() -> None:
    times = iter([0.0, 0.5, 3.0, 3.5, 4.0])
    out = io.StringIO()
    with redirect_stderr(out), progress.phase("Uploading", lambda: next(times)) as report:
        await report(1, 4, "a.md")
        await report(2, 4, "b.md")
        await report(3, 4, "c.md")
    assert out.getvalue().splitlines() == ["Uploading ...", "Uploading 50% b.md", "Uploading done in 4.0 s"]


async def test_in_a_terminal_progress_is_a_bar() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    with redirect_stderr(out), progress.phase("Uploading") as report:
        await report(2, 4, "b.md [bold]")
    assert "Uploading" in out.getvalue()
    assert "50%" in out.getvalue()
    assert "b.md [bold]" in out.getvalue()
    assert "100%" in out.getvalue()


def test_a_column_without_a_cell_is_left_out_of_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "tags", "state"), [("a.md", "", "ready"), ("b.md", "", "failed")])
    assert capsys.readouterr().out.splitlines() == [
        "name  state",
        "----  ------",
        "a.md  ready",
        "b.md  failed",
    ]


def test_an_id_in_a_table_stays_whole_however_narrow_the_terminal_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    file_id = "file_0123456789abcdef01234567"
    print_table(("name", "state", "file id"), [("a long name " * 4, "ready", file_id)], whole=("file id",))
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if file_id in line]
    assert max(map(len, lines)) <= 60
