"""Answers that never end, beside requests that are answered at once, over one client and real connections."""

from __future__ import annotations

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from calypso_mcp.api.answers import AnswerRequest
from calypso_mcp.client import CalypsoClient
from tests.support.served_app import serving

BOUND_S = 20.0
#: More than any pool of one client holds.
ASKED = 40


async def test_answers_that_never_end_take_no_connection_from_other_requests() -> None:
    waiting = anyio.Event()
    over = anyio.Event()
    listening = 0

    async def answer(_: Request) -> Response:
        async def events():
            nonlocal listening
            listening += 1
            if listening == 20:
                waiting.set()
            yield b": still thinking\n\n"
            await over.wait()

        return StreamingResponse(events(), media_type="text/event-stream")

    async def buckets(_: Request) -> Response:
        return JSONResponse({"team_id": "t", "buckets": []})

    routes = [
        Route("/v1/responses", answer, methods=["POST"]),
        Route("/v1/knowledge/buckets", buckets),
    ]
    with anyio.fail_after(BOUND_S):
        async with (
            serving(Starlette(routes=routes)) as port,
            CalypsoClient(base_url=f"http://127.0.0.1:{port}/v1", api_key="sk_test") as client,
            anyio.create_task_group() as group,
        ):
            for _ in range(ASKED):
                group.start_soon(client.answers.ask, AnswerRequest(model="calypso-agent", input="Why?"))
            await waiting.wait()
            assert (await client.buckets.list()) is not None
            group.cancel_scope.cancel()
            over.set()
