"""The commands of the docs, run as a reader runs them: page by page, from the top, in an empty folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.doc_blocks import PAGES, ROOT, Block, list_blocks

#: Seconds after which a block that hangs is killed.
LIMIT_S = 120
RUN = [page for page in PAGES if any(block.is_run for block in list_blocks(page))]
pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed here")


def expected_output(blocks: list[Block], position: int) -> str | None:
    """Return the output that a page promises below a block, if it does."""
    follower = blocks[position + 1] if position + 1 < len(blocks) else None
    return follower.text if follower and follower.language == "text" else None


def is_like(output: str, expected: str) -> bool:
    """Whether an output is the expected one, in which `…` stands for anything."""
    pattern = re.escape(expected.strip("\n")).replace("…", "(?s:.*?)")
    return (
        re.fullmatch(pattern, "\n".join(line.rstrip() for line in output.strip("\n").splitlines()))
        is not None
    )


def test_a_promise_is_compared_word_for_word() -> None:
    assert is_like("a 2026-11-28 b\n\n", "a … b\n")
    assert not is_like("a b c", "a … d")
    assert not is_like("a\nb", "a")


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_commands_of_a_page_do_what_it_says(page: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    folder = home / "work"
    folder.mkdir(parents=True)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("CALYPSO_", "XDG_"))}
    environ |= {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    blocks = list_blocks(page)
    for position, block in enumerate(blocks):
        if not block.is_run:
            continue
        assert block.language == "sh"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.text],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        promised = expected_output(blocks, position)
        assert promised is None or is_like(done.stdout, promised), f"{block}\n{done.stdout}"
    if (folder / "data").is_dir():
        kept = {entry.name for entry in (folder / "data").iterdir()}
        assert {name for name in kept if name not in page.read_text(encoding="utf-8")} == set()
