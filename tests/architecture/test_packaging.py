from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

import calypso_mcp
from calypso_mcp.cli.arguments import parse
from calypso_mcp.settings import knobs, read_settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SERVER: dict[str, Any] = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
MANIFEST: dict[str, Any] = json.loads((ROOT / "manifest.json").read_text(encoding="utf-8"))
INPUT_FORMATS = {"string", "number", "boolean", "filepath"}


def test_there_is_one_version() -> None:
    versions = {
        PROJECT["version"],
        calypso_mcp.__version__,
        SERVER["version"],
        SERVER["packages"][0]["version"],
        MANIFEST["version"],
    }
    assert len(versions) == 1
    assert f"## {calypso_mcp.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_readme_proves_to_the_registry_whose_package_this_is() -> None:
    assert f"mcp-name: {SERVER['name']}\n" in README.replace(" -->", "\n")


def test_server_json_has_the_shape_of_its_schema() -> None:
    """Structure by the registry's schema of 2025-12-11, written out because tests run without a network."""
    assert SERVER["$schema"] == "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", SERVER["name"])
    assert 3 <= len(SERVER["name"]) <= 200
    assert 1 <= len(SERVER["description"]) <= 100
    assert 1 <= len(SERVER["title"]) <= 100
    assert SERVER.keys() <= {"$schema", "name", "title", "description", "version"} | {
        "websiteUrl",
        "repository",
        "packages",
    }
    assert SERVER["repository"].keys() == {"url", "source"}


@pytest.mark.parametrize("package", SERVER["packages"], ids=lambda package: package["registryType"])
def test_a_package_of_server_json_has_the_shape_of_its_schema(package: dict[str, Any]) -> None:
    assert {"registryType", "identifier", "version", "transport"} <= package.keys()
    assert package["transport"] == {"type": "stdio"}
    assert {argument["type"] for argument in package["packageArguments"]} == {"named"}
    for entry in (*package["packageArguments"], *package["environmentVariables"]):
        assert entry["name"]
        assert entry.get("format", "string") in INPUT_FORMATS
        assert isinstance(entry.get("default", ""), str)


def test_what_packages_ask_a_person_for_are_settings_with_the_same_meaning() -> None:
    variables = {knob.variable for knob in knobs().values()}
    flags = {knob.flag for knob in knobs().values()}
    [package] = SERVER["packages"]
    assert package["identifier"] == PROJECT["name"]
    assert {entry["name"] for entry in package["environmentVariables"]} <= variables
    assert {entry["name"] for entry in package["packageArguments"]} <= flags
    configuration = MANIFEST["server"]["mcp_config"]["env"]
    assert configuration.keys() <= variables
    values = [*configuration.values(), *MANIFEST["server"]["mcp_config"]["args"]]
    assert set(re.findall(r"\$\{user_config\.(\w+)\}", " ".join(values))) == MANIFEST["user_config"].keys()


def test_secrets_are_marked_as_such_wherever_a_client_asks_for_them() -> None:
    [key] = [v for v in SERVER["packages"][0]["environmentVariables"] if v["name"] == "CALYPSO_API_KEY"]
    assert key["isSecret"]
    assert MANIFEST["user_config"]["api_key"]["sensitive"]


def test_the_desktop_bundle_starts_the_package_itself() -> None:
    assert MANIFEST["manifest_version"] == "0.4"
    assert MANIFEST["server"]["type"] == "uv"
    assert (ROOT / MANIFEST["server"]["entry_point"]).is_file()


@pytest.mark.parametrize("folders", [[], ["one"], ["one", "two, with: a comma"]])
def test_the_desktop_bundle_starts_with_what_a_person_fills_in_and_with_nothing(
    folders: list[str], tmp_path: Path
) -> None:
    """As the bundle's own library expands: an array becomes words, a value left blank its default."""
    chosen = [tmp_path / folder for folder in folders]
    for folder in chosen:
        folder.mkdir()
    words: list[str] = []
    for word in MANIFEST["server"]["mcp_config"]["args"]:
        words += map(str, chosen) if word == "${user_config.folders}" else [word]
    environ = {
        name: str(MANIFEST["user_config"][re.sub(r"\$\{user_config\.|\}", "", value)]["default"]).lower()
        for name, value in MANIFEST["server"]["mcp_config"]["env"].items()
    }
    parsed = parse(words[words.index("calypso-mcp") + 1 :])
    reading = read_settings(parsed.flags, environ)
    assert reading.problems == ()
    assert reading.settings
    assert list(reading.settings.allow_paths) == chosen


def test_a_placeholder_that_the_host_left_names_itself_and_opens_nothing() -> None:
    arguments = MANIFEST["server"]["mcp_config"]["args"]
    reading = read_settings(parse(arguments[arguments.index("calypso-mcp") + 1 :]).flags, {})
    [problem] = reading.problems
    assert "${user_config.folders} is a placeholder" in problem.message


def test_the_icon_is_a_square_png() -> None:
    head = (ROOT / MANIFEST["icon"]).read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    assert head[16:20] == head[20:24] == (512).to_bytes(4, "big")


def test_every_dependency_has_a_lower_and_an_upper_bound() -> None:
    dependencies = [
        *PROJECT["dependencies"],
        *(d for extra in PROJECT["optional-dependencies"].values() for d in extra),
    ]
    unbounded = [entry for entry in dependencies if ">=" not in entry or ",<" not in entry]
    assert unbounded == []


@pytest.mark.skipif(shutil.which("mcpb") is None, reason="mcpb, the bundle's own tool, is not installed here")
def test_the_bundles_own_tool_finds_the_manifest_right() -> None:
    ended = subprocess.run(
        ["mcpb", "validate", str(ROOT / "manifest.json")], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_lock_file_pins_every_dependency_with_hashes_and_no_addresses() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = set(re.findall(r"^([a-z0-9][a-z0-9._-]*)==", text, re.MULTILINE))
    named = {re.split(r"[\[><=]", entry)[0].lower() for entry in PROJECT["dependencies"]}
    assert named <= pinned, "run: nox -s lock"
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", text)) >= len(pinned)
    assert "://" not in text


def test_the_bundle_starts_with_the_versions_that_are_locked_for_the_container() -> None:
    """`uv run --frozen` resolves nothing; after a change of the dependencies, run `uv lock`."""
    assert "--frozen" in MANIFEST["server"]["mcp_config"]["args"]
    locked = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    versions = {package["name"]: package.get("version") for package in locked}
    pinned = re.findall(r"^([\w.-]+)==([^ ;]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert pinned
    assert {name: versions.get(name) for name, _ in pinned} == dict(pinned)
    [own] = [package for package in locked if package["name"] == "calypso-mcp"]
    asked = {
        entry["name"] for entry in own["metadata"]["requires-dist"] if "extra" not in entry.get("marker", "")
    }
    assert asked == {re.split(r"[ ;<>=!\[]", dependency)[0].lower() for dependency in PROJECT["dependencies"]}
