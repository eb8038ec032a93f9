from __future__ import annotations

import subprocess
import sys

#: What only a request needs, a command that is not stdio, or nobody: none of it may delay the handshake.
HEAVY = {
    "calypso_mcp.local",
    "calypso_mcp.client.calypso_client",
    "calypso_mcp.domain.files.file_formats",
    "calypso_mcp.domain.files.text_bytes",
    "tenacity",
    "sqlite3",
    "click",
    "pypdfium2",
    "selectolax",
    "jwt",
    "blake3",
    "hyperscan",
    "cryptography.fernet",
}
#: Modules that starting adds to those of a bare `mcp` server: small ones, empty ones of folders included.
MOST_MODULES = 164

PROBE = """\
import sys
from mcp.server.mcpserver import MCPServer
import anyio
anyio.run(anyio.sleep, 0)
bare = set(sys.modules)
from calypso_mcp.assembly.server import running_server
import calypso_mcp.cli.commands.serving.stdio
from calypso_mcp.cli.arguments import parse
from calypso_mcp.settings import load_settings

async def start():
    async with running_server(load_settings(parse([]).flags)):
        print(*sorted(set(sys.modules) - bare))

anyio.run(start)
"""


def test_a_server_starts_without_what_only_requests_need() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, timeout=60
    )
    added = set(done.stdout.split())
    assert "calypso_mcp.server.build" in added
    assert added & HEAVY == set()
    assert len(added) <= MOST_MODULES, sorted(added)


def test_the_embedded_calypso_loads_no_embedding_model_unless_one_is_set_up() -> None:
    probe = """\
import pkgutil, sys
from importlib import import_module
import calypso_mcp.local.app
from calypso_mcp.local import routes
for module in pkgutil.iter_modules(routes.__path__, "calypso_mcp.local.routes."):
    import_module(module.name)
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert "calypso_mcp.local.routes.search" in loaded
    assert not {name for name in loaded if name.startswith("calypso_mcp.local.semantic")}
    assert loaded & {"fastembed", "numpy", "onnxruntime"} == set()


def test_ctrl_c_while_modules_load_ends_the_process_whatever_is_being_imported() -> None:
    probe = """\
import signal, sys
class Library:
    def find_spec(self, name, path=None, target=None):
        if name == "mcp":
            try:
                signal.raise_signal(signal.SIGINT)
            except BaseException as swallowed:
                raise RuntimeError("an error of the library's own") from swallowed
sys.meta_path.insert(0, Library())
from calypso_mcp.cli import main
sys.exit(main([]))
"""
    done = subprocess.run(
        [sys.executable, "-c", probe],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (130, "")


def test_the_command_line_has_ctrl_c_in_hand_before_it_loads_what_takes_long() -> None:
    probe = "import sys, calypso_mcp.cli; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60
    )
    assert not {"pydantic", "mcp", "calypso_mcp.settings"} & set(done.stdout.split())


def test_a_complaint_does_not_wait_for_the_sdk() -> None:
    probe = "import sys\nfrom calypso_mcp.cli import main\nprint(main(['serach', 'x']), 'mcp' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["2", "False"], done.stderr
