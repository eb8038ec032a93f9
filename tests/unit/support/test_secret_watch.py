"""The watch over secrets fails a run that leaks, by whatever way, and only such a run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.secret_patterns import ONE_TIME_ADDRESS, Secrets

ROOT = Path(__file__).parents[3]
#: Put together here, so that this file and the source lines pytest shows hold no secret themselves.
SECRETS = {
    "API key": "sk_" + "canary_0123456789",
    "access token": "cmt_" + "support_" + "Ab-9" * 10,
    "upload address": "http://calypso.localhost/upload/" + "Zy_8" * 11,
    ONE_TIME_ADDRESS: "http://127.0.0.1:9/uploads/gAAAAA" + "x" * 90,
    "bearer credential": "Authorization: Bearer " + "Ab.9" * 10,
    "signed token": ".".join(("eyJ" + "h" * 20, "eyJ" + "b" * 20, "s" * 30)),
}
PRELUDE = """
import logging, secrets, subprocess, sys
import pytest
from mcp.client import Client
from mcp.server.mcpserver import MCPServer
from opentelemetry import trace
from tests.commands.processes import run
from tests.support.secret_watch import watched

SECRET = "sk_" + "canary_0123456789"
ADDRESS = "/uploads/gAAAAA" + "x" * 90

def serving():
    server = MCPServer("x")
    server.add_tool(lambda what="": SECRET if what == "key" else ADDRESS, name="upload_file")
    server.add_tool(lambda: ADDRESS, name="other")
    return Client(server)
"""
LEAKING = {
    "a_quiet_logger": 'def {}(): logging.getLogger("a.b").debug("using %s", SECRET)',
    "an_exception": """
def {}():
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.getLogger("c").debug("failed", exc_info=True)
""",
    "structured_fields": 'def {}(): logging.getLogger("d").info("done", extra={{"fields": {{"k": SECRET}}}})',
    "standard_output": "def {}(): print(SECRET)",
    "standard_error": "def {}(): print(SECRET, file=sys.stderr)",
    "a_child": """
def {}():
    subprocess.run([sys.executable, "-c", f"import sys; sys.stderr.write('{{SECRET}}')"], capture_output=True)
""",
    "a_command": 'def {}(tmp_path): run("read", SECRET, "--data-dir", str(tmp_path))',
    "a_span": "def {}(): trace.get_tracer('x').start_span('upload').set_attribute('key', SECRET)",
    "a_current_span": """
def {}():
    with trace.get_tracer('x').start_as_current_span('upload'):
        trace.get_current_span().set_attributes({{'key': SECRET}})
""",
    "a_rig": 'def {}(): watched("log of a server", SECRET)',
    "a_random_secret": 'def {}(): print("key is", secrets.token_urlsafe(32))',
    "a_tool_result": """
async def {}():
    async with serving() as client:
        await client.call_tool("upload_file", {{"what": "key"}})
""",
    "an_address_shown_by_another_tool": """
async def {}():
    async with serving() as client:
        await client.call_tool("other")
""",
    "an_address_shown_though_there_is_a_source": """
async def {}():
    async with serving() as client:
        await client.call_tool("upload_file", {{"text": "x"}})
""",
}
CLEAN = """
async def test_an_address_that_was_asked_for():
    async with serving() as client:
        await client.call_tool("upload_file", {"filename": "x"})

def test_ids_and_words():
    logging.getLogger("x").info("task_id upload_" + secrets.token_urlsafe(16) + " GET /v1/upload-session")
    print("sk_... cmt_... Bearer <token>")
"""


def run(folder: Path, tests: str, *flags: str) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n", encoding="utf-8")
    (folder / "test_it.py").write_text(PRELUDE + tests, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "tests.support.secret_watch", "-p", "no:schemathesis"]
    return subprocess.run(
        [*command, "-c", "pytest.ini", "--rootdir", str(folder), *flags, str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_that_leaks_fails_and_names_every_test_that_did(tmp_path: Path, workers: int) -> None:
    names = {way: f"test_{way}" for way in LEAKING}
    tests = "\n".join(body.format(names[way]) for way, body in LEAKING.items())
    done = run(tmp_path, tests, f"--numprocesses={workers}")
    assert done.returncode == 1, done.stdout
    assert f"{len(LEAKING)} passed" in done.stdout
    _, _, told = done.stdout.partition("secrets where none may be")
    assert [way for way, name in names.items() if f"::{name}: " not in told] == []
    assert "sk_canary" not in done.stdout


def test_a_run_that_leaks_nothing_passes(tmp_path: Path) -> None:
    done = run(tmp_path, CLEAN)
    assert done.returncode == 0, done.stdout
    assert "secrets" not in done.stdout


@pytest.mark.parametrize("kind", SECRETS)
def test_every_form_of_secret_is_found_in_text_and_json_and_not_repeated(kind: str) -> None:
    for text in (f"x {SECRETS[kind]} y", f'{{"k":"{SECRETS[kind]}"}}', repr({"k": SECRETS[kind]})):
        kinds = {found.kind for found in Secrets().find(text)}
        assert kind in kinds
        assert not any(
            Secrets().find(found.excerpt) or SECRETS[kind][-20:] in found.excerpt
            for found in Secrets().find(text)
        )


def test_what_is_allowed_is_only_the_named_kind() -> None:
    text = SECRETS[ONE_TIME_ADDRESS] + " " + SECRETS["API key"]
    found = Secrets().find(text, allowed=frozenset({ONE_TIME_ADDRESS}))
    assert [entry.kind for entry in found] == ["API key"]
