"""The page before an application that says what reached it."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from calypso_mcp.cli.embedded import BackendKey, put_page_before
from calypso_mcp.local.processes.served import Served
from calypso_mcp.page.gate import STATIC, PageGate, PagePlace
from calypso_mcp.page.sessions import LINK_S, LinkSessions, link_passes
from calypso_mcp.server.access.refusal_pace import PAGE_PACE
from calypso_mcp.settings import Settings

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


async def sign_in(browser: httpx2.AsyncClient, base: str = "/") -> tuple[str, httpx2.Response]:
    """Return the path of the API for this session, and the answer that began it."""
    given = {"given": link_passes(KEY, "run").make(LINK_S)}
    answer = await browser.post(f"{base}api/session", json=given, headers=OWN)
    return f"{base}api/{answer.raise_for_status().json()['segment']}", answer


async def test_a_session_reaches_the_api_with_the_key_instead_of_the_cookie(
    browser: httpx2.AsyncClient,
) -> None:
    assert (await browser.get("/api/knowledge/buckets")).status_code == 401
    api, _ = await sign_in(browser)
    sent = await browser.post(f"{api}/search?deep=1", content=b'{"query": "x"}', headers=OWN)
    assert sent.json() == {
        "path": "/v1/search",
        "query": "deep=1",
        "authorization": f"Bearer {KEY}",
        "cookie": None,
        "body": '{"query": "x"}',
    }
    assert sent.headers["cache-control"] == "no-store"
    assert (await browser.get(f"{api}/session")).json() == {
        "signed_in": True,
        "asks_for": "link",
        "version": "1",
    }
    await browser.delete(f"{api}/session", headers=OWN)
    assert (await browser.get(f"{api}/session")).json() == {"signed_in": False, "asks_for": "link"}


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(browser: httpx2.AsyncClient) -> None:
    api, answer = await sign_in(browser)
    [cookie] = answer.headers.get_list("set-cookie")
    attributes = cookie.lower().split("; ")
    assert set(attributes) >= {"httponly", "samesite=strict", f"path={api.lower()}"}
    assert "secure" not in attributes
    assert KEY not in cookie


async def test_another_port_of_this_host_gets_no_cookie(browser: httpx2.AsyncClient) -> None:
    api, _ = await sign_in(browser)
    other_api, _ = await sign_in(browser)
    assert api != other_api
    assert "Cookie" in browser.build_request("GET", f"{api}/session").headers
    # Cookies do not keep to a port: these requests could as well go to another one.
    for path in ("/", "/api", "/api/", "/api/session", "/api/knowledge/buckets", f"{api[:-1]}/session"):
        assert "Cookie" not in browser.build_request("GET", path).headers, path


async def test_a_cookie_that_another_port_has_set_begins_no_session(browser: httpx2.AsyncClient) -> None:
    api, answer = await sign_in(browser)
    name, value = answer.headers["set-cookie"].partition(";")[0].split("=")
    unknown = "/api/s." + "x" * 22
    for path in ("/api", unknown):
        told = await browser.get(
            f"{path}/session", headers={"Cookie": f"{name}={value}; calypso_page_={value}"}
        )
        assert told.json()["signed_in"] is False, path
        assert (await browser.get(f"{path}/search", headers={"Cookie": f"{name}={value}"})).status_code == 401
    assert (await browser.get(f"{api}/session")).json()["signed_in"] is True


async def test_behind_a_proxy_with_https_the_cookie_keeps_to_https() -> None:
    gate = PageGate(echo, PagePlace("/ui/", "/", is_https=True), LinkSessions(KEY, "run"), lambda _: {})
    async with httpx2.AsyncClient(base_url=ORIGIN, transport=httpx2.ASGITransport(gate)) as browser:
        _, answer = await sign_in(browser, "/ui/")
        assert "secure" in answer.headers["set-cookie"].lower().split("; ")


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
    api, _ = await sign_in(browser)
    for path in (f"{api}/knowledge/sources/file_1", f"{api}/session"):
        answer = await browser.request(method, path, headers=headers)
        assert answer.status_code == 403, path


async def test_another_site_reads_nothing_with_the_session(browser: httpx2.AsyncClient) -> None:
    api, _ = await sign_in(browser)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}):
        assert (await browser.get(f"{api}/knowledge/buckets", headers=headers)).status_code == 403


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
        api, signed_in = await sign_in(browser, "/ui/")
        assert f"Path={api}" in signed_in.headers["set-cookie"]
        assert (await browser.post(f"{api}/mcp", headers=OWN)).json()["path"] == "/mcp"


async def test_a_flood_of_strangers_is_slowed_down_and_a_session_is_not() -> None:
    waits = 0

    async def pace() -> None:
        nonlocal waits
        waits += 1

    gate = PageGate(
        echo, PagePlace("/", "/v1/", ()), LinkSessions(KEY, "run"), lambda _: {"version": "1"}, pace
    )
    async with httpx2.AsyncClient(base_url=ORIGIN, transport=httpx2.ASGITransport(gate)) as browser:
        strangers = [
            ("GET", "/", {}, 200),
            ("GET", "/page/main.js", {}, 200),
            ("GET", "/page/main.js", {"Host": "evil.example"}, 421),
            ("GET", "/api/session", {}, 200),
            ("POST", "/api/session", OWN, 401),
            ("POST", "/api/session", {}, 403),
            ("GET", "/api/search", {}, 401),
        ]
        for count, (method, path, headers, status) in enumerate(strangers, start=1):
            assert (await browser.request(method, path, headers=headers)).status_code == status, path
            assert waits == count, path
        api, _ = await sign_in(browser)
        before = waits
        assert (await browser.get(f"{api}/search")).status_code == 200
        assert waits == before


async def test_the_backend_slows_a_flood_of_its_own_page_down(tmp_path: Path) -> None:
    key = BackendKey(KEY, "here")
    gate = put_page_before(echo, Settings(data_dir=tmp_path), key, Served(ORIGIN))
    async with httpx2.AsyncClient(base_url=ORIGIN, transport=httpx2.ASGITransport(gate)) as stranger:
        begun = time.monotonic()
        async with anyio.create_task_group() as tasks:
            for _ in range(PAGE_PACE.at_once + 1):
                tasks.start_soon(stranger.get, "/page/icon.svg")
        # One of them was one too many.
        assert time.monotonic() - begun >= PAGE_PACE.pause_s / 2


def test_the_page_is_small_and_asks_nobody_else() -> None:
    files = [path for path in STATIC.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 150_000
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|\.write\(|\beval\(", text)
        assert not re.search(r"""(?:src|href|from|import|url)\s*[=(]?\s*["']?https?://""", text), path.name
        assert "style=" not in text, path.name
