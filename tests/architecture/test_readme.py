from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.doc_blocks import PAGES, ROOT

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["demo", "tests"])
def test_what_a_newcomer_pastes_is_one_line_that_needs_only_python(command: str) -> None:
    block = re.search(rf"<!-- command: {command} -->\n```sh\n(.*?)```", TEXT, re.DOTALL)
    assert block
    [line] = block.group(1).splitlines()
    assert line.startswith("python3 -m venv .venv && .venv/bin/pip install -q ")


_PARTS = "cli|assembly|settings|server|client|local|api|domain"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_files_and_modules_a_page_points_at_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    linked = {page.parent / path for path in re.findall(r"\]\((?!https?:)([^)#:]+)", text)}
    named = {
        ROOT / "calypso_mcp" / path.removeprefix("calypso_mcp/")
        for path in re.findall(rf"`((?:calypso_mcp/)?(?:{_PARTS})/[\w./]*)`", text)
    }
    named |= {ROOT / path for path in re.findall(r"`(tests/[\w./]*)`", text)}
    assert [str(path) for path in sorted(linked | named) if not path.exists()] == []
