"""`.ci/run`, the workflows, `nox` and the pages name the same checks."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PARTS = {
    node.name: node
    for node in ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef) and node.decorator_list
}
#: What `.ci/run` calls, without the folder of its environment.
CI_RUN = re.sub(r'"[^"\s]*bin/([^"]+)"', r"\1", (ROOT / ".ci/run").read_text(encoding="utf-8"))
WORKFLOW = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")


def commands_of(part: str) -> list[str]:
    """Return the commands of a session as far as they are the same at every call."""
    calls = (node for node in ast.walk(PARTS[part]) if isinstance(node, ast.Call))
    return [
        " ".join(str(word.value) for word in call.args if isinstance(word, ast.Constant))
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "run"
    ]


@pytest.mark.parametrize("part", ["lint", "types", "layers", "docs"])
def test_ci_runs_what_nox_runs(part: str) -> None:
    assert commands_of(part)
    assert [command for command in commands_of(part) if command not in CI_RUN] == []


def test_coverage_has_a_floor_that_the_workflow_holds() -> None:
    assert commands_of("coverage")[-1] == "coverage report --skip-covered --sort=cover"
    assert [step["run"] for step in yaml.safe_load(WORKFLOW)["jobs"]["coverage"]["steps"] if "run" in step][
        -1
    ] == "nox -s coverage"


def test_every_version_of_python_is_tested_everywhere() -> None:
    versions = yaml.safe_load(WORKFLOW)["jobs"]["tests"]["strategy"]["matrix"]["python"]
    assert versions[0] == "3.11"
    assert f"for version in {' '.join(versions[1:])}; do" in CI_RUN
    assert f"PYTHONS = {versions}".replace("'", '"') in (ROOT / "noxfile.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [".github/workflows/ci.yml", "CONTRIBUTING.md"])
def test_parts_of_nox_that_are_named_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"nox -s (\w+)", text)
    assert named
    assert set(named) <= set(PARTS)
