"""The commands of the docs, run as a reader runs them: page by page, from the top, in an empty folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.doc_blocks import PAGES, ROOT, Block, list_blocks
from tests.support.live_backend import API_KEY, options_for, serving

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


@dataclass(frozen=True)
class Reader:
    """Somebody with a clean home folder who copies what a page shows into a shell."""

    home: Path
    folder: Path
    environ: dict[str, str]

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    home = tmp_path / "home"
    folder = home / "work"
    folder.mkdir(parents=True)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("CALYPSO_", "XDG_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return Reader(home, folder, {**environ, "HOME": str(home), "PATH": path})


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_commands_of_a_page_do_what_it_says(page: Path, reader: Reader) -> None:
    blocks = list_blocks(page)
    for position, block in enumerate(blocks):
        if not block.is_run:
            continue
        assert block.language == "sh"
        done = reader.run(block.text)
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        promised = expected_output(blocks, position)
        assert promised is None or is_like(done.stdout, promised), f"{block}\n{done.stdout}"
    if (reader.folder / "data").is_dir():
        kept = {entry.name for entry in (reader.folder / "data").iterdir()}
        assert {name for name in kept if name not in page.read_text(encoding="utf-8")} == set()


def test_moving_to_the_hosted_calypso_goes_as_its_page_says(reader: Reader, tmp_path: Path) -> None:
    """Another embedded Calypso on a port stands in for the hosted one."""
    key = reader.home / ".config" / "calypso.key"
    key.parent.mkdir()
    key.write_text(API_KEY, encoding="utf-8")
    key.chmod(0o600)
    handbook = reader.home / "Documents" / "handbook"
    handbook.mkdir(parents=True)
    (handbook / "refunds.md").write_text("# Refunds\n\nAn order may be returned within 45 days.\n")
    with serving(options_for(tmp_path / "hosted")) as origin:
        reader.environ["CALYPSO_API_BASE_URL"] = f"{origin}/v1"
        made = reader.run("calypso-mcp upload ~/Documents/handbook --bucket handbook --create-bucket --wait")
        assert made.returncode == 0, made.stderr
        for block in list_blocks(ROOT / "docs" / "hosted.md"):
            done = reader.run(block.text.replace("install cursor", "install cursor --yes"))
            assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        found = reader.run("calypso-mcp search 'return an order' --api-key-file ~/.config/calypso.key")
    assert "1. refunds.md" in found.stdout
