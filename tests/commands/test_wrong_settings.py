"""With a wrong setting the server over stdio starts all the same, and every call says what is wrong."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from calypso_mcp.server.registry import TOOLS
from tests.commands.processes import LIMIT_S, run, running
from tests.commands.test_serving import INITIALIZE, INITIALIZED

WRONG: dict[str, tuple[list[str], dict[str, str], list[str]]] = {
    "placeholder in a flag": (
        ["--allow-path", "${workspaceFolder}"],
        {},
        ["flag --allow-path", "${workspaceFolder}", "placeholder"],
    ),
    "placeholder in a variable": (
        [],
        {"CALYPSO_API_KEY": "${CALYPSO_API_KEY}"},
        ["variable CALYPSO_API_KEY", "placeholder"],
    ),
    "empty limit": (["--bucket", ""], {}, ["flag --bucket", "is empty"]),
    "empty limit in a variable": ([], {"CALYPSO_BUCKETS": ","}, ["variable CALYPSO_BUCKETS", "is empty"]),
    "not a folder": (["--allow-path", "/no/such"], {}, ["flag --allow-path", "is not a folder"]),
    "no key": (["--backend", "hosted"], {}, ["CALYPSO_API_KEY"]),
    "unknown tool": ([], {"CALYPSO_TOOLS": "fly"}, ["'fly'", "CALYPSO_TOOLS"]),
    "no tool left": (["--read-only", "--tools", "upload_file"], {}, ["No tool is left", "--read-only"]),
    "unknown flag": (["--alow-path", "x"], {}, ["--alow-path", "--allow-path"]),
    "key as a flag": (["--api-key", "sk-live-4711"], {}, ["--api-key", "CALYPSO_API_KEY"]),
    "flag of another command": (["--port", "8000"], {}, ["--port"]),
    "flag without a value": (["--bucket"], {}, ["--bucket needs a value"]),
}


def _answers(process: subprocess.Popen[str], messages: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    assert process.stdin
    assert process.stdout
    for message in messages:
        process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()
    found: dict[int, dict[str, Any]] = {}
    while len(found) < sum("id" in message for message in messages):
        answer = json.loads(process.stdout.readline())
        found[answer["id"]] = answer
    return found


def _request(number: int, method: str, **params: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


@pytest.mark.parametrize("wrong", WRONG)
def test_every_call_says_what_is_wrong_where_it_came_from_and_what_to_do(
    wrong: str, clean_environment: Path
) -> None:
    flags, environ, words = WRONG[wrong]
    calls = [
        _request(10 + number, "tools/call", name=spec.name, arguments={}) for number, spec in enumerate(TOOLS)
    ]
    with running(*flags, environ=environ) as process:
        answers = _answers(process, [INITIALIZE, INITIALIZED, _request(2, "tools/list"), *calls])
        _, log = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 2
    assert {tool["name"] for tool in answers[2]["result"]["tools"]} == {spec.name for spec in TOOLS}
    results = [answers[call["id"]]["result"] for call in calls]
    told = [answers[1]["result"]["instructions"], log, *(result["content"][0]["text"] for result in results)]
    for text in told:
        assert [word for word in words if word not in text] == []
        assert "sk-live" not in text
    for result in results:
        error = result["structuredContent"]["error"]
        assert (result["isError"], error["code"]) == (True, "invalid_configuration")
        assert "restart the server" in error["next_step"]
    assert len(log.splitlines()) == 1
    assert list(clean_environment.iterdir()) == []


def test_resources_say_it_too() -> None:
    with running("--bucket", "") as process:
        read = _request(2, "resources/read", uri="calypso://agents")
        answer = _answers(process, [INITIALIZE, INITIALIZED, read])[2]
    assert "flag --bucket (CALYPSO_BUCKETS): is empty" in answer["error"]["message"]


@pytest.mark.parametrize("wrong", [name for name in WRONG if name != "flag of another command"])
def test_over_http_the_same_ends_the_program(wrong: str) -> None:
    flags, environ, words = WRONG[wrong]
    done = run("http", "--port", "0", *flags, environ=environ)
    assert done.returncode == 2
    assert done.stdout == ""
    complaint = done.stderr.splitlines()[0]
    for word in words:
        assert word in complaint
    assert "sk-live" not in done.stderr
