"""A backend that stops in the middle of indexing leaves no process behind."""

from __future__ import annotations

import gc

import anyio
import pytest
from anyio.lowlevel import checkpoint

from calypso_mcp.local.indexing.child_process import ChildProcess


@pytest.mark.parametrize("steps", range(10))
def test_a_child_whose_start_is_cancelled_at_any_step_is_ended(steps: int) -> None:
    """A process or pipe that nobody closed would be reported when it is collected."""

    async def start_and_close() -> None:
        child = await ChildProcess.start()
        await child.close()

    async def cancel_after_steps() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(start_and_close)
            for _ in range(steps):
                await checkpoint()
            tasks.cancel_scope.cancel()

    anyio.run(cancel_after_steps)
    gc.collect()
