"""What leads to something private is refused before, and instead of, any connection."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass

import pytest

from calypso_mcp.local.refusals import Refusal
from calypso_mcp.local.web.fetching import Fetched, fetch
from calypso_mcp.local.web.policy import WebPolicy
from calypso_mcp.local.web.urls import parse_url
from tests.support.web_site import (
    PUBLIC,
    NameServer,
    Site,
    Wire,
    moved,
    name_server,
    page,
    policy,
    site,
)

#: Spellings of addresses that no public page has.
SPELLINGS = [
    spelling
    for line in """
    http://127.0.0.1/  http://127.1/  http://127.0.1/  http://2130706433/  http://0x7f000001/
    http://0x7f.0.0.1/  http://0177.0.0.1/  http://017700000001/  http://127.0.0.1./  http://0/
    http://0.0.0.0/  http://127.255.255.254/  http://10.0.0.1/  http://172.16.0.1/  http://172.31.255.255/
    http://192.168.1.1/  http://169.254.169.254/latest/meta-data/  http://2852039166/  http://0xa9fea9fe/
    http://0251.0376.0251.0376/  http://169.254.43518/  http://100.64.0.1/  http://100.100.100.200/
    http://192.0.0.192/  http://168.63.129.16/  http://198.18.0.1/  http://192.0.2.1/  http://203.0.113.9/
    http://224.0.0.1/  http://239.255.255.250/  http://240.0.0.1/  http://255.255.255.255/
    http://[::1]/  http://[::]/  http://[0:0:0:0:0:0:0:1]/  http://[::ffff:127.0.0.1]/
    http://[::ffff:7f00:1]/  http://[::ffff:169.254.169.254]/  http://[::127.0.0.1]/
    http://[64:ff9b::7f00:1]/  http://[64:ff9b::169.254.169.254]/  http://[64:ff9b:1::a00:1]/
    http://[2002:7f00:1::]/  http://[2002:a9fe:a9fe::1]/  http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/
    http://[2001:db8::1]/  http://[2606:4700::5efe:7f00:1]/  http://[fe80::1]/  http://[fe80::1%25lo]/
    http://[fc00::1]/  http://[fd00:ec2::254]/  http://[ff02::1]/  http://[100::1]/  http://[5f00::1]/
    http://localhost/  http://LOCALHOST/  http://localhost./  http://a.localhost/  http://printer.local/
    http://metadata.google.internal/  http://intranet/  http://wiki.corp/  http://router.lan/
    http://1.0.0.127.in-addr.arpa/  http://public.test@127.0.0.1/  http://127.0.0.1@public.test/
    http://public.test:80@127.0.0.1/  http://public.test%40127.0.0.1/  http://public.test\\@127.0.0.1/
    http://127.0.0.1\\.public.test/  http://127.0.0.1#@public.test/  http://127.0.0.1?@public.test/
    http://127.0.0.1%2f.public.test/  http://%31%32%37.0.0.1/  http://\uff11\uff12\uff17.0.0.1/
    http://127\u30020\u30020\u30021/  http://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3/
    http://[::1]public.test/  http://[::1]@public.test/  http://public.test:22/  http://public.test:6379/
    http://public.test:25/  http://public.test:0/  http://public.test:99999/  http://public.test:-1/
    file:///etc/passwd  gopher://127.0.0.1:6379/_INFO  ftp://public.test/  dict://127.0.0.1:11211/
    data:text/html,hi  javascript:alert(1)  jar:http://127.0.0.1!/  unix:///var/run/docker.sock
    http://  http:///etc/passwd  //127.0.0.1/  127.0.0.1:80  http:127.0.0.1
""".splitlines()
    for spelling in line.split()
]
#: Names that public DNS may give to private addresses.
NAMES = {
    "loopback.test": ["127.0.0.1"],
    "private.test": ["10.1.2.3"],
    "metadata.test": ["169.254.169.254"],
    "six.test": ["::1"],
    "mapped.test": ["::ffff:10.0.0.1"],
    "local-six.test": ["fd12::1"],
    "nat64.test": ["64:ff9b::a00:1"],
    "one-of-two.test": [PUBLIC, "127.0.0.1"],
    "six-of-two.test": [PUBLIC, "fe80::2"],
    "xn--mnchen-3ya.test": ["192.168.0.9"],
}
#: Where a public page sends its reader, and none may go.
REDIRECTS = [
    "http://127.0.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "//127.0.0.1/",
    "http://2130706433/",
    "http://[::ffff:7f00:1]/",
    "http://loopback.test/",
    "http://one-of-two.test/",
    "http://localhost/",
    "http://public.test:6379/",
    "file:///etc/passwd",
    "gopher://public.test/",
    "http://public.test@10.0.0.1/",
    "\\\\127.0.0.1\\x",
    "http://rebound.test/",
]


@dataclass
class Web:
    names: NameServer
    wire: Wire
    site: Site
    policy: WebPolicy

    async def fetch(self, url: str) -> Fetched:
        return await fetch(parse_url(url), self.policy, accept="*/*", most_bytes=10_000)


@pytest.fixture
def names() -> Generator[NameServer]:
    table = {name: [addresses] for name, addresses in NAMES.items()}
    table |= {name: [[PUBLIC]] for name in ("public.test", "hop.test")}
    table["rebound.test"] = [[PUBLIC], ["127.0.0.1"]]
    with name_server(table) as server:
        yield server


@pytest.fixture
async def web(names: NameServer) -> AsyncGenerator[Web]:
    pages = {f"/to/{number}": moved(to) for number, to in enumerate(REDIRECTS)}
    pages["/"] = page("<p>The secret of this machine.</p>")
    pages |= {f"/hop/{number}": moved(f"http://hop.test/to/{number}") for number in range(len(REDIRECTS))}
    async with site(pages) as served:
        wire = Wire(served.port)
        yield Web(names, wire, served, policy(wire, names))


def only_public(web: Web) -> bool:
    return {host for host, _ in web.wire.reached} <= {PUBLIC}


async def refused(web: Web, url: str) -> str:
    with pytest.raises(Refusal) as refusal:
        await web.fetch(url)
    assert refusal.value.problem.code == "url_fetch_blocked"
    return refusal.value.problem.message


@pytest.mark.parametrize("url", SPELLINGS)
async def test_no_spelling_of_a_private_address_is_fetched(web: Web, url: str) -> None:
    await refused(web, url)
    assert web.wire.reached == []
    assert web.names.asked == []


@pytest.mark.parametrize("name", NAMES)
async def test_no_name_with_a_private_address_is_fetched(web: Web, name: str) -> None:
    await refused(web, f"http://{name}/")
    assert web.wire.reached == []
    assert web.names.asked == [name]


@pytest.mark.parametrize("number", range(len(REDIRECTS)))
@pytest.mark.parametrize("way", ["to", "hop"])
async def test_no_redirect_leads_to_a_private_address(web: Web, way: str, number: int) -> None:
    await refused(web, f"http://public.test/{way}/{number}")
    assert only_public(web)
    assert all(request.target != "/" for request in web.site.seen)


async def test_a_name_rebound_between_two_requests_is_refused_at_the_second(web: Web) -> None:
    await refused(web, "http://rebound.test/")
    assert [request.target for request in web.site.seen] == ["/robots.txt"]
    assert web.wire.reached == [(PUBLIC, 80)]


async def test_each_connection_goes_to_an_address_of_its_own_one_question(web: Web) -> None:
    # A question between the check and the connection would have found 127.0.0.1.
    web.names.names["rebound.test"] = [[PUBLIC], [PUBLIC], ["127.0.0.1"]]
    await web.fetch("http://rebound.test/")
    assert web.names.asked == ["rebound.test"] * 2
    assert web.wire.reached == [(PUBLIC, 80)] * 2


async def test_a_public_page_is_fetched_under_its_own_name(web: Web) -> None:
    found = await web.fetch("http://PUBLIC.test.:80?a=b")
    assert str(found.url) == "http://public.test/?a=b"
    assert {request.headers["host"] for request in web.site.seen} == {"public.test"}
    assert web.wire.reached == [(PUBLIC, 80)] * len(web.wire.reached)


async def test_the_next_address_is_tried_where_one_is_dead(web: Web) -> None:
    web.names.names["public.test"] = [["93.184.216.35", PUBLIC]]
    web.wire.dead = frozenset({"93.184.216.35"})
    assert (await web.fetch("http://public.test/")).data


@pytest.mark.parametrize(
    ("opened", "url", "is_open"),
    [
        (("wiki.corp", None), "http://wiki.corp/", True),
        (("wiki.corp", None), "http://wiki.corp:8080/", True),
        (("wiki.corp", None), "http://wiki.corp:6379/", False),
        (("wiki.corp", 6379), "http://wiki.corp:6379/", True),
        (("wiki.corp", 8080), "http://wiki.corp/", False),
        (("wiki.corp", None), "http://other.corp/", False),
        (("wiki.corp", None), "http://10.1.2.3/", False),
        (("10.1.2.3", None), "http://10.1.2.3/", True),
        (("metadata.test", None), "http://metadata.test/", False),
        (("169.254.169.254", None), "http://169.254.169.254/", False),
        (("100.100.100.200", None), "http://100.100.100.200/", False),
        (("localhost", None), "http://localhost/", True),
    ],
)
async def test_only_hosts_that_the_operator_names_are_open(
    web: Web, opened: tuple[str, int | None], url: str, is_open: bool
) -> None:
    web.names.names |= {
        "wiki.corp": [["10.1.2.3"]],
        "other.corp": [["10.1.2.4"]],
        "localhost": [["127.0.0.1"]],
    }
    web.policy = policy(web.wire, web.names, private=[opened])
    if is_open:
        assert (await web.fetch(url)).data
    else:
        await refused(web, url)


async def test_proxies_of_the_environment_are_not_used(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    assert (await web.fetch("http://public.test/")).data
    assert only_public(web)
