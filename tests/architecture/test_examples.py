from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

from calypso_mcp.cli.arguments import parse
from calypso_mcp.server.registry import TOOLS
from calypso_mcp.settings import knobs

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples"
#: `client_search` needs an API to talk to; the tests of the typed client give it one.
EXAMPLES = sorted(path for path in FOLDER.glob("*.py") if path.stem != "client_search")
#: Each runs in an environment of its own, because the frameworks ask for different versions of `mcp`.
FRAMEWORKS = sorted((FOLDER / "frameworks").glob("with_*.py"))


def find_environment(example: Path) -> Path:
    """Return the environment that `nox -s examples` makes for an example of a framework."""
    return ROOT / f".venv-{example.stem.removeprefix('with_')}"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_keeps_its_claims(example: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)],
        cwd=example.parents[1],
        env={**os.environ, "PYTHONPATH": str(example.parents[1])},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(
            example,
            marks=pytest.mark.skipif(
                not find_environment(example).is_dir(), reason="not installed: nox -s examples"
            ),
        )
        for example in FRAMEWORKS
    ],
    ids=lambda path: path.stem,
)
def test_an_agent_of_a_framework_answers_from_a_bucket(example: Path) -> None:
    folders = [str(Path(sys.executable).parent), os.environ["PATH"]]
    done = subprocess.run(
        [find_environment(example) / "bin" / "python", str(example)],
        env={**os.environ, "PATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "45 days" in done.stdout
    assert "deleted or replaced" not in done.stderr


def test_the_workflow_of_n8n_reads_with_tools_that_exist() -> None:
    workflow = json.loads((FOLDER / "n8n" / "workflow.json").read_text(encoding="utf-8"))
    nodes = {node["name"]: node for node in workflow["nodes"]}
    tools = nodes["Calypso Buckets"]["parameters"]["includeTools"]
    assert set(tools) <= {spec.name for spec in TOOLS if spec.read_only}
    for name, kinds in workflow["connections"].items():
        assert name in nodes
        assert all(link["node"] in nodes for links in kinds.values() for [link] in links)


def test_the_nightly_job_runs_a_command_that_exists() -> None:
    service = ConfigParser(strict=False, interpolation=None)
    service.read(FOLDER / "nightly-sync" / "calypso-sync.service", encoding="utf-8")
    program, *arguments = shlex.split(service["Service"]["ExecStart"])
    assert Path(program).name == "calypso-mcp"
    parsed = parse(arguments)
    assert parsed.command.name == "sync"
    assert parsed.arguments.remove_missing


def test_the_machines_behind_one_address_are_given_settings_that_exist() -> None:
    unit = ConfigParser(strict=False, interpolation=None)
    unit.read(FOLDER / "replicas" / "calypso-mcp@.service", encoding="utf-8")
    _, *arguments = shlex.split(unit["Service"]["ExecStart"])
    parsed = parse(arguments)
    assert parsed.command.name == "http"
    given = {"access_file", "api_key_file", "sealing_secret_file", "data_dir", "public_url"}
    assert given <= set(parsed.flags)

    composed = yaml.safe_load((FOLDER / "replicas" / "compose.yaml").read_text(encoding="utf-8"))
    servers = {name: service for name, service in composed["services"].items() if "build" in service}
    assert len(servers) == 3
    variables = {knob.variable for knob in knobs().values()}
    folders: set[str] = set()
    for server in servers.values():
        assert set(server["environment"]) <= variables
        assert set(server["secrets"]) <= set(composed["secrets"])
        folders.update(place for place in server["volumes"] if place.endswith(":/data"))
    # Each has a folder of its own, and the proxy knows all of them.
    assert len(folders) == len(servers)
    proxy = (FOLDER / "replicas" / "Caddyfile").read_text(encoding="utf-8")
    assert "reverse_proxy " + " ".join(f"{name}:8000" for name in servers) in proxy


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_the_units_of_the_nightly_job(tmp_path: Path) -> None:
    unit = (FOLDER / "nightly-sync" / "calypso-sync.service").read_text(encoding="utf-8")
    (tmp_path / "calypso-sync.service").write_text(
        unit.replace("/opt/calypso-mcp/bin/calypso-mcp", "/bin/true"), encoding="utf-8"
    )
    shutil.copy(FOLDER / "nightly-sync" / "calypso-sync.timer", tmp_path)
    units = [str(tmp_path / f"calypso-sync.{kind}") for kind in ("service", "timer")]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("caddy") is None, reason="needs caddy")
@pytest.mark.parametrize("example", ["reverse-proxy", "replicas"])
def test_caddy_takes_the_example_and_every_log_of_it_hides_credentials(example: str) -> None:
    command = ["caddy", "adapt", "--config", str(FOLDER / example / "Caddyfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    logs = json.loads(done.stdout)["logging"]["logs"]
    assert logs
    for log in logs.values():
        fields = log["encoder"]["fields"]
        assert fields["request>headers"] == {"filter": "delete"}
        assert (
            re.sub(fields["request>uri"]["regexp"], fields["request>uri"]["value"], "/uploads/x")
            == "/uploads/-"
        )
