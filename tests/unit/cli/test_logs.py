from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """\
import logging, sys
from calypso_mcp.cli.process.logs import load_settings_and_log
load_settings_and_log({"log_level": "info", "log_json": sys.argv[1] == "json"})
logging.getLogger("calypso_mcp.any").info("ours")
logging.getLogger("calypso_mcp.any").debug("too low")
logging.getLogger("other").info("theirs")
logging.getLogger("other").warning("their warning")
"""


def _logged(form: str) -> list[str]:
    """Return the lines a process logs: this one's logging belongs to pytest."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, form], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_other_libraries_log_warnings_only() -> None:
    ours, theirs = _logged("text")
    assert ours.endswith("INFO calypso_mcp.any: ours")
    assert theirs.endswith("WARNING other: their warning")


def test_logs_are_json_where_that_is_set() -> None:
    assert [json.loads(line)["message"] for line in _logged("json")] == ["ours", "their warning"]
