"""`calypso-mcp doctor` finds each of many seeded faults, and names the fix."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import pytest

from calypso_mcp import __version__
from calypso_mcp.cli.clients.command import server_command
from calypso_mcp.cli.clients.places import Places
from calypso_mcp.cli.doctor.api_checks import check_api
from calypso_mcp.cli.doctor.client_checks import check_clients
from calypso_mcp.cli.doctor.data_folder import check_data_folder
from calypso_mcp.cli.doctor.findings import Finding, is_well
from calypso_mcp.cli.doctor.looking import check_settings
from calypso_mcp.cli.doctor.machine import check_folders, check_machine
from calypso_mcp.local.indexing.formats.ocr.engines import is_recognition_installed
from calypso_mcp.local.options import STORE_FILE
from calypso_mcp.local.store.connections.migrations import MIGRATIONS
from calypso_mcp.server.registry import TOOLS
from calypso_mcp.settings import read_settings
from calypso_mcp.sqlite.connections import migrate, open_private
from tests.commands.processes import run
from tests.support.live_backend import API_KEY, options_for, serving

[PROGRAM, *FIRST_ARGUMENTS] = server_command()


@dataclass
class Machine:
    """A person's home and project, empty at first."""

    home: Path
    project: Path
    data: Path
    environ: dict[str, str] = field(default_factory=dict[str, str])
    flags: dict[str, object] = field(default_factory=dict[str, object])

    def write(self, path: str, content: object) -> None:
        target = self.home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")

    def server(self, path: str, key: str = "mcpServers", **fields: Any) -> None:
        """Write a configuration with one server, right but for `fields`."""
        self.write(path, {key: {"calypso": {"command": PROGRAM, "args": FIRST_ARGUMENTS, **fields}}})

    def make_store(self) -> Path:
        store = self.data / STORE_FILE
        with closing(open_private(store)) as connection:
            migrate(connection, MIGRATIONS)
        self.data.chmod(0o700)
        return store

    def findings(self) -> list[Finding]:
        """Look as `doctor` does, without starting a server or asking the API."""
        environ = self._environ()
        reading = read_settings({"data_dir": str(self.data), **self.flags}, environ)
        found = [*check_settings(reading, environ), *check_machine()]
        if reading.settings is not None:
            found += check_data_folder(reading.settings)
            found += check_folders(reading.settings.allow_paths, self.home)
        return [*found, *self.findings_of_clients()]

    def findings_of_clients(self) -> list[Finding]:
        return list(check_clients(Places(self.home, self._environ(), self.project, "linux")))

    def _environ(self) -> dict[str, str]:
        return {"HOME": str(self.home), "PATH": os.environ["PATH"], **self.environ}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    for name in ("home", "project", "data"):
        (tmp_path / name).mkdir(mode=0o700)
    return Machine(tmp_path / "home", tmp_path / "project", tmp_path / "data")


def _newer_store(machine: Machine) -> None:
    with closing(sqlite3.connect(machine.make_store())) as connection:
        connection.execute("INSERT INTO migrations (number, name) VALUES (9999, 'later')")
        connection.commit()


def _damaged_store(machine: Machine) -> None:
    store = machine.make_store()
    size = store.stat().st_size
    with store.open("r+b") as file:
        file.seek(size // 4)
        file.write(os.urandom(size // 2))


def _file_for_folder(machine: Machine) -> None:
    machine.data.rmdir()
    machine.data.write_text("not a folder", encoding="utf-8")


def _folder_below_a_file(machine: Machine) -> None:
    (machine.home / "file").write_text("x", encoding="utf-8")
    machine.data = machine.home / "file" / "data"


def _set(**values: str) -> Callable[[Machine], None]:
    return lambda machine: machine.environ.update(values)


def _flag(**values: object) -> Callable[[Machine], None]:
    return lambda machine: machine.flags.update(values)


def _server(path: str, key: str = "mcpServers", **fields: Any) -> Callable[[Machine], None]:
    return lambda machine: machine.server(path, key, **fields)


def _text(path: str, text: str) -> Callable[[Machine], None]:
    return lambda machine: machine.write(path, text)


CURSOR = ".cursor/mcp.json"
DESKTOP = ".config/Claude/claude_desktop_config.json"

#: What is wrong, how it is seeded, words of the finding, words of its fix.
FAULTS: dict[str, tuple[Callable[[Machine], None], list[str], list[str]]] = {
    "placeholder for a key": (
        _set(CALYPSO_API_KEY="${CALYPSO_API_KEY}"),
        ["variable CALYPSO_API_KEY", "placeholder"],
        ["Correct"],
    ),
    "example for a key": (_set(CALYPSO_API_KEY="sk-..."), ["CALYPSO_API_KEY", "example"], ["Correct"]),
    "key file that is not there": (
        _set(CALYPSO_API_KEY_FILE="/no/such/key"),
        ["CALYPSO_API_KEY_FILE", "cannot read /no/such/key"],
        ["Correct"],
    ),
    "hosted without a key": (_flag(backend="hosted"), ["needs an API key"], ["Correct"]),
    "base URL without /v1": (
        _set(CALYPSO_API_BASE_URL="https://calypso.example"),
        ["CALYPSO_API_BASE_URL", "/v1"],
        ["Correct"],
    ),
    "empty limit": (_set(CALYPSO_BUCKETS=" "), ["CALYPSO_BUCKETS", "is empty"], ["Correct"]),
    "misspelt variable": (
        _set(CALYPSO_ALOWED_PATHS="/tmp"),
        ["CALYPSO_ALOWED_PATHS is not a setting"],
        ["CALYPSO_ALLOWED_PATHS"],
    ),
    "allowed folder that is not there": (
        _flag(allow_paths=["/no/such/folder"]),
        ["--allow-path", "is not a folder"],
        ["Correct"],
    ),
    "everything allowed": (
        lambda machine: machine.flags.update(allow_paths=[str(machine.home)]),
        ["holds all your files"],
        ["--allow-path"],
    ),
    "file for a data folder": (_file_for_folder, ["is a file"], ["--data-dir"]),
    "data folder that cannot be made": (_folder_below_a_file, ["cannot be written"], ["--data-dir"]),
    "data folder open to others": (
        lambda machine: machine.data.chmod(0o755),
        ["Other users of this machine"],
        ["chmod 700"],
    ),
    "no room": (_flag(min_free_disk_mb="900000000"), ["MB are free"], ["--min-free-disk"]),
    "store that cannot be opened": (
        lambda machine: (machine.data / "calypso.db").mkdir(),
        ["calypso.db cannot be used: "],
        ["Make room"],
    ),
    "damaged store": (_damaged_store, ["The store is damaged"], ["calypso-mcp recover --data-dir"]),
    "store of a newer version": (_newer_store, ["newer version"], ["Update calypso-mcp"]),
    "program that is not there": (
        _server(CURSOR, command="/no/such/calypso-mcp"),
        ["Cursor", "/no/such/calypso-mcp does not exist"],
        ["calypso-mcp install cursor"],
    ),
    "program that cannot be run": (
        lambda machine: (
            machine.write("calypso-mcp", "#!/bin/sh\n"),
            machine.server(CURSOR, command=str(machine.home / "calypso-mcp")),
        )[-1],
        ["cannot be run"],
        ["calypso-mcp install cursor"],
    ),
    "name instead of a path": (
        _server(DESKTOP, command="uvx", args=["calypso-mcp"]),
        ["Claude Desktop", "`uvx` is not an absolute path"],
        ["calypso-mcp install claude-desktop"],
    ),
    "placeholder the client does not replace": (
        _server(DESKTOP, args=[*FIRST_ARGUMENTS, "--allow-path", "${workspaceFolder}"]),
        ["Claude Desktop does not replace the placeholder ${workspaceFolder}"],
        ["Write the value itself"],
    ),
    "placeholder replaced in projects only": (
        _server(CURSOR, args=[*FIRST_ARGUMENTS, "--allow-path", "${workspaceFolder}"]),
        ["Cursor does not replace the placeholder ${workspaceFolder} here"],
        ["Write the value itself"],
    ),
    "older version": (
        _server(CURSOR, command=sys.executable, args=["-m", "uv", "tool", "run", "calypso-mcp==0.0.1"]),
        [f"starts version 0.0.1, but this is version {__version__}"],
        ["calypso-mcp install cursor"],
    ),
    "older program": (
        lambda machine: (
            machine.write("bin/calypso-mcp", "#!/bin/sh\necho calypso-mcp 0.0.2\n"),
            (machine.home / "bin/calypso-mcp").chmod(0o755),
            machine.server(CURSOR, command=str(machine.home / "bin/calypso-mcp"), args=[]),
        )[-1],
        ["starts version 0.0.2"],
        ["calypso-mcp install cursor"],
    ),
    "flag that does not exist": (
        _server(CURSOR, args=[*FIRST_ARGUMENTS, "--alow-path", "/tmp"]),
        ["there is no flag --alow-path (did you mean --allow-path?)"],
        ["--help"],
    ),
    "folder of a client that is not there": (
        _server(CURSOR, args=[*FIRST_ARGUMENTS, "--allow-path", "/no/such"]),
        ["/no/such is not a folder"],
        ["Correct the value in this file"],
    ),
    "program of a user that does not exist": (
        lambda machine: machine.write(
            CURSOR, {"mcpServers": {"calypso": {"command": "~no-such-user/calypso-mcp"}}}
        ),
        ["~no-such-user/calypso-mcp", "not an absolute path"],
        ["calypso-mcp install cursor"],
    ),
    "another command": (
        _server(CURSOR, args=[*FIRST_ARGUMENTS, "http"]),
        ["starts `calypso-mcp http`"],
        ["Remove http from the arguments"],
    ),
    "key of another client": (
        _server(".config/Code/User/mcp.json", "mcpServers"),
        ["VS Code", "under a key that VS Code does not read"],
        ["servers"],
    ),
    "address for a client of commands": (
        lambda machine: machine.write(DESKTOP, {"mcpServers": {"calypso": {"url": "https://a.example/mcp"}}}),
        ["Claude Desktop only starts commands"],
        ["calypso-mcp install claude-desktop"],
    ),
    "address in another client's field": (
        lambda machine: machine.write(
            ".codeium/windsurf/mcp_config.json", {"mcpServers": {"calypso": {"url": "https://a.example/mcp"}}}
        ),
        ["field that Windsurf does not read"],
        ["serverUrl"],
    ),
    "address without a type": (
        lambda machine: machine.write(
            ".claude.json", {"mcpServers": {"calypso": {"url": "https://a.example/mcp"}}}
        ),
        ['without "type" as a command'],
        ['"type": "http"'],
    ),
    "broken JSON": (
        _text(CURSOR, '{"mcpServers": {"calypso": {"command" "calypso-mcp"}}}'),
        ["cannot be read: line 1"],
        ["Correct the file"],
    ),
    "a server written twice": (
        _text(CURSOR, '{"mcpServers": {"calypso": {"command": "a"}, "calypso": {"command": "b"}}}'),
        ['"calypso" occurs twice'],
        ["Correct the file"],
    ),
    "broken TOML": (_text(".codex/config.toml", "[mcp_servers.calypso\n"), ["cannot be read"], ["Correct"]),
    "a server written twice in YAML": (
        _text(".config/goose/config.yaml", "extensions:\n  calypso: {cmd: a}\n  calypso: {cmd: b}\n"),
        ["Goose", "a name occurs twice"],
        ["Correct"],
    ),
    "broken YAML": (
        _text(".config/goose/config.yaml", "extensions:\n  calypso: {cmd: [\n"),
        ["cannot be read"],
        ["Correct"],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_the_only_problem_found_and_its_fix_is_named(fault: str, machine: Machine) -> None:
    seed, words, fix = FAULTS[fault]
    assert is_well(machine.findings())
    seed(machine)
    problems = [finding for finding in machine.findings() if finding.status == "problem"]
    assert len(problems) == 1, problems
    for word in words:
        assert word in problems[0].message
    for word in fix:
        assert word in problems[0].fix


@pytest.mark.parametrize(
    "wrong",
    [
        {"CALYPSO_API_KEY": "sk one"},
        {"CALYPSO_API_KEY": "<your key>"},
        {"CALYPSO_API_KEY_FILE": "/no/such/key"},
        {"CALYPSO_HTTP_PORT": "many"},
        {"CALYPSO_BUCKETS": " "},
    ],
    ids=str,
)
def test_a_wrong_setting_is_not_listed_as_right_as_well(wrong: dict[str, str], machine: Machine) -> None:
    machine.environ.update(wrong)
    [name] = wrong
    about = [finding for finding in machine.findings() if re.match(rf"variable {name}\b", finding.message)]
    assert [finding.status for finding in about] == ["problem"]


def test_a_store_that_another_process_holds_is_found(machine: Machine) -> None:
    with closing(sqlite3.connect(machine.make_store(), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        problems = [finding for finding in machine.findings() if finding.status == "problem"]
    assert "locked the store" in problems[0].message
    assert "Close the program" in problems[0].fix


RIGHT: dict[str, Callable[[Machine], None]] = {
    "cursor": _server(CURSOR),
    "variables that the client replaces": _server(
        ".claude.json", env={"CALYPSO_API_KEY": "${CALYPSO_API_KEY}"}
    ),
    "comments and trailing commas": _text(
        ".config/zed/settings.json",
        f'{{ // mine\n"context_servers": {{"calypso": {{"command": {json.dumps(PROGRAM)},'
        f' "args": {json.dumps(FIRST_ARGUMENTS)}, /* x */ }},}},}}',
    ),
    "opencode 1": _text(
        ".config/opencode/opencode.json",
        json.dumps({"mcp": {"calypso": {"type": "local", "command": [PROGRAM, *FIRST_ARGUMENTS]}}}),
    ),
    "opencode 2": _text(
        ".config/opencode/opencode.json",
        json.dumps(
            {"mcp": {"servers": {"calypso": {"type": "local", "command": [PROGRAM, *FIRST_ARGUMENTS]}}}}
        ),
    ),
    "codex": _text(
        ".codex/config.toml",
        f"[mcp_servers.calypso]\ncommand = {json.dumps(PROGRAM)}\nargs = {json.dumps(FIRST_ARGUMENTS)}\n",
    ),
    "goose": _text(
        ".config/goose/config.yaml",
        f"extensions:\n  calypso:\n    type: stdio\n    cmd: {json.dumps(PROGRAM)}\n"
        f"    args: {json.dumps(FIRST_ARGUMENTS)}\n",
    ),
    "continue": _text(
        ".continue/config.yaml",
        f"mcpServers:\n- name: calypso\n  command: {json.dumps(PROGRAM)}\n"
        f"  args: {json.dumps(FIRST_ARGUMENTS)}\n",
    ),
    "local scope of Claude Code": _text(
        ".claude.json",
        json.dumps(
            {"projects": {"/x": {"mcpServers": {"calypso": {"command": PROGRAM, "args": FIRST_ARGUMENTS}}}}}
        ),
    ),
}


@pytest.mark.parametrize("right", RIGHT)
def test_a_configuration_that_works_is_found_and_called_right(right: str, machine: Machine) -> None:
    RIGHT[right](machine)
    found = machine.findings_of_clients()
    assert [finding.status for finding in found] == ["ok"], found


def test_other_servers_are_none_of_our_business(machine: Machine) -> None:
    machine.write(CURSOR, {"mcpServers": {"other": {"command": "nothing", "args": ["${x}"]}}})
    machine.write(DESKTOP, '{"mcpServers": broken')
    assert is_well(machine.findings())


def test_in_the_home_folder_a_configuration_is_looked_at_once(machine: Machine) -> None:
    _server(".cursor/mcp.json")(machine)
    machine.project = machine.home
    assert [finding.message for finding in machine.findings() if ".cursor" in finding.message] == [
        f"Cursor, {machine.home / '.cursor/mcp.json'}, server calypso: would start."
    ]


def _doctor(machine: Machine, *flags: str) -> tuple[int, list[dict[str, str]], str]:
    ended = run(
        "doctor",
        "--json",
        "--data-dir",
        str(machine.data),
        *flags,
        environ={"HOME": str(machine.home), "XDG_CONFIG_HOME": "", **machine.environ},
    )
    report = json.loads(ended.stdout)
    assert report["ok"] == (ended.returncode == 0)
    return ended.returncode, report["findings"], ended.stdout + ended.stderr


def test_all_is_well_on_a_fresh_machine_and_nothing_is_made(machine: Machine) -> None:
    code, findings, _ = _doctor(machine, "--allow-path", str(machine.project))
    assert code == 0
    [handshake] = [finding for finding in findings if finding["area"] == "handshake"]
    assert f"answers with {len(TOOLS)} tools" in handshake["message"]
    assert list(machine.data.iterdir()) == []


def test_a_setting_that_only_the_server_can_judge_is_found_by_its_handshake(machine: Machine) -> None:
    machine.environ["CALYPSO_TOOLS"] = "fly"
    code, findings, _ = _doctor(machine)
    [handshake] = [finding for finding in findings if finding["area"] == "handshake"]
    assert code == 1
    assert "'fly'" in handshake["message"]
    assert handshake["status"] == "problem"


@contextmanager
def _closed_port() -> Generator[int]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_an_api_that_is_not_there_is_found_and_the_key_is_never_shown(machine: Machine) -> None:
    with _closed_port() as port:
        machine.environ["CALYPSO_API_KEY"] = API_KEY
        machine.environ["CALYPSO_API_BASE_URL"] = f"http://127.0.0.1:{port}/v1"
        code, findings, shown = _doctor(machine)
    assert code == 1
    assert [finding["area"] for finding in findings if finding["status"] == "problem"] == ["API"]
    assert API_KEY not in shown


def test_a_key_that_the_api_refuses_is_found(machine: Machine, tmp_path: Path) -> None:
    with serving(options_for(tmp_path / "api")) as url:
        machine.environ |= {"CALYPSO_API_KEY": API_KEY, "CALYPSO_API_BASE_URL": f"{url}/v1"}
        assert [finding.status for finding in _api_findings(machine)] == ["ok", "ok"]
        machine.environ["CALYPSO_API_KEY"] = "sk_test_of_another_project"
        refused, _clock = _api_findings(machine)
    assert refused.status == "problem"
    assert "does not accept the key" in refused.message
    assert "CALYPSO_API_KEY" in refused.fix


def test_a_clock_that_is_wrong_is_found(machine: Machine) -> None:
    class _Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string((timestamp or time.time()) + 7200)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/v1"
        machine.environ |= {"CALYPSO_API_KEY": API_KEY, "CALYPSO_API_BASE_URL": url}
        answer, clock = _api_findings(machine)
        server.shutdown()
    assert answer.status == "ok"
    assert clock.status == "problem"
    assert "behind the API's" in clock.message
    assert "time synchronisation" in clock.fix


def _api_findings(machine: Machine) -> list[Finding]:
    settings = read_settings({}, {"HOME": str(machine.home), **machine.environ}).settings
    assert settings

    async def found() -> list[Finding]:
        return [finding async for finding in check_api(settings)]

    return anyio.run(found)


def test_the_report_for_a_person_ends_with_how_many_problems_there_are(machine: Machine) -> None:
    machine.server(CURSOR, command="/no/such/calypso-mcp")
    ended = run("doctor", "--data-dir", str(machine.data), environ={"HOME": str(machine.home)})
    assert ended.returncode == 1
    assert "PROBLEM" in ended.stdout
    assert "-> Rewrite it: calypso-mcp install cursor" in ended.stdout
    assert ended.stdout.rstrip().endswith("1 problem.")


def test_missing_extras_name_this_python_and_those_of_contributors_are_left_out() -> None:
    findings = [finding for finding in check_machine() if finding.message.startswith("Extra ")]
    assert {"ocr", "outlook", "semantic"} == {finding.message.split()[1].rstrip(":") for finding in findings}
    for finding in findings:
        assert finding.status == "ok" or f"{sys.executable} -m pip install" in finding.fix


def test_what_reads_pictures_without_the_extra_is_named() -> None:
    [finding] = [finding for finding in check_machine() if finding.message.startswith("Extra ocr")]
    reads_pictures = finding.status == "ok" or "tesseract reads pictures" in finding.message
    assert reads_pictures == is_recognition_installed()
