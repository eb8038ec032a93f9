from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from calypso_mcp.settings import Settings
from calypso_mcp.settings.loading import _KEYS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "calypso_mcp"
MODULES = sorted(PACKAGE.rglob("*.py"))
#: A module answers one question; what is longer is usually two.
MOST_LINES = 350
#: Paths through one function, as radon counts them (McCabe's measure); closures count in their function.
MOST_PATHS = 15
#: Whole words that mark unfinished work, paths of one machine, and words about how the work was organised.
FORBIDDEN = re.compile(
    r"\b(TODO|FIXME|XXX|NotImplementedError)\b|pytest\.skip\(|(?<![\w/.:~-])/(work|root|farm)/|issue #\d+"
)
#: Names of loop variables that say nothing, and words for which the style page has better ones.
NAMELESS = {"one", "thing", "stuff", "tmp"}
REPLACED = re.compile(
    r"\b(mend(s|ed|ing)?|whoever|nobody|in work|(take[sn]?|took) over|the time (is|was) up)\b", re.IGNORECASE
)
#: What a line of prose holds and one of a list of words does not.
PUNCTUATION = re.compile(r"[.,:;#\"]")
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _texts() -> Iterator[Path]:
    for folder in ("calypso_mcp", "tests", "examples"):
        yield from (
            path for path in sorted((ROOT / folder).rglob("*.py")) if "node_modules" not in path.parts
        )
    yield from sorted(ROOT.glob("*.md"))


def test_imports_point_down_only() -> None:
    # In a process of its own: the linter silences every logger that exists when it starts.
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    linter = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert linter.returncode == 0, linter.stdout + linter.stderr


def test_a_module_is_short_enough_to_answer_one_question() -> None:
    assert [_name(path) for path in MODULES if len(_read(path).splitlines()) > MOST_LINES] == []


def test_a_function_has_few_enough_paths_to_follow() -> None:
    radon: Any = importlib.import_module("radon.complexity")  # it comes without types
    found = [
        f"{_name(path)}:{block.lineno}: {block.fullname} ({block.complexity})"
        for path in MODULES
        for block in radon.cc_visit(_read(path))
        if block.letter != "C" and block.complexity > MOST_PATHS
    ]
    assert found == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [_name(path) for path in MODULES if path.stem in VAGUE or path.parent.name in VAGUE] == []


def test_nothing_is_left_unfinished_or_tied_to_one_machine() -> None:
    found = [
        f"{_name(path)}:{number}: {line.strip()}"
        for path in _texts()
        if path != Path(__file__)
        for number, line in enumerate(_read(path).splitlines(), start=1)
        if FORBIDDEN.search(line)
    ]
    assert found == []


def test_no_link_is_tracked() -> None:
    """A link leads elsewhere on every other machine; checking it out deletes what stood in its place."""
    installed = re.compile(r"^(\.git|\.venv\S*|\.nox)/|(^|/)node_modules/")
    links = [_name(path) for path in ROOT.rglob("*") if path.is_symlink()]
    assert [name for name in links if not installed.search(name)] == []


def test_every_type_variable_is_used() -> None:
    """Linters pass over what a module defines and never names again."""
    unused = [
        f"{_name(path)}: {variable}"
        for path in MODULES
        for variable in re.findall(r'^(\w+) = (?:TypeVar|ParamSpec)\("', _read(path), re.MULTILINE)
        if len(re.findall(rf"\b{variable}\b", _read(path))) == 2  # as a name, and as its text
    ]
    assert unused == []


def test_task_groups_are_opened_where_their_errors_are_taken_out() -> None:
    opened = [_name(path) for path in MODULES if "create_task_group" in _read(path)]
    assert opened == ["calypso_mcp/concurrency.py"]


def test_text_is_normalized_in_linear_time_only() -> None:
    pattern = re.compile(r"unicodedata\.normalize|from unicodedata import")
    named = [_name(path) for path in MODULES if pattern.search(_read(path))]
    assert named == ["calypso_mcp/domain/unicode_forms.py"]


def test_only_the_command_line_prints() -> None:
    found = [
        f"{_name(path)}:{node.lineno}"
        for path in MODULES
        if PACKAGE / "cli" not in path.parents
        for node in ast.walk(ast.parse(_read(path)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert found == []


def test_code_reads_every_setting() -> None:
    read = {
        node.attr
        for path in MODULES
        for node in ast.walk(ast.parse(_read(path)))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("settings")
    }
    # What a file holds is read as the setting that it stands for.
    files = {f"{name}_file" for name in _KEYS}
    assert set(Settings.model_fields) - files - read == set()


def _loop_variables(tree: ast.Module) -> Iterator[ast.Name | ast.arg]:
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            yield from (name for name in ast.walk(node.target) if isinstance(name, ast.Name))
        elif isinstance(node, ast.Lambda):
            yield from node.args.args


def test_a_loop_variable_is_named_after_what_it_holds() -> None:
    found = [
        f"{_name(path)}:{variable.lineno}"
        for path in _texts()
        if path.suffix == ".py"
        for variable in _loop_variables(ast.parse(_read(path)))
        if (variable.id if isinstance(variable, ast.Name) else variable.arg) in NAMELESS
    ]
    assert found == []


def test_no_text_uses_a_word_that_the_style_page_replaces() -> None:
    found = [
        f"{_name(path)}:{number}: {line.strip()}"
        for path in [*MODULES, *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        if path != ROOT / "docs" / "contributing" / "style.md"  # shows them beside the better words
        for number, line in enumerate(_read(path).splitlines(), start=1)
        if REPLACED.search(line) and PUNCTUATION.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"], ids=_name)
def test_a_package_that_exports_names_lists_them(path: Path) -> None:
    name = ".".join(path.parent.relative_to(ROOT).parts)
    package = importlib.import_module(name)
    tree = ast.parse(_read(path))
    imports = any(
        isinstance(node, ast.ImportFrom)
        and node.module != "__future__"
        and (node.module or "").startswith(name)
        for node in tree.body
    )
    assert imports <= hasattr(package, "__all__")
    for exported in getattr(package, "__all__", []):
        assert hasattr(package, exported)
