"""The page before an application that says what reached it."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from calypso_mcp.page.gate import STATIC, PageGate, PagePlace
from calypso_mcp.page.sessions import LINK_S, LinkSessions, link_passes

KEY = "sk_test_0123456789abcdef"
ORIGIN = "http://127.0.0.1:8010"
OWN = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    body = (await request.body()).decode()
    await JSONResponse(
        {
            "path": scope["path"],
            "query": str(request.url.query),
            "authorization": request.headers.get("authorization"),
            "cookie": request.headers.get("cookie"),
            "body": body,
        }
    )(scope, receive, send)


@pytest.fixture
async def browser() -> AsyncGenerator[httpx2.AsyncClient]:
    place = PagePlace("/", "/v1/", ("calypso.example",))
    gate = PageGate(echo, place, LinkSessions(KEY, "run"), lambda _: {"version": "1"})
    async with httpx2.AsyncClient(base_url=ORIGIN, transport=httpx2.ASGITransport(gate)) as client:
        yield client


async def sign_in(browser: httpx2.AsyncClient) -> httpx2.Response:
    given = {"given": link_passes(KEY, "run").make(LINK_S)}
    return await browser.post("/api/session", json=given, headers=OWN)


async def test_a_session_reaches_the_api_with_the_key_instead_of_the_cookie(
    browser: httpx2.AsyncClient,
) -> None:
    assert (await browser.get("/api/knowledge/buckets")).status_code == 401
    signed_in = await sign_in(browser)
    assert signed_in.status_code == 200
    sent = await browser.post("/api/search?deep=1", content=b'{"query": "x"}', headers=OWN)
    assert sent.json() == {
        "path": "/v1/search",
        "query": "deep=1",
        "authorization": f"Bearer {KEY}",
        "cookie": None,
        "body": '{"query": "x"}',
    }
    assert sent.headers["cache-control"] == "no-store"
    assert (await browser.get("/api/session")).json() == {
        "signed_in": True,
        "asks_for": "link",
        "version": "1",
    }
    await browser.delete("/api/session", headers=OWN)
    assert (await browser.get("/api/session")).json() == {"signed_in": False, "asks_for": "link"}


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(browser: httpx2.AsyncClient) -> None:
    [cookie] = (await sign_in(browser)).headers.get_list("set-cookie")
    name, *attributes = cookie.split("; ")
    assert name.startswith("calypso_page_8010=")
    assert {attribute.lower() for attribute in attributes} >= {"httponly", "samesite=strict", "path=/api"}
    assert KEY not in cookie


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:9999", "Sec-Fetch-Site": "same-site"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_another_site_changes_nothing_with_the_session(
    browser: httpx2.AsyncClient, headers: dict[str, str], method: str
) -> None:
    await sign_in(browser)
    for path in ("/api/knowledge/sources/file_1", "/api/session"):
        answer = await browser.request(method, path, headers=headers)
        assert answer.status_code == 403, path


async def test_another_site_reads_nothing_with_the_session(browser: httpx2.AsyncClient) -> None:
    await sign_in(browser)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}):
        assert (await browser.get("/api/knowledge/buckets", headers=headers)).status_code == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8010", 200),
        ("localhost:8010", 200),
        ("[::1]:8010", 200),
        ("192.168.1.7", 200),
        ("calypso.example", 200),
        ("evil.example:8010", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
async def test_a_foreign_name_is_not_answered(browser: httpx2.AsyncClient, host: str, status: int) -> None:
    for path in ("/", "/page/main.js", "/api/session"):
        answer = await browser.get(path, headers={"Host": host})
        assert answer.status_code == status, path


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/page/missing.js", "/api/session", "/api/search"])
async def test_every_answer_says_what_the_page_may_do(browser: httpx2.AsyncClient, path: str) -> None:
    headers = (await browser.get(path)).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/page/../gate.py", "/page/%2e%2e/gate.py", "/page//etc/passwd"])
async def test_only_files_of_the_page_are_served(browser: httpx2.AsyncClient, path: str) -> None:
    assert "class PageGate" not in (await browser.get(path)).text


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"given": 1}', b"\xff", b"[" * 10_000, b"x" * 20_000])
async def test_signing_in_with_nonsense_is_refused(browser: httpx2.AsyncClient, body: bytes) -> None:
    answer = await browser.post("/api/session", content=body, headers=OWN)
    assert answer.status_code in {401, 413}
    assert "set-cookie" not in answer.headers


async def test_everything_else_is_passed_on_as_it_is(browser: httpx2.AsyncClient) -> None:
    await sign_in(browser)
    answer = await browser.get(
        "/v1/knowledge/buckets", headers={"Host": "any.example", "Authorization": "Bearer x"}
    )
    assert answer.json()["authorization"] == "Bearer x"
    assert "content-security-policy" not in answer.headers


async def test_a_page_below_a_folder_keeps_to_it() -> None:
    gate = PageGate(echo, PagePlace("/ui/", "/"), LinkSessions(KEY, "run"), lambda _: {})
    async with httpx2.AsyncClient(base_url=ORIGIN, transport=httpx2.ASGITransport(gate)) as browser:
        assert (await browser.get("/ui")).headers["location"] == "/ui/"
        assert "<title>" in (await browser.get("/ui/")).text
        assert (await browser.get("/")).json()["path"] == "/"
        given = {"given": link_passes(KEY, "run").make(LINK_S)}
        signed_in = await browser.post("/ui/api/session", json=given, headers=OWN)
        assert "path=/ui/api" in signed_in.headers["set-cookie"].lower()
        assert (await browser.post("/ui/api/mcp", headers=OWN)).json()["path"] == "/mcp"


def test_the_page_is_small_and_asks_nobody_else() -> None:
    files = [path for path in STATIC.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 150_000
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|\.write\(|\beval\(", text)
        assert not re.search(r"""(?:src|href|from|import|url)\s*[=(]?\s*["']?https?://""", text), path.name
        assert "style=" not in text, path.name
