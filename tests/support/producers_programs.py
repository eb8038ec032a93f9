"""The sentences of `producers` by programs that few machines have; nothing of those that are missing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from tests.support.producers import SECTIONS, SENTENCES, SOUGHT, Made

_SCRIPTS = Path(__file__).with_name("programs")
_ROW = ("row", SOUGHT + 2)
_SLIDE = ("slide", SOUGHT + 1)
_PAIRS = tuple(zip(SECTIONS, SENTENCES, strict=True))
_TEXT = "\n\n".join(f"{title}\n{sentence}" for title, sentence in _PAIRS) + "\n"
_JARS = tuple(
    Path("/usr/share/java", f"{name}.jar")
    for name in ("poi", "poi-scratchpad", "commons-codec", "commons-collections4", "commons-math3")
)
_LIBRARIES = (
    *("PyRTF", "rtflite", "odpslides", "independentsoft", "spire", "asposeslides"),
    *("aspose.words", "pyxlsbwriter", "formulon"),
)
#: By ending: where the sought sentence stands.
_PLACES: Mapping[str, tuple[str, int] | str | None] = {
    **dict.fromkeys(("xls", "xlsx", "xlsb", "csv", "ods"), _ROW),
    **dict.fromkeys(("pptx", "odp"), _SLIDE),
    # A mail's subject is its heading; of the old presentations no slide numbers are known.
    **dict.fromkeys(("eml", "msg", "doc", "odt"), SECTIONS[SOUGHT]),
}


def made_by_perl(folder: Path) -> Iterator[Made]:
    """Yield what Perl's libraries write."""
    if shutil.which("perl"):
        words = json.dumps({"sections": SECTIONS, "sentences": SENTENCES})
        _run(["perl", str(_SCRIPTS / "make_files.pl"), str(folder), words])
    yield from _in(folder)


def made_by_poi(folder: Path) -> Iterator[Made]:
    """Yield what Apache POI writes."""
    if _has_poi():
        path = os.pathsep.join(map(str, _JARS))
        script = str(_SCRIPTS / "MakeFiles.java")
        _run(["java", "-Djava.awt.headless=true", "-cp", path, script, str(folder), *SECTIONS, *SENTENCES])
    yield from _in(folder)


def _has_poi() -> bool:
    return shutil.which("javac") is not None and all(jar.is_file() for jar in _JARS)


def made_by_mail_programs(folder: Path) -> Iterator[Made]:
    """Yield what mutt and s-nail hand over for sending, and git's letters."""
    sender = folder / "send"
    sender.write_text('#!/bin/sh\ncat > "$MAIL_TARGET"\n')
    sender.chmod(0o700)
    subject, receiver = SECTIONS[SOUGHT], "b@example.com"
    settings = f'set sendmail="{sender}"; set from=a@example.com; set send_charset=utf-8; unset record'
    commands = {
        "mutt": ["-n", "-e", settings, "-s", subject, "--", receiver],
        "s-nail": [
            *("-n", "-S", "sendwait", "-S", f"mta={sender}", "-S", "from=a@example.com"),
            *("-S", "ttycharset=utf-8", "-s", subject, receiver),
        ],
    }
    for program, options in commands.items():
        if shutil.which(program):
            _run([program, *options], MAIL_TARGET=str(folder / f"{program}.eml"), HOME=str(folder))
    if shutil.which("git"):
        repository = ["git", "-C", str(folder / "repository")]
        (folder / "repository").mkdir()
        identity = {
            f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        _run([*repository, "init", "-q"])
        _run([*repository, "commit", "-q", "--allow-empty", "-m", f"{subject}\n\n{_TEXT}"], **identity)
        letter = _run([*repository, "format-patch", "--always", "--root", "--stdout"])
        (folder / "git.eml").write_bytes(letter)
    yield from _in(folder)


def made_by_sqlite(folder: Path) -> Iterator[Made]:
    """Yield what SQLite's shell exports."""
    if shutil.which("sqlite3"):
        rows = ", ".join(
            "('" + "', '".join(text.replace("'", "''") for text in pair) + "')" for pair in _PAIRS
        )
        query = f"create table rules(section, rule); insert into rules values {rows}; select * from rules;"
        (folder / "SQLite.csv").write_bytes(_run(["sqlite3", "-csv", "-header", ":memory:", query]))
    yield from _in(folder)


def made_by_python_programs(folder: Path) -> Iterator[Made]:
    """Yield what libraries write that are no dependencies of the tests; each in a process of its own."""
    words = json.dumps({"sections": SECTIONS, "sentences": SENTENCES})
    for library in _LIBRARIES:
        script = [sys.executable, str(_SCRIPTS / "make_files.py"), library, str(folder), words]
        subprocess.run(script, check=False, capture_output=True, timeout=120)
    yield from _in(folder)


#: By what a skipped test says: what yields the files, and whether anything of it is installed.
PROGRAMS: Mapping[str, tuple[Callable[[Path], Iterator[Made]], bool]] = {
    "libraries of Perl": (made_by_perl, shutil.which("perl") is not None),
    "Apache POI": (made_by_poi, _has_poi()),
    "mutt, s-nail or git": (made_by_mail_programs, any(map(shutil.which, ("mutt", "s-nail", "git")))),
    "sqlite3": (made_by_sqlite, shutil.which("sqlite3") is not None),
    "further libraries of Python": (made_by_python_programs, any(map(find_spec, _LIBRARIES))),
}


def _run(command: list[str], **environ: str) -> bytes:
    return subprocess.run(
        command,
        input=_TEXT.encode(),
        env={**os.environ, "LC_ALL": "C.UTF-8", **environ},
        check=True,
        capture_output=True,
        timeout=120,
    ).stdout


def _in(folder: Path) -> Iterator[Made]:
    for path in sorted(folder.glob("*.*")):
        ending = path.suffix[1:]
        yield Made(path.name, path.read_bytes(), _PLACES.get(ending))
