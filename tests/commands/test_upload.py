from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.processes import run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "handbook"
    (folder / "chapters").mkdir(parents=True)
    for number in range(3):
        (folder / "chapters" / f"{number}.md").write_text(f"# Chapter {number}\n\nRule {number} applies.\n")
    (folder / ".env").write_text("TOKEN=1")
    return folder


def test_a_folder_is_tried_then_uploaded_then_replayed(folder: Path) -> None:
    tried = run("upload", str(folder), "--bucket", "handbook", "--create-bucket", "--dry-run")
    assert tried.returncode == 0, tried.stderr
    assert re.search(r"would_send +3  would be uploaded, unless", tried.stdout)

    sent = run("upload", str(folder), "--bucket", "handbook", "--create-bucket", "--wait")
    assert sent.returncode == 0, sent.stderr
    assert re.search(r"accepted +3  uploaded", sent.stdout)
    assert "  new bucket: handbook (searched by calypso-agent)" in sent.stdout
    assert "(names like this usually hold secrets): .env" in sent.stdout
    assert "Uploading done" in sent.stderr

    again = run("upload", str(folder), "--bucket", "handbook", "--wait")
    assert again.returncode == 0, again.stderr
    assert re.search(r"replayed +3  already there", again.stdout)


def test_a_dry_run_makes_no_bucket(folder: Path) -> None:
    run("upload", str(folder), "--bucket", "handbook", "--create-bucket", "--dry-run")
    missing = run("upload", str(folder), "--bucket", "handbook")
    assert missing.returncode == 1
    assert missing.stderr.splitlines()[-1] == (
        "calypso-mcp: There is no bucket 'handbook'. Add --create-bucket to create it."
    )


def test_a_file_that_cannot_be_sent_makes_the_job_fail_and_is_named(folder: Path) -> None:
    (folder / "empty.md").write_text("")
    (folder / "token.md").write_text("glpat-a1B2c3D4e5F6g7H8i9J0")
    sent = [str(folder / name) for name in ("empty.md", "token.md", ".env", "chapters/0.md")]
    done = run("upload", *sent, "--bucket", "b", "--create-bucket")
    assert done.returncode == 1
    assert re.search(r"accepted +1 ", done.stdout)
    assert re.search(r"rejected: .*empty\.md: ", done.stdout)
    # What to do is said to a person who can set the flag.
    assert "flag --no-scan-secrets" in done.stdout
    assert "flag --allow-secret-names" in done.stdout
    assert "operator" not in done.stdout


def test_a_folder_without_files_is_no_failure_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run("upload", str(tmp_path / "empty"), "--bucket", "b", "--create-bucket", "--wait")
    assert (done.returncode, done.stdout) == (0, "  There is no file to upload.\n")


def test_a_name_that_the_output_cannot_show_is_shown_as_far_as_it_can(folder: Path) -> None:
    (folder / "grün.md").touch()
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    done = run("upload", str(folder), "--bucket", "b", "--create-bucket", environ=ascii_only)
    assert done.returncode == 0, done.stderr
    assert "(has no content): gr\\xfcn.md" in done.stdout


def test_globs_choose_what_is_sent(folder: Path) -> None:
    done = run("upload", str(folder), "--bucket", "b", "--create-bucket", "--include", "1.md", "--dry-run")
    assert re.search(r"would_send +1 ", done.stdout)


def test_a_wrong_setting_of_the_server_ends_the_upload_with_its_line(folder: Path) -> None:
    done = run("upload", str(folder), "--bucket", "b", environ={"CALYPSO_TOOLS": "fly"})
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "There is no tool 'fly'" in line


def test_what_a_tool_refuses_is_one_line_without_its_code(folder: Path) -> None:
    done = run("upload", str(folder), "--bucket", "b", environ={"CALYPSO_READ_ONLY": "true"})
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("calypso-mcp: There is no tool 'upload_batch' here.")
    assert "Code:" not in done.stderr


def test_an_upload_starts_no_other_process(folder: Path) -> None:
    """A child would be given the name of this folder as an argument, for every user of the machine to see."""
    probe = (
        "import sys; started = [];"
        "sys.addaudithook(lambda event, _: started.append(event) if event in "
        "('subprocess.Popen', 'os.posix_spawn', 'os.fork', 'os.forkpty', 'os.exec') else None);"
        "from calypso_mcp.cli import main;"
        "code = main(sys.argv[1:]); print('started', started); sys.exit(code)"
    )
    command = [
        sys.executable,
        "-c",
        probe,
        "upload",
        str(folder),
        "--bucket",
        "b",
        "--create-bucket",
        "--dry-run",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "started []" in done.stdout


def test_a_path_with_nothing_at_it_fails_alone(folder: Path) -> None:
    good = str(folder / "chapters" / "0.md")
    through_a_file = str(folder / "chapters" / "0.md" / "x")
    done = run("upload", good, str(folder / "none"), through_a_file, "--bucket", "b", "--create-bucket")
    assert done.returncode == 1
    assert re.search(r"accepted +1 ", done.stdout)
    assert re.search(r"failed +2 ", done.stdout)
    nothing = run("upload", str(folder / "none"), "--bucket", "b", "--create-bucket")
    assert (nothing.returncode, "There is no file or folder at" in nothing.stderr) == (2, True)
