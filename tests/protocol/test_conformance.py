"""The conformance suite of the MCP project, against real processes over HTTP, in both protocol eras.

Runs where tests/node is installed (`npm install --prefix tests/node`, Node 22 or later). The scenarios about
logging in are for clients and for authorization servers; what the suite has for servers is run without
a login and behind one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import anyio
import httpx2
import pytest

from tests.commands.processes import ROOT, running
from tests.support.login_proxy import LoginProxy
from tests.support.node import ENVIRON, find_program, why_no_node
from tests.support.secret_watch import watched
from tests.support.served_app import serving
from tests.support.team_server import team_server

CONFORMANCE = find_program("conformance")
REVISIONS = ("2026-07-28", "2025-11-25")
#: A whole revision takes about 10 s on a quiet machine, in seconds.
LIMIT_S = 300


WHY_NOT = why_no_node("conformance")
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))

#: Scenarios about what this server does not have, and why it has not.
WITHOUT = {
    # Without sessions a client's answer to a request from the server would have nowhere to go.
    "tools-call-sampling",
    "tools-call-elicitation",
    "elicitation-sep1034-defaults",
    "elicitation-sep1330-enums",
    # Logging over the protocol is deprecated.
    "logging-set-level",
    "tools-call-with-logging",
    # Subscriptions belong to a stream (2026-07-28); in the handshake era they belong to a session.
    "resources-subscribe",
    "resources-unsubscribe",
}
#: Scenarios that need no fixtures, so that the very program people run is tried.
OF_ANY_SERVER = {
    "2026-07-28": {
        "completion-complete",
        "tools-list",
        "server-sse-multiple-streams",
        "resources-list",
        "sep-2164-resource-not-found",
        "prompts-list",
        "dns-rebinding-protection",
        "caching",
        "http-header-validation",
    },
    "2025-11-25": {
        "server-initialize",
        "ping",
        "completion-complete",
        "tools-list",
        "server-sse-multiple-streams",
        "resources-list",
        "prompts-list",
        "dns-rebinding-protection",
        "server-session-lifecycle",
    },
}


def _command(url: str, revision: str, results: Path) -> list[str]:
    return [str(CONFORMANCE), "server", "--url", url, "--requirements", revision, "-o", str(results)]


def _failures(results: Path) -> dict[str, list[str]]:
    """Return what failed in each scenario that was run; nothing where it passed."""
    found: dict[str, list[str]] = {}
    for path in sorted(results.glob("server-*/checks.json")):
        # server-<scenario>-<year>-<month>-<day>T<hour>-<minute>-<second>-<ms>Z
        scenario = path.parent.name.removeprefix("server-").rsplit("-", 6)[0]
        checks = json.loads(path.read_text(encoding="utf-8"))
        failed = [
            f"{check['id']}: {check.get('errorMessage')}" for check in checks if check["status"] == "FAILURE"
        ]
        found.setdefault(scenario, []).extend(failed)
    return found


def _run(url: str, revision: str, results: Path) -> dict[str, list[str]]:
    command = _command(url, revision, results)
    subprocess.run(command, env=ENVIRON, capture_output=True, check=False, timeout=LIMIT_S, cwd=results)
    return _failures(results)


@contextmanager
def _server_with_fixtures(folder: Path) -> Generator[str]:
    log = folder / "log"
    with log.open("w") as stderr:
        command = [sys.executable, "-m", "tests.support.conformance_server", str(folder / "data")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=ROOT)
        with process:
            try:
                assert process.stdout is not None
                yield process.stdout.readline().strip()
            finally:
                process.terminate()
    watched("log of a server", log.read_text(encoding="utf-8"))


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_scenario_passes_but_those_about_what_the_server_does_not_have(
    tmp_path: Path, revision: str
) -> None:
    results = tmp_path / "results"
    results.mkdir()
    with _server_with_fixtures(tmp_path) as url:
        ran = _run(url, revision, results)
    assert OF_ANY_SERVER[revision] <= set(ran)
    failed = {scenario: why for scenario, why in ran.items() if why}
    assert {scenario: why for scenario, why in failed.items() if scenario not in WITHOUT} == {}
    # What is excused must be needed, so that the list stays true.
    assert WITHOUT & set(ran) == set(failed)
    assert len(ran) - len(failed) >= {"2026-07-28": 40, "2025-11-25": 23}[revision]


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_program_itself_passes_what_asks_for_no_fixture(tmp_path: Path, revision: str) -> None:
    with running("http", "--port", "0", "--data-dir", str(tmp_path / "data")) as process:
        assert process.stderr is not None
        url = process.stderr.readline().split()[-1]
        ran = _run(url, revision, tmp_path)
    assert {scenario: ran[scenario] for scenario in OF_ANY_SERVER[revision] if ran[scenario]} == {}


@pytest.mark.parametrize("revision", REVISIONS)
async def test_a_protected_server_passes_the_same_for_who_has_logged_in(
    tmp_path: Path, revision: str
) -> None:
    lines = "all_buckets = true\ncalls_per_minute = 6000"
    with team_server(tmp_path, {"suite": lines}) as team:
        async with (
            httpx2.AsyncClient(timeout=60) as http,
            serving(LoginProxy(http, team.origin, team.tokens["suite"])) as port,
        ):
            command = _command(f"http://127.0.0.1:{port}/mcp", revision, tmp_path)
            with anyio.fail_after(LIMIT_S):
                await anyio.run_process(command, env=ENVIRON, check=False, cwd=tmp_path)
    ran = _failures(tmp_path)
    assert {scenario: ran[scenario] for scenario in OF_ANY_SERVER[revision] if ran[scenario]} == {}
