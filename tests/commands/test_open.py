"""`calypso-mcp open`: a link to the backend that runs, or to one that it starts."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import httpx2

from calypso_mcp.local.processes.served import look_up
from tests.commands.processes import LIMIT_S, run, running


def test_the_page_is_served_by_one_process_and_linked_by_others(tmp_path: Path) -> None:
    folder = ("--data-dir", str(tmp_path))
    with running("open", "--no-browser", "--port", "0", *folder) as first:
        link = _link(first)
        again = run("open", "--no-browser", *folder)
        assert again.returncode == 0, again.stderr
        [other] = [line for line in again.stdout.splitlines() if line.startswith("http")]
        origin = link.partition("/#")[0]
        assert other.partition("/#")[0] == origin
        assert other != link
        for given in (link, other):
            assert _sign_in(origin, given) == 200
            assert _sign_in(origin, given) == 401
        assert (tmp_path / "api-key").read_text().strip() not in link + again.stdout
        first.send_signal(signal.SIGTERM)
        assert first.wait(LIMIT_S) == 0
    assert look_up(tmp_path) is None


def test_hosted_buckets_are_not_looked_for_on_this_disk(tmp_path: Path) -> None:
    refused = run("open", "--data-dir", str(tmp_path), environ={"CALYPSO_API_KEY": "sk_hosted"})
    assert refused.returncode == 2
    assert "calypso-mcp http" in refused.stderr


def test_the_address_of_a_killed_backend_is_not_used(tmp_path: Path) -> None:
    with running("backend", "--port", "0", "--data-dir", str(tmp_path)) as backend:
        assert backend.stdout is not None
        assert any(line.startswith("Ctrl-C") for line in backend.stdout)
        served = look_up(tmp_path)
        assert served is not None
        backend.kill()
        backend.wait(LIMIT_S)
    assert (tmp_path / "backend.json").exists()
    assert look_up(tmp_path) is None
    (tmp_path / "backend.json").write_text(json.dumps({"origin": 1}))
    assert look_up(tmp_path) is None


def _link(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return next(line.strip() for line in process.stdout if line.startswith("http"))


def _sign_in(origin: str, link: str) -> int:
    given = {"given": link.partition("#sign-in=")[2]}
    headers = {"Origin": origin}
    with httpx2.Client(trust_env=False) as client:
        return client.post(f"{origin}/api/session", json=given, headers=headers).status_code
