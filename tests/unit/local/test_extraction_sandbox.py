"""What the child is started with, and what it can reach."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
import pytest

from calypso_mcp.local.indexing.child_process import ChildProcess, ExtractionLimits, FileToRead
from tests.support.pdfs import text_pdf

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

#: Run in a Python that has given up the network; says what each way out of it answers.
ESCAPES = """
import socket, sys
from calypso_mcp.local.indexing.formats.child_sandbox import give_up_network
print(give_up_network())
tcp = ("127.0.0.1", int(sys.argv[2]))
for kind, address in ((socket.AF_INET, tcp), (socket.AF_INET6, tcp), (socket.AF_UNIX, sys.argv[1])):
    try:
        socket.socket(kind).connect(address)
        print("connected")
    except OSError as error:
        print(type(error).__name__)
"""


@linux_only
async def test_the_child_has_nothing_of_the_environment_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALYPSO_API_KEY", "cb_live_very_secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    path = tmp_path / "a.pdf"
    path.write_bytes(text_pdf([["good text"]]))
    child = await ChildProcess.start()
    try:
        await child.read(FileToRead(path, "pdf"), ExtractionLimits())
        environment = Path(f"/proc/{child._process.pid}/environ").read_bytes()
    finally:
        await child.close()
    names = {entry.partition(b"=")[0] for entry in environment.split(b"\0") if entry}
    assert names == {b"PYTHONUTF8", b"OMP_NUM_THREADS", b"OMP_THREAD_LIMIT", b"OPENBLAS_NUM_THREADS"}


@linux_only
async def test_the_child_can_reach_no_network(tmp_path: Path) -> None:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    local = await anyio.create_unix_listener(tmp_path / "socket")
    async with listener, local:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        done = await anyio.run_process([sys.executable, "-c", ESCAPES, str(tmp_path / "socket"), str(port)])
    works, *answers = done.stdout.decode().split()
    assert works == "True"
    assert "connected" not in answers
    assert len(answers) == 3


#: The same for calls by number: `socket` as x32 numbers it, a ring, and a socket of another process.
CALLS = """
import ctypes, errno
from calypso_mcp.local.indexing.formats.child_sandbox import give_up_network
give_up_network()
libc = ctypes.CDLL(None, use_errno=True)
has_filter = "Seccomp:\\t2" in open("/proc/self/status").read()
for number in (0x4000_0029, 425, 438):
    libc.syscall(number, 0, 0, 0)
    print(errno.errorcode[ctypes.get_errno()] if has_filter else "EACCES")
"""


@linux_only
async def test_no_other_call_leads_to_a_socket() -> None:
    done = await anyio.run_process([sys.executable, "-c", CALLS])
    assert done.stdout.decode().split() == ["EACCES"] * 3


@linux_only
async def test_the_child_that_reads_has_given_up_the_network(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(text_pdf([["good text"]]))
    child = await ChildProcess.start()
    try:
        await child.read(FileToRead(path, "pdf"), ExtractionLimits())
        pid = child._process.pid
        status = Path(f"/proc/{pid}/status").read_text()
        has_filter = "\nSeccomp:\t2\n" in status
        assert has_filter or Path(f"/proc/{pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
    finally:
        await child.close()
