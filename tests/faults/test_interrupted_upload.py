"""`calypso-mcp upload` and a person who presses Ctrl-C, whatever it is doing just then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from anyio.abc import Process

from tests.commands.processes import COMMAND
from tests.support.fault_proxy import fault_proxy
from tests.support.fault_script import CREATE_BATCH, FINALIZE_BATCH, PUT, Hang, Kind, On, Script
from tests.support.faulty_calypso import (
    API_KEY,
    BUCKET,
    FaultyCalypso,
    as_stored,
    content,
    faulty_calypso,
    small_uploads,
)
from tests.support.served_app import serving

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

FILES = 20
#: No wait in here lasts longer; a hanging request alone would take minutes.
BOUND_S = 60
LIST_BUCKETS = Kind("GET", r"/v1/knowledge/buckets")
GET_BATCH = Kind("GET", r"/v1/knowledge/batches/.+")

#: What it is doing: the kind of request that hangs, and from which one on.
PHASES: dict[str, tuple[Kind, int]] = {
    "looking for the bucket": (LIST_BUCKETS, 1),
    "opening the batch": (CREATE_BATCH, 1),
    "sending": (PUT, 9),
    "finalizing": (FINALIZE_BATCH, 1),
    "waiting": (GET_BATCH, 1),
}


class Terminal:
    """Starts `calypso-mcp upload` on one folder, over and over."""

    def __init__(self, calypso: FaultyCalypso, folder: Path, base_url: str) -> None:
        self.calypso = calypso
        self._flags = [
            *("upload", str(folder), "--bucket", BUCKET, "--create-bucket", "--wait"),
            *("--api-base-url", base_url, "--data-dir", str(folder.parent / "memory")),
        ]

    @asynccontextmanager
    async def started(self, *flags: str) -> AsyncGenerator[Process]:
        """Run it while the block lasts; signals to its group reach its server, as in a terminal."""
        async with await anyio.open_process(
            [*COMMAND, *self._flags, *flags],
            env={**os.environ, "CALYPSO_API_KEY": API_KEY},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            yield process

    async def said(self, process: Process) -> tuple[int, str, str]:
        """Return exit code and output of a process at its end."""
        texts: dict[str, str] = {}

        async def read(name: str, stream: anyio.abc.ByteReceiveStream) -> None:
            texts[name] = b"".join([part async for part in stream]).decode()

        assert process.stdout is not None
        assert process.stderr is not None
        async with anyio.create_task_group() as reading:
            reading.start_soon(read, "out", process.stdout)
            reading.start_soon(read, "err", process.stderr)
        return await process.wait(), texts["out"], texts["err"]


@asynccontextmanager
async def terminal(tmp_path: Path, script: Script) -> AsyncGenerator[Terminal]:
    folder = tmp_path / "documents"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"note-{number:03}.md").write_bytes(content(number, 400 + number))
    async with (
        faulty_calypso(tmp_path / "data", script) as calypso,
        serving(calypso.app) as port,
        fault_proxy(port, script) as proxy,
    ):
        with anyio.fail_after(3 * BOUND_S):
            yield Terminal(calypso, folder, f"{proxy.origin}/v1")


@pytest.mark.parametrize(("kind", "nth"), PHASES.values(), ids=PHASES)
async def test_ctrl_c_ends_it_with_130_and_no_traceback_and_the_same_command_finishes(
    tmp_path: Path, kind: Kind, nth: int
) -> None:
    script = Script(On(kind, Hang(times=999), nth=nth))
    async with terminal(tmp_path, script) as shell:
        async with shell.started() as process:
            await script.reached(kind, nth)
            os.killpg(process.pid, signal.SIGINT)
            with anyio.fail_after(BOUND_S):
                code, _, complaint = await shell.said(process)
        assert (code, "Traceback" in complaint) == (130, False), complaint
        script.clear()
        async with shell.started() as process:
            code, summary, complaint = await shell.said(process)
        assert code == 0, complaint
        assert f"{FILES}  " in summary
        assert await shell.calypso.stored() == await as_stored(small_uploads(FILES))


async def test_a_lookup_that_hangs_ends_with_the_time_limit(tmp_path: Path) -> None:
    async with terminal(tmp_path, Script(On(LIST_BUCKETS, Hang(times=999)))) as shell:
        with anyio.fail_after(BOUND_S):
            async with shell.started("--time-limit", "3") as process:
                code, _, complaint = await shell.said(process)
    assert code == 1
    assert complaint.splitlines()[-1] == ("Stopped after 3 s. Run the same command to continue.")
