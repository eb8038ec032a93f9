"""Calling an ASGI app without a port."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import anyio
import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from calypso_mcp.assembly.embedded import call
from calypso_mcp.errors import UploadCorrupted


async def _echo(request: Request) -> Response:
    try:
        body = (await request.body()).decode()
    except ClientDisconnect:
        body = "gone"
    told = {
        "method": request.method,
        "path": request.url.path,
        "query": dict(request.query_params),
        "header": request.headers.get("x-told"),
        "body": body,
    }
    return JSONResponse(told, 201, {"X-Answer": "yes"})


async def _stream(_: Request) -> Response:
    async def parts() -> AsyncGenerator[str]:
        for part in ("a", "b", "c"):
            yield part

    return StreamingResponse(parts())


async def _fail(_: Request) -> Response:
    raise LookupError("on purpose")


APP = Starlette(
    routes=[
        Route("/echo/{rest:path}", _echo, methods=["POST"]),
        Route("/stream", _stream),
        Route("/fail", _fail),
    ]
)


async def _ask(method: str, path: str, **options: Any) -> httpx2.Response:
    request = httpx2.Request(method, f"http://calypso.localhost{path}", **options)
    with anyio.fail_after(30):
        answer = await call(APP, request)
        await answer.aread()
        return answer


async def test_the_app_sees_the_request_as_a_server_would_show_it() -> None:
    answer = await _ask("POST", "/echo/a%20b?x=%C3%A9&y=2", headers={"X-Told": "this"}, content=b"body")
    assert (answer.status_code, answer.headers["x-answer"]) == (201, "yes")
    assert answer.json() == {
        "method": "POST",
        "path": "/echo/a b",
        "query": {"x": "é", "y": "2"},
        "header": "this",
        "body": "body",
    }


async def test_a_body_may_come_in_pieces_and_an_answer_too() -> None:
    async def pieces() -> AsyncGenerator[bytes]:
        yield b"one "
        yield b"two"

    assert (await _ask("POST", "/echo/", content=pieces())).json()["body"] == "one two"
    assert (await _ask("GET", "/stream")).content == b"abc"


async def test_a_source_that_fails_looks_like_a_client_that_went_away() -> None:
    async def pieces() -> AsyncGenerator[bytes]:
        yield b"one"
        raise UploadCorrupted("It changed.")

    assert (await _ask("POST", "/echo/", content=pieces())).json()["body"] == "gone"


@pytest.mark.parametrize(("path", "status"), [("/fail", 500), ("/elsewhere", 404)])
async def test_what_fails_is_answered_as_by_a_server(path: str, status: int) -> None:
    assert (await _ask("GET", path)).status_code == status


async def test_an_app_that_fails_before_it_answers_is_a_server_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(_scope: object, _receive: object, _send: object) -> None:
        raise LookupError("on purpose")

    assert (await call(app, httpx2.Request("GET", "http://calypso.localhost/"))).status_code == 500
    assert "on purpose" in caplog.text
