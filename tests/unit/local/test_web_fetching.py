"""What a fetch may cost, what robots.txt asks, and what a page is called and says of itself."""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest

from calypso_mcp.local.refusals import Refusal
from calypso_mcp.local.web.fetching import Fetched, fetch
from calypso_mcp.local.web.pages import file_name, page_name, read_head
from calypso_mcp.local.web.robots import Robots
from calypso_mcp.local.web.urls import parse_url
from tests.support.web_site import PUBLIC, NameServer, Site, Wire, moved, name_server, page, policy, site

URL = "http://public.test/page"


@pytest.fixture(scope="module")
def names() -> Generator[NameServer]:
    with name_server({"public.test": [[PUBLIC]], "other.test": [[PUBLIC]]}) as server:
        yield server


@pytest.fixture
async def served() -> AsyncGenerator[Site]:
    async with site({}) as made:
        yield made


async def get(served: Site, names: NameServer, **limits: Any) -> Fetched:
    chosen = policy(Wire(served.port), names, **limits)
    return await fetch(parse_url(URL), chosen, accept="text/html", most_bytes=100_000, language="de")


async def problem(served: Site, names: NameServer, **limits: Any) -> tuple[str, bool]:
    with pytest.raises(Refusal) as refusal:
        await get(served, names, **limits)
    stated = refusal.value.problem
    return stated.code, bool(stated.retryable)


async def test_a_page_comes_with_its_type_through_redirects(served: Site, names: NameServer) -> None:
    served.pages |= {
        "/page": moved("/a"),
        "/a": moved("//other.test/b c", "308 Permanent Redirect"),
        "/b%20c": page("<p>Hello</p>"),
    }
    found = await get(served, names)
    assert (str(found.url), found.data) == ("http://other.test/b%20c", b"<p>Hello</p>")
    assert found.content_type == "text/html; charset=utf-8"
    last = served.seen[-1].headers
    assert last["user-agent"].startswith("calypso-mcp/")
    assert last["accept-language"] == "de"
    assert "authorization" not in last
    assert "cookie" not in last


LEADING_ON = '<!doctype html><meta charset="utf-8"><META http-equiv=refresh content="{}">Go on.'


@pytest.mark.parametrize("content", ["0; url=b?c=1&amp;d=2", "1;URL='b?c=1&amp;d=2'", "0,url=/b?c=1&d=2"])
async def test_a_page_that_leads_on_at_once_is_a_redirect(
    served: Site, names: NameServer, content: str
) -> None:
    served.pages |= {"/page": page(LEADING_ON.format(content)), "/b": page("<p>Hello</p>")}
    found = await get(served, names)
    assert (str(found.url), found.data) == ("http://public.test/b?c=1&d=2", b"<p>Hello</p>")


@pytest.mark.parametrize(
    "markup",
    [
        LEADING_ON.format("0"),
        LEADING_ON.format("0; url=/page"),
        LEADING_ON.format("300; url=/b"),
        LEADING_ON.format("0; url=about:blank"),
        LEADING_ON.format("0; url=/b") + "<p>Much to read.</p>" * 300,
    ],
)
async def test_a_page_that_is_read_before_it_leads_on_is_the_page(
    served: Site, names: NameServer, markup: str
) -> None:
    served.pages |= {"/page": page(markup), "/b": page("<p>Hello</p>")}
    assert (await get(served, names)).data == markup.encode()


@pytest.mark.parametrize("coding", ["gzip", "x-gzip"])
async def test_a_compressed_page_is_unpacked(served: Site, names: NameServer, coding: str) -> None:
    served.pages["/page"] = page(gzip.compress(b"Hello"), Content_Encoding=coding)
    assert (await get(served, names)).data == b"Hello"


def bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    zeros = bytes(1_048_576)
    return b"".join([*(packer.compress(zeros) for _ in range(200)), packer.flush()])


CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
)
LARGE = [CHUNKED, *[b"4000\r\n" + bytes(0x4000) + b"\r\n"] * 20, b"0\r\n\r\n"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (page(b"x" * 100_001), ("file_too_large", False)),
        (page(b"", Content_Length="9" * 15), ("file_too_large", False)),
        (LARGE, ("file_too_large", False)),
        (page(bomb(), Content_Encoding="gzip"), ("file_too_large", False)),
        (page(b"not packed", Content_Encoding="gzip"), ("url_fetch_failed", False)),
        (page(gzip.compress(b"Hello", mtime=0)[:-4], Content_Encoding="gzip"), ("url_fetch_failed", True)),
        (page(gzip.compress(b"Hello", mtime=0), Content_Encoding="gzip, gzip"), ("url_fetch_failed", False)),
        (page(b"Hello", Content_Encoding="br"), ("url_fetch_failed", False)),
        (page("gone", status="404 Not Found"), ("url_fetch_failed", False)),
        (page("no", status="403 Forbidden"), ("url_fetch_failed", False)),
        (page("later", status="503 Service Unavailable"), ("url_fetch_failed", True)),
        (page("later", status="429 Too Many Requests"), ("url_fetch_failed", True)),
        (page("", status="302 Found"), ("url_fetch_failed", False)),
        (moved("/page"), ("url_fetch_failed", False)),
        (page("<meta http-equiv=refresh content='0; url=/other'>"), ("url_fetch_failed", False)),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", ("url_fetch_failed", True)),
        (b"", ("url_fetch_failed", True)),
        (page(b"cut", Content_Length="100"), ("url_fetch_failed", True)),
    ],
)
async def test_what_cannot_be_read_says_why(
    served: Site, names: NameServer, answer: bytes | list[bytes], expected: tuple[str, bool]
) -> None:
    served.pages["/page"] = answer if isinstance(answer, bytes) else (lambda _: answer)
    assert await problem(served, names) == expected


async def test_a_site_that_drips_ends_with_the_time_of_the_fetch(served: Site, names: NameServer) -> None:
    served.drip_s = 0.05
    served.pages["/page"] = lambda _: [CHUNKED, *[b"1\r\nx\r\n"] * 1_000]
    started = time.monotonic()
    assert await problem(served, names, total_s=0.4) == ("url_fetch_failed", True)
    assert time.monotonic() - started < 20  # all drops take 50 s


async def test_a_site_that_says_nothing_ends_with_the_silence(served: Site, names: NameServer) -> None:
    served.drip_s = 0.0
    served.pages["/page"] = lambda _: [CHUNKED, b"5\r\nhel"]
    assert (await problem(served, names, silence_s=0.3))[0] == "url_fetch_failed"


@pytest.mark.parametrize(
    ("robots", "expected"),
    [
        (page("User-agent: *\nDisallow: /", kind="text/plain"), "url_fetch_blocked"),
        (page("User-agent: calypso-mcp\nDisallow: /page", kind="text/plain"), "url_fetch_blocked"),
        (moved("/elsewhere"), "url_fetch_blocked"),
        (page("oops", status="500 Internal Server Error"), "url_fetch_failed"),
        (page("User-agent: other\nDisallow: /", kind="text/plain"), None),
        (page("User-agent: *\nDisallow: /\n\nUser-agent: Calypso-MCP\nAllow: /", kind="text/plain"), None),
        (page("none", status="404 Not Found"), None),
        (page("no", status="403 Forbidden"), None),
        (page(b"\xff\xfe\0" * 300_000, kind="text/plain"), None),
    ],
)
async def test_robots_txt_is_honoured(
    served: Site, names: NameServer, robots: bytes, expected: str | None
) -> None:
    served.pages |= {
        "/robots.txt": robots,
        "/page": page("<p>Hello</p>"),
        "/elsewhere": page("user-agent: *\ndisallow: /page", kind="text/plain"),
    }
    if expected is None:
        assert (await get(served, names)).data == b"<p>Hello</p>"
        return
    assert (await problem(served, names))[0] == expected
    assert "/page" not in {request.target for request in served.seen}


RULES = """\
User-agent: a
User-agent: calypso-mcp   # all three
User-agent: b
Disallow: /private
Allow: /private/open$
Disallow: /*.pdf$
Disallow: /search*q=secret
Disallow: /old*old$
Disallow: /%7Euser/
Disallow:
Crawl-delay: 3

User-agent: *
Disallow: /
"""


@pytest.mark.parametrize(
    ("target", "is_allowed"),
    [
        ("/", True),
        ("/private", False),
        ("/private/x", False),
        ("/private/open", True),
        ("/private/open/x", False),
        ("/a/b.pdf", False),
        ("/a/b.pdf?x=1", True),
        ("/search?a=b&q=secret", False),
        ("/search?q=open", True),
        ("/old-or-old", False),
        ("/old", True),
        ("/~user/", False),
    ],
)
def test_the_longest_rule_for_this_program_decides(target: str, is_allowed: bool) -> None:
    assert Robots.parse(RULES).allow(target) is is_allowed


def test_rules_take_linear_time() -> None:
    robots = Robots.parse("User-agent: *\nDisallow: " + "/*a" * 20_000 + "$\n")
    started = time.process_time()
    assert robots.allow("/" + "a" * 2_000)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("example.com", "https://example.com/"),
        ("  HTTP://Example.COM:80/a/../b/./c?x=\u00fc#part ", "http://example.com/b/c?x=%C3%BC"),
        ("https://m\u00fcnchen.de/\u00df", "https://xn--mnchen-3ya.de/%C3%9F"),
        ("https://example.com/%7euser/%2f?", "https://example.com/~user/%2F"),
        ("//example.com:8443/../..", "https://example.com:8443/"),
        ("example.com:8080/a b".replace(" ", "%20"), "https://example.com:8080/a%20b"),
        ("https://example.com/100%", "https://example.com/100%25"),
        ("https://example.com/a/b/..", "https://example.com/a/"),
        ("https://[2606:4700:0::1111]/", "https://[2606:4700::1111]/"),
    ],
)
def test_one_page_has_one_url(given: str, normal: str) -> None:
    assert str(parse_url(given)) == normal
    assert str(parse_url(normal)) == normal


def fetched(data: bytes = b"", kind: str = "text/html", url: str = URL, **headers: str) -> Fetched:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fetched(parse_url(url), {"content-type": kind, **named}, data)


def test_a_page_says_its_title_and_summary() -> None:
    head = read_head(
        fetched(
            "<!doctype html><html class=x lang='de-AT'><head><title>\n Preise &amp;\n Pl\u00e4ne</title>"
            '<meta property="og:description" content="Was es kostet."></head>'.encode("cp1252"),
            "text/html; charset=windows-1252",
        )
    )
    assert (head.title, head.summary) == ("Preise & Pl\u00e4ne", "Was es kostet.")
    assert read_head(fetched(b"plain", "text/plain")).title is None


@pytest.mark.parametrize(
    ("charset", "written", "title"),
    [
        ("iso-8859-1", b"\x93Plan\x94", "\u201cPlan\u201d"),
        ("utf-7", b"Half +2D0- an emoji", "Half ? an emoji"),
        ("unicode_escape", rb"\ud83d", r"\ud83d"),
        ("", b"Caf\xc3\xa9", "Caf\u00e9"),
    ],
)
def test_a_title_is_read_as_browsers_read_it(charset: str, written: bytes, title: str) -> None:
    page = b"<title>%b</title>" % written
    assert read_head(fetched(page, f"text/html; charset={charset}")).title == title


def test_reading_a_head_takes_linear_time() -> None:
    started = time.process_time()
    for hostile in (
        b"<title " * 9_000,
        b'<meta a="' * 7_000,
        b"<html lang" * 6_000,
        b"<meta " + b"a=" * 30_000,
    ):
        read_head(fetched(hostile))
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("url", "headers", "name"),
    [
        ("https://x.test/docs/manual.pdf?v=2", {}, "manual.pdf"),
        (URL, {"content_disposition": "attachment; filename*=utf-7''half+2D0-.pdf"}, "half-.pdf"),
        ("https://x.test/download?id=7", {"kind": "application/pdf"}, "download.pdf"),
        ("https://x.test/", {}, "x.test.html"),
        ("https://x.test/d", {"content_disposition": 'attachment; filename="../../etc/a b.txt"'}, "a b.txt"),
        ("https://x.test/d", {"content_disposition": "attachment; filename*=UTF-8''%C3%BC.md"}, "\u00fc.md"),
        ("https://x.test/%2e%2e%2fpasswd", {"kind": "text/plain"}, "passwd.txt"),
    ],
)
def test_an_imported_file_is_called_as_its_server_calls_it(
    url: str, headers: dict[str, Any], name: str
) -> None:
    assert file_name(fetched(url=url, **headers)) == name


def test_a_page_is_called_by_its_address() -> None:
    assert page_name(parse_url("https://x.test/a/b?c=d"), "text/html") == "x.test-a-b-c-d.html"
    assert page_name(parse_url("https://x.test/readme.md"), "text/markdown") == "x.test-readme.md"
    assert len(page_name(parse_url("https://x.test/" + "a" * 2_000), "text/html")) < 150
