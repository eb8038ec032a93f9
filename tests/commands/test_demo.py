from __future__ import annotations

import re
from pathlib import Path

from calypso_mcp.cli.demo import SAMPLE_QUESTIONS, SAMPLES
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
    assert first[0] == "support-handbook.pdf, page 3"
    assert first[1].startswith("returns-and-refunds.md, lines ")
    assert first[2].startswith("lamp-troubleshooting.html")
    assert first[3].startswith("escalation-notes.txt, lines ")
    assert "warranty of 6 years" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    assert list(clean_environment.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


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
    assert "1. lisbon.md, lines 1-3" in done.stdout
    assert "21:25" in done.stdout
    assert "skipped: empty.txt" in done.stdout
    assert data.is_dir()


def test_the_demo_thinks_of_questions_about_files_it_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "The museum of clocks keeps a sundial that has run backwards since 1871.\n"
    )
    done = run("demo", str(tmp_path / "a.txt"))
    assert done.returncode == 0, done.stderr
    assert '"The museum of clocks keeps a sundial that has run"' in done.stdout
    assert "1. a.txt, line 1" in done.stdout


def test_the_demo_fails_where_nothing_could_be_cited(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0" * 50)
    done = run("demo", str(tmp_path))
    assert done.returncode == 1
    assert "0 cited passages" in done.stdout


def test_the_demo_names_a_path_that_does_not_exist(tmp_path: Path) -> None:
    done = run("demo", str(tmp_path / "absent"))
    assert done.returncode == 2
    assert "absent" in done.stderr
    assert len(done.stderr.splitlines()) == 1
