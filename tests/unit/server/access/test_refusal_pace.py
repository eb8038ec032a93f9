import anyio

from calypso_mcp.server.access.refusal_pace import PacePolicy, RefusalPace
from tests.support.oauth_issuer import Clock


async def test_a_slip_is_refused_at_once_and_a_flood_after_a_pause(clock: Clock) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    pace = RefusalPace(PacePolicy(at_once=2, pause_s=3.0), clock=clock, sleep=sleep)
    for _ in range(5):
        await pace.wait()
    assert len(slept) == 3
    assert all(1.5 <= seconds <= 4.5 for seconds in slept)
    clock.now_s += 1
    await pace.wait()
    assert len(slept) == 3


async def test_only_so_many_refusals_wait(clock: Clock) -> None:
    pace = RefusalPace(PacePolicy(at_once=0, pause_s=3_600, waiting=2), clock=clock)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(pace.wait)
            await anyio.wait_all_tasks_blocked()
            await pace.wait()
            tasks.cancel_scope.cancel()
