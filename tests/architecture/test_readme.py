from __future__ import annotations

import re
import shlex

import pytest

from calypso_mcp.cli.arguments import parse
from calypso_mcp.settings import knobs
from tests.architecture.readme_tables import README, with_tables

TEXT = README.read_text(encoding="utf-8")
ROOT = README.parent


def test_the_tables_follow_the_code() -> None:
    assert with_tables(TEXT) == TEXT, "run: python tests/architecture/readme_tables.py --write"


@pytest.mark.parametrize("command", ["demo", "tests"])
def test_what_a_newcomer_pastes_is_one_line_that_needs_only_python(command: str) -> None:
    block = re.search(rf"<!-- command: {command} -->\n```sh\n(.*?)```", TEXT, re.DOTALL)
    assert block
    [line] = block.group(1).splitlines()
    assert line.startswith("python3 -m venv .venv && .venv/bin/pip install -q ")


def test_every_flag_and_variable_the_readme_speaks_of_exists() -> None:
    variables = {knob.variable for knob in knobs().values()}
    assert set(re.findall(r"CALYPSO_[A-Z_]*[A-Z]", TEXT)) <= variables


def _commands() -> list[list[str]]:
    lines = re.findall(r"^(?:\.venv/bin/)?calypso-mcp [^|#\n]*", TEXT, re.MULTILINE)
    return [shlex.split(line)[1:] for line in lines if "..." not in line]


@pytest.mark.parametrize("arguments", _commands(), ids=" ".join)
def test_commands_shown_are_understood(arguments: list[str]) -> None:
    assert arguments
    parse(arguments)


#: Pages that point into the code.
PAGES = ("README.md", "CONTRIBUTING.md", "docs/contributing/architecture.md", "docs/contributing/style.md")
_PARTS = "cli|assembly|settings|server|client|local|api|domain"


@pytest.mark.parametrize("page", PAGES)
def test_files_and_modules_a_page_points_at_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    linked = {(ROOT / page).parent / path for path in re.findall(r"\]\((?!https?:)([^)#:]+)", text)}
    named = {
        ROOT / "calypso_mcp" / path.removeprefix("calypso_mcp/")
        for path in re.findall(rf"`((?:calypso_mcp/)?(?:{_PARTS})/[\w./]*)`", text)
    }
    named |= {ROOT / path for path in re.findall(r"`(tests/[\w./]*)`", text)}
    assert [str(path) for path in sorted(linked | named) if not path.exists()] == []
