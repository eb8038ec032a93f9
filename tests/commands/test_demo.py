from __future__ import annotations

import re
from pathlib import Path

import pytest

from calypso_mcp.cli.commands.upkeep.demo import SAMPLE_QUESTIONS, SAMPLES
from tests.commands.processes import run


def test_the_demo_uploads_waits_searches_and_cites_every_sample(
    clean_environment: Path, tmp_path: Path
) -> None:
    done = run("demo", environ={"TMPDIR": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert re.search(rf"accepted +{len(list(SAMPLES.iterdir()))}  uploaded", done.stdout)
    for question in SAMPLE_QUESTIONS:
        assert f'"{question}"' in done.stdout
    first = re.findall(r"^  1\. (.*)$", done.stdout, re.MULTILINE)
    assert len(first) == len(SAMPLE_QUESTIONS)
    assert first[0].startswith("support-handbook.pdf, page 3")
    assert first[1].startswith("returns-and-refunds.md, section ")
    assert first[2].startswith("lamp-troubleshooting.html")
    assert first[3].startswith("escalation-notes.txt, lines ")
    assert "warranty of 6 years" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "  calypso-mcp install CLIENT --allow-path FOLDER"
    assert list(clean_environment.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


ANSWERS = (
    "warranty of 6 years",
    "within 45 days",
    "replace the driver under warranty",
    "call the duty engineer",
)


@pytest.mark.parametrize(
    "look", [{"COLUMNS": "60"}, {"COLUMNS": "80"}, {"COLUMNS": "120"}, {"NO_COLOR": "1"}]
)
def test_every_question_is_answered_by_a_snippet_that_fits(look: dict[str, str]) -> None:
    done = run("demo", environ=look)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if len(line) > int(look.get("COLUMNS", "80"))] == []
    shown = re.split(r'\n\n"', done.stdout)[1:]
    assert len(shown) == len(ANSWERS)
    for hits, answer in zip(shown, ANSWERS, strict=True):
        assert answer in " ".join(hits.split())
    # Rows of a table stay rows.
    assert re.search(r"^ +(… )?steady red \| driver fault \|", done.stdout, re.MULTILINE)


def test_the_demo_answers_a_persons_own_question_from_their_own_files(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    (notes / "trips").mkdir(parents=True)
    (notes / "trips" / "lisbon.md").write_text(
        "# Lisbon\n\nThe night train leaves Santa Apolonia at 21:25.\n"
    )
    (notes / "empty.txt").write_text("")
    data = tmp_path / "data"
    done = run("demo", str(notes), "--query", "When does the night train leave?", "--data-dir", str(data))
    assert done.returncode == 0, done.stderr
    assert re.search(r"1\. trips/lisbon\.md, .*lines 1-3", done.stdout)
    assert "21:25" in done.stdout
    assert "(has no content): empty.txt" in done.stdout
    assert data.is_dir()


def test_the_demo_asks_for_a_question_about_files_it_does_not_know(tmp_path: Path) -> None:
    done = run("demo", str(tmp_path))
    assert done.returncode == 2
    assert "Add --query" in done.stderr


def test_the_demo_fails_where_nothing_could_be_cited(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0" * 50)
    done = run("demo", str(tmp_path), "--query", "What does it show?")
    assert done.returncode == 1
    assert "0 cited passages" in done.stdout


def test_the_demo_names_a_path_that_does_not_exist(tmp_path: Path) -> None:
    done = run("demo", str(tmp_path / "absent"), "--query", "?")
    assert done.returncode == 2
    assert "absent" in done.stderr
    assert len(done.stderr.splitlines()) == 1
