"""Every block of the README and the docs is what it says it is; `tests/commands/test_docs.py` runs some."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from calypso_mcp.assembly.http import PAGE_PATH
from calypso_mcp.cli.arguments import parse
from calypso_mcp.local.app import OPERATIONS
from calypso_mcp.server.access.access_file.access_file import _Agent, load
from calypso_mcp.server.access.gate import LIVENESS_PATH
from calypso_mcp.server.access.oauth.protected_resource import MCP_PATH
from calypso_mcp.server.calls.tool_list import listed_tools
from calypso_mcp.server.results.hits import Hit
from calypso_mcp.server.results.models import ToolResult
from calypso_mcp.server.transport import upload_route
from calypso_mcp.server.transport.status_routes import METRICS_PATH, READINESS_PATH
from calypso_mcp.settings import knobs
from tests.architecture.error_codes import find_error_codes
from tests.architecture.readme_tables import PAGES as GENERATED, with_tables
from tests.support.doc_blocks import PAGES, ROOT, Block, list_blocks, list_commands

BLOCKS = [block for page in PAGES for block in list_blocks(page)]
#: Languages of blocks that somebody pastes; `text` and none are for reading.
READ_ONLY = {"text", ""}
#: Pages whose names belong to other programs or to Python.
SPEAKS_OF_OTHERS = {"examples", "performance", "python"}
_FENCED = re.compile(r"```.*?```", re.DOTALL)
#: A path of ours, with its method or without: as code that is no file's path, or at an address of ours.
_PATH = re.compile(
    r"(?:`|https?://(?:127\.0\.0\.1:\d+|mcp\.example\.com)(?=/))((?:[A-Z]{3,6} )?)"
    r"(/(?!(?:etc|opt|srv)/)[a-z][\w/.:{}-]*)(?=[`?\"\s])"
)
#: Where the clients keep their servers.
_SERVER_KEYS = ("mcpServers", "servers", "context_servers", "mcp", "mcp_servers", "extensions")


def blocks(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


def test_every_block_has_a_language_that_is_checked() -> None:
    checked = {"sh", "json", "toml", "yaml", "python"} | READ_ONLY
    assert [str(block) for block in BLOCKS if block.language not in checked] == []


@pytest.mark.parametrize("page", GENERATED, ids=lambda page: page.stem)
def test_generated_tables_follow_the_code(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert with_tables(text) == text, "run: python tests/architecture/readme_tables.py --write"


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed here")
def test_shell_lines_are_shell() -> None:
    script = "\n".join(block.text for block in blocks("sh"))
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_commands_shown_are_understood(block: Block) -> None:
    for arguments in list_commands(block.text):
        if arguments not in (["--version"], ["--help"]):
            parse(arguments)


def test_the_commands_in_blocks_are_found() -> None:
    script = (
        "A=1 v/bin/calypso-mcp doctor > x && calypso-mcp list # calypso-mcp\nuvx calypso-mcp --bucket \\\n b"
    )
    assert list(list_commands(script)) == [["doctor"], ["list"], ["--bucket", "b"]]


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_is_python(block: Block) -> None:
    compile(block.text, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("block", blocks("json", "yaml", "toml"), ids=str)
def test_configurations_start_this_package_or_name_its_callers(block: Block, tmp_path: Path) -> None:
    if block.language == "toml":
        content = tomllib.loads(block.text)
    else:
        content = json.loads(block.text) if block.language == "json" else yaml.safe_load(block.text)
    if "agents" in content:
        path = tmp_path / "access.toml"
        path.write_text(re.sub(r"sha256:…", f"sha256:{'0' * 64}", block.text), encoding="utf-8")
        path.chmod(0o600)
        load(path, {"SUPPORT_CALYPSO_KEY": "sk_example"})
        return
    [key] = [key for key in _SERVER_KEYS if key in content]
    servers = content[key]
    server: dict[str, Any] = servers[0] if isinstance(servers, list) else servers["calypso"]
    command: Any = server.get("command", server.get("cmd"))
    words: list[str] = command if isinstance(command, list) else [command, *server["args"]]
    own = words[1:] if words[0] == "uvx" else words
    assert Path(own[0]).name == "calypso-mcp"
    parse(own[1:])


def test_every_variable_and_flag_spoken_of_exists() -> None:
    texts = {page: page.read_text(encoding="utf-8") for page in PAGES}
    variables = {knob.variable for knob in knobs().values()} | {"CALYPSO_TOKEN"}
    unknown = {
        (page.name, name)
        for page, text in texts.items()
        for name in re.findall(r"\bCALYPSO_[A-Z_]*[A-Z]\b", text)
        if name not in variables
    }
    assert unknown == set()


def test_every_path_spoken_of_is_served() -> None:
    served = {MCP_PATH, LIVENESS_PATH, READINESS_PATH, METRICS_PATH, upload_route.UPLOADS_PREFIX, "/v1"}
    served |= {PAGE_PATH, PAGE_PATH.rstrip("/")}
    for operation in OPERATIONS:
        served |= {operation.path, f"{operation.method} {operation.path}"}
    spoken_of = {
        (page.name, f"{method}{path.removeprefix('/v1') or path}")
        for page in PAGES
        for method, path in _PATH.findall(page.read_text(encoding="utf-8"))
    }
    assert len(spoken_of) > 10
    assert {(page, path) for page, path in spoken_of if path not in served} == set()


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/contributing/architecture.md"])
def test_code_spoken_of_to_contributors_exists(page: str) -> None:
    sources = {
        path.as_posix(): set(
            re.findall(r"^(?:def |class )?(\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        )
        for folder in ("calypso_mcp", "tests")
        for path in (ROOT / folder).rglob("*.py")
    }
    defined = set[str]().union(*sources.values())
    for section in _FENCED.sub("", (ROOT / page).read_text(encoding="utf-8")).split("\n### "):
        spans = re.findall(r"`([^`\n]+)`", section)
        files = {span for span in spans if re.fullmatch(r"[\w/]+\.py", span)}
        named = {
            path: names
            for path, names in sources.items()
            if path.endswith(tuple(f"/{file}" for file in files))
        }
        assert [file for file in files if not any(path.endswith(f"/{file}") for path in named)] == []
        # A private name belongs to a module that its section names.
        private = {found[1] for span in spans if (found := re.fullmatch(r"(_[a-z]\w*)(?:\(.*\))?", span))}
        assert private <= set[str]().union(*named.values())
        assert {span for span in spans if re.fullmatch(r"[A-Z][a-z]+[A-Z]\w*", span)} <= defined


def list_result_facts(kind: type[ToolResult] = ToolResult) -> set[str]:
    return set(kind.model_fields).union(*map(list_result_facts, kind.__subclasses__()))


def test_every_argument_and_fact_of_a_tool_spoken_of_exists() -> None:
    tools = listed_tools(reads_files=True)
    known = find_error_codes() | list_result_facts() | set(_Agent.model_fields)
    known |= set(tools).union(*(tool.input_schema["properties"] for tool in tools.values()))
    unknown = {
        (page.name, name)
        for page in sorted((ROOT / "docs").glob("*.md"))
        if page.stem not in SPEAKS_OF_OTHERS
        for code in re.findall("`([^`]+)`", _FENCED.sub("", page.read_text(encoding="utf-8")))
        for name in re.findall(r"(?<![\w./-])[a-z]+(?:_[a-z]+)+(?![\w/.-])", code)
        if name not in known
    }
    assert unknown == set()


def test_what_a_hit_says_is_described() -> None:
    text = (ROOT / "docs/searching.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`\w+`,? ?)+) \|", text, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"\w+", row)} == set(Hit.model_fields)


def test_every_error_code_is_explained_and_none_that_does_not_exist() -> None:
    text = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", text, re.MULTILINE)
    explained = [code for code, _, _ in rows]
    assert sorted(explained) == sorted(find_error_codes())


def test_what_agents_are_told_about_errors_is_in_the_docs() -> None:
    guide = (ROOT / "calypso_mcp/server/guides/errors.md").read_text(encoding="utf-8")
    told = {
        code for row in re.findall(r"^\| (`.+?`) \|", guide, re.MULTILINE) for code in re.findall(r"\w+", row)
    }
    assert told
    assert told <= find_error_codes()


def test_every_page_is_in_the_navigation_once() -> None:
    site: dict[str, Any] = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
    listed = [page for section in site["project"]["nav"] for pages in section.values() for page in pages]
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")]
    assert sorted(listed) == sorted(pages)
