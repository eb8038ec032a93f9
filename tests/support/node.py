"""Programs of Node: clients and suites of other makers, as tests/node/package.json pins them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

MODULES = Path(__file__).parents[1] / "node" / "node_modules"
#: The environment of a program of Node: what is installed there comes before what the machine has.
ENVIRON = {**os.environ, "PATH": os.pathsep.join([str(MODULES / ".bin"), os.environ.get("PATH", "")])}
#: The oldest Node that the conformance suite and the inspector run on.
_OLDEST_NODE = 22


def find_program(name: str) -> str | None:
    """Return the path of a program of tests/node, or of the machine."""
    return shutil.which(name, path=ENVIRON["PATH"])


def why_no_node(program: str) -> str | None:
    """Return why a program of Node cannot run here, or None."""
    node = find_program("node")
    if node is None or find_program(program) is None:
        return f"{program} is not installed: npm install --prefix tests/node"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = version.strip().lstrip("v").partition(".")[0]
    if not major.isdigit() or int(major) < _OLDEST_NODE:
        return f"Node {_OLDEST_NODE} or later is needed"
    return None
