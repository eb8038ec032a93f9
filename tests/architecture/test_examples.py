from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples"
#: `client_search` needs an API to talk to; the tests of the typed client give it one.
EXAMPLES = sorted(path for path in FOLDER.glob("*.py") if path.stem != "client_search")


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


@pytest.mark.skipif(shutil.which("caddy") is None, reason="needs caddy")
def test_caddy_takes_the_example_and_every_log_of_it_hides_credentials() -> None:
    command = ["caddy", "adapt", "--config", str(FOLDER / "reverse-proxy" / "Caddyfile")]
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
