"""The types of the page's and the chat view's JavaScript, as TypeScript's compiler sees them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import calypso_mcp.page
from tests.support.node import ENVIRON, find_program

COMPILER = find_program("tsc")
FOLDER = Path(calypso_mcp.page.__file__).parent
#: Elements are looked up and errors caught without a proof of their kind: that would be most of the code.
FLAGS = (
    *("--noEmit", "--allowJs", "--checkJs", "--strict", "--noUnusedLocals", "--noUnusedParameters"),
    *("--noImplicitAny", "false", "--strictNullChecks", "false", "--strictPropertyInitialization", "false"),
    *("--useUnknownInCatchVariables", "false"),
    *("--target", "es2023", "--lib", "es2023,dom,dom.iterable", "--module", "esnext"),
    *("--moduleResolution", "bundler", "--types", ""),
)
pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs tsc: npm install --prefix tests/node")


def _check(*scripts: Path) -> str:
    assert COMPILER is not None
    command = [COMPILER, *FLAGS, *map(str, scripts)]
    return subprocess.run(command, env=ENVIRON, capture_output=True, text=True, check=False).stdout


def test_every_script_is_free_of_type_errors() -> None:
    scripts = sorted(FOLDER.rglob("*.js"))
    assert len(scripts) > 20
    assert _check(*scripts) == ""


def test_a_wrong_call_would_be_found(tmp_path: Path) -> None:
    script = tmp_path / "wrong.js"
    words = FOLDER / "static" / "shared" / "words.js"
    script.write_text(f'import {{ counted }} from "{words.as_posix()}";\ncounted(1, "file").absent;\n')
    assert "TS2339" in _check(script)
